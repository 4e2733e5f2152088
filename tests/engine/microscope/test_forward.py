"""Receptive fields, the loss step by step, and layers that nobody has explained."""

import numpy as np
import pytest

from engine.layers import Conv2D, Dense, Flatten, Layer, MaxPool2D, ReLU, Residual, Sequential
from engine.losses import SoftmaxCrossEntropy
from engine.microscope.forward import Box, explain, explain_loss, receptive_field

MODEL = Sequential(
    [
        Conv2D(1, 2, 3),
        MaxPool2D(2),
        Residual([Conv2D(2, 2, 3, padding=1), ReLU(), Conv2D(2, 2, 5, padding=2)]),
        Conv2D(2, 3, 3, stride=2, dilation=2, padding=1),
        Flatten(),
        Dense(75, 4),
    ]
)
SHAPE = (1, 26, 26)


@pytest.mark.parametrize("name", ["0", "1", "2", "2.body.0", "3", "5"])
def test_a_receptive_field_holds_all_that_can_change_a_number(name: str) -> None:
    model = MODEL
    model.initialise(np.random.default_rng(0), np.float64)
    rng = np.random.default_rng(1)
    # All weights positive, all images negative or positive: no ReLU hides a pixel.
    for array in model.named_parameters().values():
        array[...] = np.abs(array) + 0.1
    x = np.abs(rng.standard_normal((1, *SHAPE))) + 1
    shape = {n: s for n, _, _, s in model.named_shapes(SHAPE)} | {"2": (2, 12, 12)}
    index = tuple(size // 2 for size in shape[name])
    value = explain(model, x, name, index).network
    seen = np.zeros(SHAPE[1:], bool)
    for row, column in np.ndindex(*SHAPE[1:]):
        other = x.copy()
        other[0, 0, row, column] += 100.0
        seen[row, column] = explain(model, other, name, index).network != value
    rows, columns = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
    box = receptive_field(model, SHAPE, name, index)
    assert box == Box(rows[0], rows[-1] + 1, columns[0], columns[-1] + 1)


def test_a_receptive_field_ends_where_the_image_ends() -> None:
    model = Sequential([Conv2D(1, 1, 5, padding=2)])
    assert receptive_field(model, (1, 8, 8), "0", (0, 0, 7)) == Box(0, 3, 5, 8)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_steps_of_the_loss_end_at_the_loss(smoothing: float) -> None:
    logits = np.array([[2.0, -1.0, 0.5]])
    found = explain_loss(logits[0], 2, smoothing)
    loss = SoftmaxCrossEntropy(smoothing).forward(logits, np.array([2]))
    assert found.steps[-1].value == pytest.approx(loss)
    assert [term.chosen for term in found.terms] == [False, False, True]


class Doubled(Layer):
    def forward(self, x: np.ndarray) -> np.ndarray:
        self.check_input(x)
        return 2 * x


def test_a_layer_without_an_explanation_says_so() -> None:
    model = Sequential([Dense(2, 2), Doubled()])
    model.initialise(np.random.default_rng(0))
    found = explain(model, np.ones((1, 2), np.float32), "1", (1,))
    assert found.steps[0].words == "no arithmetic is written for Doubled"
    assert found.value == found.network
