"""What the bits depend on, as plain JSON."""

import json
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import threadpoolctl

import engine
from engine.runs.environment import environment


def test_it_names_versions_and_machine() -> None:
    found = environment()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["engine"] == engine.__version__
    assert found["python"] == platform.python_version()
    assert found["numpy"] == np.__version__
    assert found["cores"] >= 1
    assert found["cpu"]
    assert found["platform"]
    assert all(isinstance(name, str) for name in found["simd"])


def test_it_names_the_blas_that_is_loaded() -> None:
    pools = [p for p in threadpoolctl.threadpool_info() if p["user_api"] == "blas"]
    found = environment()["blas"]
    if pools:
        assert [blas["library"] for blas in found] == [pool["internal_api"] for pool in pools]
        assert [blas["version"] for blas in found] == [pool["version"] for pool in pools]
        assert [blas["architecture"] for blas in found] == [p.get("architecture") for p in pools]


def test_without_a_library_to_ask_it_names_what_numpy_was_built_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threadpoolctl, "threadpool_info", list)
    (blas,) = environment()["blas"]
    built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    assert (blas["library"], blas["version"]) == (built["name"], built["version"])
    assert blas["architecture"] is None


@pytest.mark.parametrize("cpuinfo", [None, "processor : 0\n"], ids=["no file", "no model name"])
def test_without_a_model_name_there_still_is_a_cpu(
    monkeypatch: pytest.MonkeyPatch, cpuinfo: str | None
) -> None:
    def read_text(self: Path, errors: str) -> str:
        if cpuinfo is None:
            raise FileNotFoundError
        return cpuinfo

    monkeypatch.setattr(Path, "read_text", read_text)
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(sys, "platform", "plan9")
    assert environment()["cpu"] == platform.machine()


def test_on_a_mac_the_system_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_file(self: Path, errors: str) -> str:
        raise FileNotFoundError

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 0, "Apple M4\n")

    monkeypatch.setattr(Path, "read_text", no_file)
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(subprocess, "run", run)
    assert environment()["cpu"] == "Apple M4"
