"""Lookahead, number by number."""

import numpy as np
import pytest

from engine.models import build
from engine.optim.lookahead import Lookahead
from engine.optim.parameters import FlatParameters, share_buffers


def test_slow_weights_follow_and_the_trained_ones_step_back_to_them() -> None:
    rng = np.random.default_rng(0)
    model = build(["Flatten", {"Dense": {"out_features": 2}}, "BatchNorm1D"], (1, 2, 2))
    model.initialise(rng, np.float64)
    parameters, buffers = FlatParameters(model), share_buffers(model)
    lookahead = Lookahead(every=2, decay=0.9, steps=5)
    lookahead.attach(parameters, buffers)
    fast, slow = parameters.vector, parameters.vector.copy()
    mean, slow_mean = buffers[0], buffers[0].copy()
    for t in range(1, 6):
        fast += rng.standard_normal(fast.size)
        mean += rng.standard_normal(mean.size)
        expected, expected_mean = fast.copy(), mean.copy()
        if t % 2 == 0:
            kept = 0.9**2 * (t / 5) ** 3
            slow, slow_mean = (
                kept * old + (1 - kept) * new for old, new in ((slow, fast), (slow_mean, mean))
            )
        if t in (2, 4, 5):
            expected, expected_mean = slow, slow_mean
        for part in (slice(0, 4), slice(4, 14)):  # two workers
            lookahead.follow(t, part, with_buffers=part.start == 0)
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
