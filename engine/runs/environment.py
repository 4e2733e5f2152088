"""Environment of a run: versions, BLAS and machine, recorded to explain differences.

A run gives the same bits again with the same NumPy build, the same BLAS and the same CPU kernels;
the number of workers, kills and resumes never change them.
"""

import hashlib
import platform
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import threadpoolctl

import engine
from engine.parallel.workers import usable_cores


def environment() -> dict[str, Any]:
    """Describe versions, BLAS and machine as plain JSON.

    Returns:
        ``engine``, ``source`` (a digest of the engine's own files), ``python``, ``numpy``,
        ``blas`` (a list of library, version, kernel architecture and threads), ``simd`` (the
        instruction sets NumPy's own kernels use here), ``cpu``, ``machine``, ``platform`` and
        ``cores`` (those this process may use).
    """
    build: Any = np.show_config(mode="dicts")
    return {
        "engine": engine.__version__,
        "source": _source(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": _blas(build),
        "simd": list(build.get("SIMD Extensions", {}).get("found", [])),
        "cpu": _cpu_model(),
        "machine": platform.machine(),
        "platform": platform.platform(),
        "cores": usable_cores(),
    }


@cache
def _source() -> str:
    """Digest of the engine's source files, to tell states between releases apart."""
    folder = Path(engine.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder).as_posix()}\n".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _blas(build: Any) -> list[dict[str, Any]]:
    loaded = [
        {
            "library": pool["internal_api"],
            "version": pool["version"],
            "architecture": pool.get("architecture"),
            "threads": pool["num_threads"],
        }
        for pool in threadpoolctl.threadpool_info()
        if pool["user_api"] == "blas"
    ]
    if loaded:
        return loaded
    # Apple's Accelerate has no interface to ask; what NumPy was built with is all there is.
    built = build.get("Build Dependencies", {}).get("blas", {})
    library, version = built.get("name"), built.get("version")
    return [{"library": library, "version": version, "architecture": None, "threads": None}]


def _cpu_model() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    if sys.platform == "darwin":
        with suppress(OSError, subprocess.SubprocessError):
            command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
            answer = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
            return answer.stdout.strip()
    return platform.processor() or platform.machine()
