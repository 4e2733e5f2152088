"""The parts that matrix products are computed in, by hand and for either kind of BLAS."""

import numpy as np
import pytest

from engine.kernels import conv, gemm
from engine.kernels.window import make_window


def lengths(parts: list[slice]) -> list[int]:
    return [part.stop - part.start for part in parts]


def test_small_products_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gemm, "multiplies_small", lambda: True)
    assert lengths(gemm.column_parts(1024, 32, 96)) == [256] * 4  # at most 325
    assert lengths(gemm.row_parts(64, 32)) == [32, 32]
    assert lengths(gemm.row_parts(64, 256)) == [64]  # parts of 4 rows would be too thin


def test_transposed_products_of_many_rows_and_columns_stay_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gemm, "multiplies_small", lambda: True)
    assert lengths(gemm.row_parts(63, 64)) == [15, 16, 16, 16]
    assert lengths(gemm.row_parts(64, 63)) == [16] * 4
    assert lengths(gemm.row_parts(64, 64)) == [64]


def test_other_kernels_get_products_as_large_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gemm, "multiplies_small", lambda: False)
    assert lengths(gemm.column_parts(1024, 32, 96)) == [1024]
    assert lengths(gemm.row_parts(64, 32)) == [64]


@pytest.mark.parametrize("small", [True, False])
def test_the_order_of_sums_follows_from_the_sizes_alone(
    monkeypatch: pytest.MonkeyPatch, small: bool
) -> None:
    monkeypatch.setattr(gemm, "multiplies_small", lambda: small)
    assert lengths(gemm.depth_parts(1900, 64, 32)) == [950, 950]  # at most 1e6 // (32 * 32)
    assert lengths(gemm.depth_parts(1900, 64, 64)) == [475] * 4  # packed: at most 512


@pytest.mark.parametrize(
    ("architecture", "small"), [("SkylakeX", True), ("Haswell", False), ("", False)]
)
def test_the_kernels_of_the_blas_decide(
    monkeypatch: pytest.MonkeyPatch, architecture: str, small: bool
) -> None:
    monkeypatch.setattr(gemm, "threadpool_info", lambda: [{}, {"architecture": architecture}])
    assert gemm.multiplies_small.__wrapped__() is small


def test_all_parts_of_a_convolution_are_computed(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    window = make_window(3, padding=1)
    x, weight = rng.standard_normal((8, 64, 8, 8)), rng.standard_normal((64, 64, 3, 3))
    found = []
    for small in (True, False):
        monkeypatch.setattr(gemm, "multiplies_small", lambda small=small: small)
        dweight = np.empty_like(weight)
        y = conv.forward(x, weight, None, window, 1)
        conv.backward_weight(y, x, dweight, window, 1)
        found.append((y, dweight))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10)
