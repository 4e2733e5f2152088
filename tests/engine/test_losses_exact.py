"""Losses, term by term: values, gradients, extremes, and what they leave alone."""

import math
from typing import Any

import numpy as np

from engine.arrays import Array
from engine.gradcheck.differences import Function, Settings
from engine.gradcheck.layer import check_tensor
from engine.losses import MSE, Loss, SoftmaxCrossEntropy


def _batches() -> list[tuple[Loss, Array, Any]]:
    rng = np.random.default_rng(0)
    logits, labels = 2 * rng.standard_normal((5, 4)), rng.integers(0, 4, 5)
    return [
        (SoftmaxCrossEntropy(), logits, labels),
        (SoftmaxCrossEntropy(0.3), logits, labels),
        (SoftmaxCrossEntropy(1.0), logits, labels),
        (SoftmaxCrossEntropy(0.3, np.array([0.5, 3.0, 1.0, 7.0])), logits, labels),
        (MSE(), logits, rng.standard_normal((5, 4))),
    ]


def _expected(loss: Loss, pred: Array, target: Any) -> float:
    if isinstance(loss, MSE):
        return math.fsum(((pred - target) ** 2).flat) / pred.size
    assert isinstance(loss, SoftmaxCrossEntropy)
    s, classes = loss.label_smoothing, pred.shape[1]
    weights = np.ones(classes) if loss.class_weights is None else loss.class_weights
    total = 0.0
    for row, label in zip(pred.tolist(), target.tolist(), strict=True):
        z = math.fsum(math.exp(value) for value in row)
        for c, value in enumerate(row):
            q = (1 - s) * (c == label) + s / classes
            total -= weights[label] * q * math.log(math.exp(value) / z)
    return total / len(pred)


def test_every_entry_of_the_gradient() -> None:
    """Central differences, every entry."""
    for loss, pred, target in _batches():
        loss.forward(pred, target)
        gradient = loss.backward()
        again = loss.backward()
        np.testing.assert_array_equal(gradient, again)

        def value(loss: Loss = loss, pred: Array = pred, target: Any = target) -> Array:
            return np.array(loss.forward(pred, target))

        function = Function(value, np.ones(()))
        row = check_tensor(
            ("", type(loss).__name__, "input"),
            pred,
            gradient,
            function,
            Settings("exact", None, 1e-6, 1e-6),
            np.random.default_rng(1),
        )
        assert row.verdict == "ok", row


def test_values_are_those_of_the_definition() -> None:
    """The definition, term by term."""
    for loss, pred, target in _batches():
        expected = _expected(loss, pred, target)
        value = loss.forward(pred, target)
        assert type(value) is float
        np.testing.assert_allclose(value, expected, rtol=1e-13)
        if isinstance(loss, SoftmaxCrossEntropy):
            samples = loss.per_sample(pred, target)
            assert samples.shape == target.shape
            for i, sample in enumerate(samples):
                one = _expected(loss, pred[i : i + 1], target[i : i + 1])
                np.testing.assert_allclose(sample, one, rtol=1e-12)


def test_nothing_else_changes() -> None:
    """Neither argument is written to, and a change of them afterwards changes nothing."""
    for loss, pred, target in _batches():
        before = pred.copy(), target.copy()
        loss.forward(pred, target)
        first = loss.backward()
        if isinstance(loss, SoftmaxCrossEntropy):
            loss.per_sample(-pred, target)
        np.testing.assert_array_equal(pred, before[0])
        np.testing.assert_array_equal(target, before[1])
        expected = first.copy()
        first[...] = np.nan
        pred[...], target[...] = 1, 0
        np.testing.assert_array_equal(loss.backward(), expected)


def test_extremes() -> None:
    """Large logits give finite losses; what is not finite gives no warning."""
    loss = SoftmaxCrossEntropy()
    logits = np.array([[1000.0, 0.0, -1000.0], [-5000.0, 0.0, 5000.0]])
    assert loss.forward(logits, np.array([0, 2])) == 0.0
    np.testing.assert_array_equal(loss.backward(), np.zeros((2, 3)))
    assert loss.forward(logits, np.array([2, 2])) == 1000.0
    smoothed = SoftmaxCrossEntropy(0.3).forward(logits, np.array([0, 2]))
    np.testing.assert_allclose(smoothed, 0.3 * (3000 / 3 + 15000 / 3) / 2)
    for bad in (np.nan, np.inf, -np.inf):
        for other, pred, target in _batches():
            pred[1, 2] = bad
            other.forward(pred, target)
            other.backward()
    SoftmaxCrossEntropy(0.3).forward(np.array([[1.7e308, -1.7e308]]), np.array([1]))
    infinite = np.full((1, 2), np.inf)
    assert math.isnan(MSE().forward(infinite, infinite))
    huge = np.full((2, 2), 1e300)
    mse = MSE()
    assert mse.forward(huge, -huge) == math.inf
    mse.forward(np.full((1, 1), 1.7e308), np.zeros((1, 1)))
    assert mse.backward()[0, 0] == math.inf


def test_float32_stays() -> None:
    for loss, pred, target in _batches():
        narrow = pred.astype(np.float32)
        loss.forward(narrow, target)
        assert loss.backward().dtype == np.float32


def test_whole_numbers_become_floats() -> None:
    assert type(SoftmaxCrossEntropy(1).label_smoothing) is float
