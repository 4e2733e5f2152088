"""Heat maps add up, agree with central differences, and find evidence whose place is known."""

import numpy as np
import pytest

from engine.errors import ShapeError
from engine.layers import (
    BatchNorm2D,
    Conv2D,
    Dense,
    Flatten,
    GlobalAvgPool2D,
    MaxPool2D,
    ReLU,
    Residual,
    Sequential,
    Tanh,
)
from engine.saliency import METHODS, explain

SHAPE = (2, 14, 14)
NETWORKS = {
    "relu": [Conv2D(2, 6, 3, padding=1), ReLU(), MaxPool2D(2), Flatten(), Dense(294, 4)],
    "batch norm": [Conv2D(2, 6, 3), BatchNorm2D(6), Tanh(), MaxPool2D(2), Flatten(), Dense(216, 4)],
    "residual": [
        Conv2D(2, 6, 3, stride=2),
        Residual([Conv2D(6, 6, 3, padding=1), BatchNorm2D(6), ReLU()]),
        ReLU(),
        GlobalAvgPool2D(),
        Dense(6, 4),
    ],
    "dense": [Flatten(), Dense(392, 16), ReLU(), Dense(16, 4)],
}


def network(name: str, dtype: type = np.float32) -> Sequential:
    model = Sequential(NETWORKS[name]).initialise(np.random.default_rng(1), dtype)
    rng = np.random.default_rng(2)
    for key, array in model.state_dict().items():
        if "running" in key or key.endswith("bias"):
            array[...] = rng.uniform(0.2, 1.0, array.shape)
    return model


def image(dtype: type = np.float32) -> np.ndarray:
    return np.random.default_rng(3).standard_normal((1, *SHAPE)).astype(dtype)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("target", [0, 3])
def test_integrated_gradients_add_up_to_the_rise_of_the_logit(name: str, target: int) -> None:
    model, x = network(name), image()
    found = explain(model, x, target, "integrated_gradients")
    rise = model.eval().forward(x)[0, target] - model.forward(np.zeros_like(x))[0, target]
    assert found.values.sum() == pytest.approx(rise, rel=0.01)
    assert found.score - found.baseline == pytest.approx(rise, rel=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_gradient_times_input_is_that_of_central_differences(name: str) -> None:
    model, x = network(name, np.float64), image(np.float64)
    found = explain(model, x, 1, "gradient_input")
    model.eval()
    for row, column in [(0, 0), (5, 7), (13, 13)]:
        expected = 0.0
        for channel in range(2):
            logits = []
            for sign in (1, -1):
                moved = x.copy()
                moved[0, channel, row, column] += sign * 1e-6
                logits.append(model.forward(moved)[0, 1])
            expected += x[0, channel, row, column] * (logits[0] - logits[1]) / 2e-6
        assert found.values[row, column] == pytest.approx(expected, rel=1e-4, abs=1e-8)


def detector() -> Sequential:
    """Class 1 is a bright square, wherever it is: the sum of what is above 1; class 0 is none."""
    model = Sequential([Conv2D(1, 1, 3, padding=1), ReLU(), GlobalAvgPool2D(), Dense(1, 2)])
    model.initialise(np.random.default_rng(0))
    model.layers[0].params["weight"][...] = 1 / 9
    model.layers[0].params["bias"][...] = -1
    model.layers[3].params["weight"][...] = [[0.0], [9.0]]
    return model


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("corner", [(2, 3), (15, 12)])
def test_evidence_is_found_where_it_is(name: str, corner: tuple[int, int]) -> None:
    top, left = corner
    x = np.random.default_rng(1).uniform(-0.3, 0.3, (1, 1, 24, 24)).astype(np.float32)
    x[0, 0, top : top + 5, left : left + 5] = 3.0
    found = explain(detector(), x, 1, name)
    assert found.values.shape == (24, 24)
    inside = np.zeros((24, 24), bool)
    inside[top - 1 : top + 6, left - 1 : left + 6] = True
    row, column = np.unravel_index(found.values.argmax(), found.values.shape)
    assert inside[row, column]
    positive = found.values.clip(0)
    assert positive[inside].sum() > 0.6 * positive.sum() > 0


@pytest.mark.parametrize("name", METHODS)
def test_the_network_is_left_as_it_was(name: str) -> None:
    model = network("residual").train()
    before = {key: array.copy() for key, array in model.state_dict().items()}
    explain(model, image(), 2, name)
    assert all(np.array_equal(array, before[key]) for key, array in model.state_dict().items())
    assert all(layer.training for layer in model.walk())


def test_what_cannot_be_explained_is_refused() -> None:
    with pytest.raises(ShapeError, match="needs a convolution"):
        explain(network("dense"), image(), 0, "grad_cam")
    with pytest.raises(ShapeError, match="no class 4; the network has 4"):
        explain(network("relu"), image(), 4, "occlusion")
    with pytest.raises(ShapeError, match="one image"):
        explain(network("relu"), np.zeros((2, *SHAPE), np.float32), 0, "occlusion")
