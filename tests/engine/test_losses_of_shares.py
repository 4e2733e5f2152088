"""Losses whose targets are shares of the classes: mixed images, for which no label is enough."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from engine.errors import DTypeError, ShapeError
from engine.losses import LOSSES, Loss, SoftmaxCrossEntropy
from tests.engine.test_losses import numeric_gradient, relative_error

WEIGHTS = np.array([0.2, 3.0, 1.0, 0.0, 7.5])
CROSS_ENTROPIES: list[Callable[[], SoftmaxCrossEntropy]] = [
    SoftmaxCrossEntropy,
    lambda: SoftmaxCrossEntropy(0.1),
    lambda: SoftmaxCrossEntropy(1.0),
    lambda: SoftmaxCrossEntropy(0.0, WEIGHTS),
    lambda: SoftmaxCrossEntropy(0.1, WEIGHTS),
]
IDS = ["plain", "smoothed", "all smoothing", "weighted", "weighted, smoothed"]
cross_entropies = pytest.mark.parametrize("make", CROSS_ENTROPIES, ids=IDS)
every_loss = pytest.mark.parametrize(
    "make", [*CROSS_ENTROPIES, *LOSSES.values()], ids=[*IDS, *LOSSES]
)
Make = Callable[[], Loss]


def batch(rng: np.random.Generator, dtype: type = np.float64) -> tuple[np.ndarray, np.ndarray]:
    """Scores and shares; two rows of one class alone, one of these the class of weight 0."""
    pred: np.ndarray = (3 * rng.standard_normal((6, 5))).astype(dtype)
    shares: np.ndarray = rng.dirichlet(np.full(5, 0.5), 6).astype(dtype)
    shares[3] = 0.6, 0.0, 0.4, 0.0, 0.0
    shares[4], shares[5] = np.eye(5)[1], np.eye(5)[3]
    return pred, shares


@cross_entropies
def test_it_is_the_mean_of_the_losses_of_its_classes(
    make: Callable[[], SoftmaxCrossEntropy], rng: np.random.Generator
) -> None:
    pred, shares = batch(rng)
    each = np.stack([make().per_sample(pred, np.full(6, c)) for c in range(5)], axis=1)
    expected = (shares * each).sum(axis=1)
    np.testing.assert_allclose(make().per_sample(pred, shares), expected, rtol=1e-12, atol=1e-15)
    total = math.fsum(expected)
    assert make().forward(pred, shares) == pytest.approx(total / 6, rel=1e-13)


@cross_entropies
def test_a_class_alone_is_a_label(
    make: Callable[[], SoftmaxCrossEntropy], rng: np.random.Generator
) -> None:
    pred, _ = batch(rng)
    labels = np.array([0, 1, 2, 3, 4, 1])
    rows, loss, other = np.eye(5)[labels], make(), make()
    assert loss.forward(pred, rows) == pytest.approx(other.forward(pred, labels), rel=1e-14)
    np.testing.assert_allclose(loss.backward(), other.backward(), rtol=1e-13, atol=1e-16)


@every_loss
def test_gradient_against_finite_differences(make: Make, rng: np.random.Generator) -> None:
    pred, shares = batch(rng)
    loss = make()
    numeric = numeric_gradient(loss, pred, shares)
    loss.forward(pred, shares)
    assert relative_error(loss.backward(), numeric) <= 1e-7


@every_loss
def test_dtypes_stay_and_nothing_is_changed(make: Make, rng: np.random.Generator) -> None:
    pred, shares = batch(rng, np.float32)
    before, loss = (pred.copy(), shares.copy()), make()
    assert type(loss.forward(pred, shares)) is float
    assert loss.per_sample(pred, shares).dtype == np.float32
    first = loss.backward()
    assert first.dtype == np.float32
    np.testing.assert_array_equal(pred, before[0])
    np.testing.assert_array_equal(shares, before[1])
    shares *= 0
    np.testing.assert_array_equal(loss.backward(), first)


def test_shares_of_another_shape_are_refused() -> None:
    loss, pred = SoftmaxCrossEntropy(), np.zeros((3, 5))
    with pytest.raises(DTypeError, match="class indices of an integer dtype"):
        loss.forward(pred, np.zeros((3, 4)))
    with pytest.raises(ShapeError, match=r"expected \(3,\): class indices, not one-hot rows"):
        loss.forward(pred, np.zeros((3, 5), int))
    with pytest.raises(ShapeError, match=r"weights of shape \(5,\)"):
        SoftmaxCrossEntropy(0.0, WEIGHTS).forward(np.zeros((3, 4)), np.zeros((3, 4)))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@every_loss
def test_a_diverged_network_gives_a_loss_that_is_not_finite_and_no_warning(
    make: Make, bad: float, rng: np.random.Generator
) -> None:
    pred, shares = batch(rng, np.float32)
    pred[2, 3] = bad
    assert not math.isfinite(make().forward(pred, shares))


@pytest.mark.torch
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 1e-6)])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_like_pytorch(
    smoothing: float, dtype: type, tolerance: float, rng: np.random.Generator
) -> None:
    import torch

    pred, shares = batch(rng, dtype)
    x = torch.from_numpy(pred.copy()).requires_grad_()
    expected = torch.nn.functional.cross_entropy(
        x, torch.from_numpy(shares), label_smoothing=smoothing
    )
    expected.backward()
    loss = SoftmaxCrossEntropy(smoothing)
    assert loss.forward(pred, shares) == pytest.approx(expected.item(), rel=tolerance)
    np.testing.assert_allclose(loss.backward(), x.grad.numpy(), rtol=0, atol=tolerance)
