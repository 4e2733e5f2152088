"""Lookahead and average, number by number."""

import numpy as np
import pytest

from engine.models import build
from engine.optim.parameters import FlatParameters, share_buffers
from engine.optim.slow_weights import Average, Lookahead


def test_slow_weights_follow_and_the_trained_ones_step_back_to_them() -> None:
    rng = np.random.default_rng(0)
    model = build(["Flatten", {"Dense": {"out_features": 2}}, "BatchNorm1D"], (1, 2, 2))
    model.initialise(rng, np.float64)
    parameters, buffers = FlatParameters(model), share_buffers(model)
    lookahead = Lookahead(every=2, decay=0.9, steps=5)
    lookahead.attach(parameters, buffers)
    fast, slow = parameters.vector, parameters.vector.copy()
    mean, slow_mean = buffers[1], buffers[1].copy()
    for t in range(1, 6):
        fast += rng.standard_normal(fast.size)
        mean += rng.standard_normal(mean.size)
        before = mean.copy()
        expected, expected_mean = fast.copy(), mean.copy()
        if t % 2 == 0:
            kept = 0.9**2 * (t / 5) ** 3
            slow, slow_mean = (
                kept * old + (1 - kept) * new for old, new in ((slow, fast), (slow_mean, mean))
            )
        if t in (2, 4, 5):
            expected, expected_mean = slow, slow_mean
        lookahead.follow(t, slice(4, 14), with_buffers=False)  # two workers
        np.testing.assert_array_equal(mean, before)
        lookahead.follow(t, slice(0, 4), with_buffers=True)
        np.testing.assert_allclose(fast, expected, rtol=1e-14, atol=1e-15)
        np.testing.assert_allclose(mean, expected_mean, rtol=1e-14, atol=1e-15)
    assert lookahead.vector.size == 14
    np.testing.assert_array_equal(lookahead.vector, fast)


def test_the_share_of_new_weights_falls_over_the_run() -> None:
    lookahead = Lookahead(5, 0.95, 1000)
    assert lookahead.share(1000) == pytest.approx(1 - 0.95**5)
    assert lookahead.share(500) == pytest.approx(1 - 0.95**5 / 8)


@pytest.mark.parametrize(
    ("every", "decay", "steps"), [(0, 0.5, 1), (1, 1.1, 1), (1, -0.1, 1), (1, 0.5, 0)]
)
def test_what_cannot_be_is_refused(every: int, decay: float, steps: int) -> None:
    with pytest.raises(ValueError, match="must be"):
        Lookahead(every, decay, steps)


def test_an_average_leaves_the_weights_alone_until_the_last_step() -> None:
    model = build(["Flatten", {"Dense": {"out_features": 2, "bias": False}}], (1, 1, 2))
    model.initialise(np.random.default_rng(0), np.float64)
    parameters = FlatParameters(model)
    average = Average(every=2, decay=0.4, steps=6)
    average.attach(parameters, [])
    fast, slow = parameters.vector, parameters.vector.copy()
    for t in range(1, 7):
        fast += t
        trained = fast.copy()
        if t % 2 == 0:
            kept = min(0.4, (1 + t) / (10 + t)) ** 2  # a quarter at first
            slow = kept * slow + (1 - kept) * fast
        average.follow(t, slice(None), with_buffers=True)
        np.testing.assert_allclose(fast, slow if t == 6 else trained, rtol=1e-14)
        np.testing.assert_allclose(average.vector, slow, rtol=1e-14)


def test_slow_and_trained_weights_can_be_exchanged_and_taken_over() -> None:
    rng = np.random.default_rng(0)
    model = build(["Flatten", {"Dense": {"out_features": 2}}, "BatchNorm1D"], (1, 2, 2))
    model.initialise(rng, np.float64)
    parameters, buffers = FlatParameters(model), share_buffers(model)
    average = Average(every=1, decay=0.5, steps=9)
    average.attach(parameters, buffers)
    slow = [average.vector.copy(), *(array.copy() for array in average.buffers)]
    fast = [parameters.vector, *buffers]
    for array in fast:
        array += rng.standard_normal(array.shape)
    trained = [array.copy() for array in fast]
    for now, kept in ((slow, trained), (trained, slow)):
        average.swap()
        for array, expected in zip(fast, now, strict=True):
            np.testing.assert_array_equal(array, expected)
        for array, expected in zip([average.vector, *average.buffers], kept, strict=True):
            np.testing.assert_array_equal(array, expected)
    average.take_over()
    for array, own, expected in zip(fast, [average.vector, *average.buffers], slow, strict=True):
        np.testing.assert_array_equal(array, expected)
        np.testing.assert_array_equal(own, expected)
