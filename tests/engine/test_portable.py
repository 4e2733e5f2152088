"""Portable arithmetic: what is refused where, and with which next step."""

import platform
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import threadpoolctl

from engine import portable
from engine.config import config_hash, loads
from engine.portable import NotPortable
from engine.train.session import TrainingSession
from tests.support import TINY_CONFIG

Machine = Callable[..., None]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A process on some machine; by default one that computes portably."""

    def be(
        kernels: tuple[str, ...] = ("Haswell",),
        simd: tuple[str, ...] = ("X86_V3",),
        blas: str = "openblas",
        processor: str = "x86_64",
        **variables: str,
    ) -> None:
        pools = [
            {"user_api": "blas", "internal_api": blas, "architecture": kernel} for kernel in kernels
        ]
        build: dict[str, Any] = {"SIMD Extensions": {"baseline": ["X86_V2"], "found": list(simd)}}
        monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: pools)
        monkeypatch.setattr(np, "show_config", lambda mode: build)
        monkeypatch.setattr(platform, "machine", lambda: processor)
        for name in ("OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    be()
    return be


def test_a_process_with_the_kernels_for_avx2_computes_portably(machine: Machine) -> None:
    portable.check()
    machine(simd=("AVX2", "FMA3"))  # NumPy's names before 2.4
    portable.check()


@pytest.mark.parametrize(
    ("kernels", "simd", "reason"),
    [
        (("SkylakeX",), ("X86_V3",), "OpenBLAS uses its SkylakeX kernels, not those of Haswell"),
        (("Haswell", "Zen"), ("X86_V3",), "OpenBLAS uses its Zen kernels, not those of Haswell"),
        (("Haswell",), ("X86_V3", "X86_V4", "AVX512_ICL"), "NumPy uses X86_V4, AVX512_ICL"),
    ],
)
def test_a_process_with_other_kernels_has_to_be_started_again(
    machine: Machine, kernels: tuple[str, ...], simd: tuple[str, ...], reason: str
) -> None:
    machine(kernels, simd)
    with pytest.raises(NotPortable, match=reason) as caught:
        portable.check()
    wider = " ".join(simd[1:])
    assert caught.value.variables == {
        "OPENBLAS_CORETYPE": "Haswell",
        "NPY_DISABLE_CPU_FEATURES": wider,
    }
    assert f"set OPENBLAS_CORETYPE='Haswell' NPY_DISABLE_CPU_FEATURES='{wider}'" in str(
        caught.value
    )


def test_what_was_disabled_before_stays_so(machine: Machine) -> None:
    machine(simd=("X86_V3", "X86_V4"), NPY_DISABLE_CPU_FEATURES="AVX512_SPR,X86_V4")
    assert portable.variables()["NPY_DISABLE_CPU_FEATURES"] == "AVX512_SPR X86_V4"


@pytest.mark.parametrize(
    ("here", "reason"),
    [
        ({"processor": "arm64"}, "need an x86-64 processor; this one is arm64"),
        ({"simd": ()}, "need a processor with AVX2"),
        ({"blas": "mkl"}, "need a NumPy with OpenBLAS, as pip installs it"),
        ({"kernels": ()}, "need a NumPy with OpenBLAS, as pip installs it"),
        ({"NPY_ENABLE_CPU_FEATURES": "AVX2"}, "need NPY_ENABLE_CPU_FEATURES not to be set"),
    ],
)
def test_a_machine_that_cannot_says_why_and_is_not_told_to_try_again(
    machine: Machine, here: dict[str, Any], reason: str
) -> None:
    machine(**here)
    with pytest.raises(NotPortable, match=reason) as caught:
        portable.check()
    assert not caught.value.variables
    assert "start" not in str(caught.value)


def test_a_portable_training_is_refused_before_there_is_a_run(
    machine: Machine, tmp_path: Any
) -> None:
    machine(("SkylakeX",))
    places = [f"runs_dir={tmp_path / 'runs'}", "train.portable=true"]
    session = TrainingSession(loads(TINY_CONFIG.read_text(), "tiny.yaml", places))
    with pytest.raises(NotPortable, match=r"train\.portable: OpenBLAS uses its SkylakeX"):
        session.run()
    assert not list(tmp_path.iterdir())


def test_only_a_config_that_asks_for_it_is_another_one() -> None:
    text = TINY_CONFIG.read_text()
    plain, off, on = (
        config_hash(loads(text, "tiny.yaml", [f"train.portable={value}"] if value else []))
        for value in ("", "false", "true")
    )
    assert plain == off != on
