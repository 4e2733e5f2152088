"""Portable arithmetic: the same bits on x86-64 processors of different makers.

OpenBLAS chooses its kernels, and NumPy its loops, by the processor, and another kernel adds up in
another order. Both can be held to what every processor with AVX2 has, by environment variables that
are read when NumPy is imported: a process that runs without them has to be started again.
"""

import os
import platform
from typing import Any

import numpy as np
import threadpoolctl

from engine.errors import ConfigError

KERNEL = "Haswell"
"""OpenBLAS's kernels for AVX2, as it names them."""

_BLAS, _DISABLED, _ENABLED = (
    "OPENBLAS_CORETYPE",
    "NPY_DISABLE_CPU_FEATURES",
    "NPY_ENABLE_CPU_FEATURES",
)


class NotPortable(ConfigError):
    """This process does not compute portably.

    Attributes:
        variables: environment variables with which a new process does; empty where none would.
    """

    def __init__(self, reason: str, variables: dict[str, str]) -> None:
        self.variables = variables
        if variables:
            settings = " ".join(f"{name}='{value}'" for name, value in variables.items())
            reason += (
                "; train with 'cnn-tui --no-ui', open the app with 'cnn-tui --portable', or set "
                f"{settings} before Python starts"
            )
        super().__init__(f"train.portable: {reason}")


def check() -> None:
    """Refuse a portable training in a process that does not compute portably.

    Raises:
        NotPortable: it does not.
    """
    reason = not_in_effect()
    if reason:
        raise NotPortable(reason, {} if not_possible() else variables())


def variables() -> dict[str, str]:
    """Environment variables with which a new process computes portably, as it is set here.

    NumPy warns of features that the processor does not have; they are left out.
    """
    disabled = os.environ.get(_DISABLED, "").replace(",", " ").split()
    wider = [feature for feature in _wider_features() if feature not in disabled]
    return {_BLAS: KERNEL, _DISABLED: " ".join([*disabled, *wider])}


def not_possible() -> str:
    """Why this machine cannot compute portably at all; empty if it can."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return f"portable bits need an x86-64 processor; this one is {platform.machine()}"
    if not {"AVX2", "X86_V3"} & {*_simd("baseline"), *_simd("found")}:
        return "portable bits need a processor with AVX2"
    if {pool["internal_api"] for pool in _blas()} != {"openblas"}:
        return "portable bits need a NumPy with OpenBLAS, as pip installs it"
    if os.environ.get(_ENABLED):
        return f"portable bits need {_ENABLED} not to be set"
    return ""


def not_in_effect() -> str:
    """What this process computes with that is not portable; empty if it computes portably."""
    reason = not_possible()
    if reason:
        return reason
    for blas in _blas():  # SciPy brings one of its own
        if blas.get("architecture") != KERNEL:
            return f"OpenBLAS uses its {blas.get('architecture')} kernels, not those of {KERNEL}"
    wider = _wider_features()
    return f"NumPy uses {', '.join(wider)}" if wider else ""


def _wider_features() -> list[str]:
    """What NumPy's own loops use here beyond AVX2."""
    return [name for name in _simd("found") if name.startswith("AVX512") or name == "X86_V4"]


def _simd(kind: str) -> list[str]:
    build: Any = np.show_config(mode="dicts")
    return list(build.get("SIMD Extensions", {}).get(kind, []))


def _blas() -> list[dict[str, Any]]:
    return [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
