"""Norms and clipping: sums of squares by hand, gradients that are not finite, PyTorch."""

import math
from typing import Any

import numpy as np
import pytest

from engine.optim.clipping import DOT_LENGTH, clip_factor, norm_of, square_sums
from tests.support.optim_problem import clip, norm, problem


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [7, DOT_LENGTH, DOT_LENGTH + 1, 23_007])
def test_the_norm_is_that_of_a_sum_of_squares(
    dtype: type, size: int, rng: np.random.Generator
) -> None:
    flat: np.ndarray = rng.standard_normal(size).astype(dtype)
    expected = math.sqrt(math.fsum(float(x) ** 2 for x in flat))
    found = norm_of(square_sums(flat))
    assert type(found) is float
    assert found == pytest.approx(expected, rel=1e-6 if dtype == np.float32 else 1e-13)
    assert len(square_sums(flat)) == -(-size // DOT_LENGTH)


def test_the_norm_by_hand() -> None:
    assert norm_of(square_sums(np.array([3.0, 0.0, 4.0]))) == 5.0
    assert norm_of([9.0, 16.0]) == 5.0
    assert norm_of(square_sums(np.zeros(0))) == 0.0


def test_the_norm_of_huge_float32_gradients_is_finite() -> None:
    huge = np.full(4, 1e30, np.float32)
    assert norm_of(square_sums(huge)) == pytest.approx(2e30, rel=1e-6)


@pytest.mark.parametrize("size", [3, 9000])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_norm_that_is_not_finite_is_told_and_nothing_is_clipped(
    dtype: type, bad: float, size: int
) -> None:
    flat: np.ndarray = np.ones(size, dtype)
    flat[-1] = bad
    found = norm_of(square_sums(flat))
    assert not math.isfinite(found)
    assert clip_factor(found, 1.0) == 1.0


def test_gradients_above_the_largest_norm_are_scaled_down_to_it() -> None:
    assert clip_factor(50.0, 5.0) == pytest.approx(0.1, rel=1e-6)
    assert 50.0 * clip_factor(50.0, 5.0) <= 5.0


def test_gradients_up_to_the_largest_norm_are_left_alone() -> None:
    assert clip_factor(0.5, 5.0) == 1.0
    assert clip_factor(0.0, 5.0) == 1.0


@pytest.mark.parametrize("max_norm", [0.0, -1.0, math.nan])
def test_impossible_max_norms(max_norm: float) -> None:
    with pytest.raises(ValueError, match="max_norm must be above 0"):
        clip_factor(1.0, max_norm)


@pytest.mark.torch
@pytest.mark.parametrize("max_norm", [0.1, 3.0, 1e3])
def test_clipping_like_pytorch(max_norm: float) -> None:
    import torch

    grads: dict[str, Any] = problem()
    theirs = [torch.nn.Parameter(torch.zeros(g.shape, dtype=torch.float64)) for g in grads.values()]
    for p, g in zip(theirs, grads.values(), strict=True):
        p.grad = torch.from_numpy(g.copy())
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm)
    assert norm(grads) == pytest.approx(expected.item(), rel=1e-14)
    clip(grads, max_norm)
    for p, g in zip(theirs, grads.values(), strict=True):
        np.testing.assert_allclose(g, p.grad.numpy(), rtol=1e-13)
