"""What a layer declares before it runs: the samples that it needs, the range of its output."""

import numpy as np
import pytest

from engine.errors import ShapeError
from tests.support.cases import Case, applies_to


def output_range(case: Case) -> None:
    """Outputs lie where ``output_range`` says."""
    for low, high in ((-np.inf, np.inf), (-1e6, 1e6), (-1.5, 2.0), (-2.0, -0.5), (0.5, 2.0)):
        for training in (True, False):
            layer = case.make().train(training)
            layer.set_rng(np.random.default_rng(1))
            ends = np.clip([low, high], -1e6, 1e6)
            x = np.random.default_rng(2).uniform(ends[0], ends[1], case.shape)
            x.flat[:2] = ends
            out = layer.forward(x)
            found = layer.output_range(low, high)
            assert found[0] - 1e-9 <= out.min(), (found, out.min())
            assert out.max() <= found[1] + 1e-9, (found, out.max())


@applies_to(lambda case: not case.make().named_parameters())
def unlimited_range(case: Case) -> None:
    """Without weights, ``output_range`` is unlimited exactly where large inputs pass."""
    layer = case.make()
    layer.set_rng(np.random.default_rng(1))
    smallest, largest = layer.output_range(-np.inf, np.inf)
    assert np.isfinite(smallest) == (layer.forward(np.full(case.shape, -1e6)).min() > -1e3)
    assert np.isfinite(largest) == (layer.forward(np.full(case.shape, 1e6)).max() < 1e3)


def least_samples(case: Case) -> None:
    """With as many samples as a layer says it needs it can be trained, with fewer not."""
    for shape in (case.shape[1:], (case.shape[1], *(1 for _ in case.shape[2:]))):
        layer = case.make().train()
        layer.set_rng(np.random.default_rng(1))
        try:
            layer.output_shape(shape)
        except ShapeError:
            continue
        least = layer.least_samples(shape)
        layer.backward(layer.forward(np.random.default_rng(2).standard_normal((least, *shape))))
        if least > 1:
            with pytest.raises(ShapeError, match="train it with more than one sample"):
                layer.forward(np.ones((least - 1, *shape)))
