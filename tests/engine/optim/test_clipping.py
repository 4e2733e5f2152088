"""Norms and clipping: sums of squares by hand, gradients that are not finite, PyTorch."""

import math

import numpy as np
import pytest

from engine.optim import clip_grad_norm, global_norm
from tests.support.optim_problem import problem


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_global_norm_against_a_sum_of_squares(dtype: type, rng: np.random.Generator) -> None:
    grads = {
        "a": rng.standard_normal((30, 20, 3, 3)).astype(dtype),
        "b": rng.standard_normal(7).astype(dtype),
        "c": rng.standard_normal((90, 200)).astype(dtype)[:, ::2],
        "d": rng.standard_normal((60, 50)).astype(dtype).T,
        "e": np.zeros((0, 3), dtype),
    }
    expected = math.sqrt(math.fsum(float(x) ** 2 for g in grads.values() for x in g.flat))
    norm = global_norm(grads)
    assert type(norm) is float
    assert norm == pytest.approx(expected, rel=1e-6 if dtype == np.float32 else 1e-13)


def test_global_norm_by_hand() -> None:
    assert global_norm({"a": np.array([3.0, 0.0]), "b": np.array([[4.0]])}) == 5.0
    assert global_norm({}) == 0.0


def test_global_norm_of_huge_float32_gradients_is_finite() -> None:
    assert global_norm({"a": np.full(4, 1e30, np.float32)}) == pytest.approx(2e30, rel=1e-6)


@pytest.mark.parametrize("size", [3, 9000])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_norm_that_is_not_finite_is_told_and_nothing_is_clipped(
    dtype: type, bad: float, size: int
) -> None:
    grads = {"a": np.ones(size, dtype), "b": np.ones(size, dtype)}
    grads["b"][-1] = bad
    kept = {key: g.copy() for key, g in grads.items()}
    assert not math.isfinite(global_norm(grads))
    assert not math.isfinite(clip_grad_norm(grads, 1.0))
    for key, g in grads.items():
        np.testing.assert_array_equal(g, kept[key])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clipping_scales_all_gradients_by_one_factor(dtype: type) -> None:
    grads = {"a": np.array([30.0, 0.0], dtype), "b": np.array([[40.0]], dtype)}
    same = dict(grads)
    assert clip_grad_norm(grads, 5.0) == 50.0
    assert global_norm(grads) == pytest.approx(5.0)
    np.testing.assert_allclose(grads["a"], [3.0, 0.0], rtol=1e-6)
    for key, g in grads.items():
        assert g is same[key]
        assert g.dtype == dtype


def test_small_gradients_are_not_touched() -> None:
    grads = {"a": np.array([0.3, 0.4])}
    assert clip_grad_norm(grads, 5.0) == pytest.approx(0.5)
    np.testing.assert_array_equal(grads["a"], [0.3, 0.4])


@pytest.mark.parametrize("max_norm", [0.0, -1.0, math.nan])
def test_impossible_max_norms(max_norm: float) -> None:
    with pytest.raises(ValueError, match="max_norm must be above 0"):
        clip_grad_norm({}, max_norm)


@pytest.mark.torch
@pytest.mark.parametrize("max_norm", [0.1, 3.0, 1e3])
def test_clipping_like_pytorch(max_norm: float) -> None:
    import torch

    grads = problem()
    theirs = [torch.nn.Parameter(torch.zeros(g.shape, dtype=torch.float64)) for g in grads.values()]
    for p, g in zip(theirs, grads.values(), strict=True):
        p.grad = torch.from_numpy(g.copy())
    norm = torch.nn.utils.clip_grad_norm_(theirs, max_norm)
    assert clip_grad_norm(grads, max_norm) == pytest.approx(norm.item(), rel=1e-14)
    for p, g in zip(theirs, grads.values(), strict=True):
        np.testing.assert_allclose(g, p.grad.numpy(), rtol=1e-13)
