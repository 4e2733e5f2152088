"""Receptive fields of rectangles: what can change a number, pixel by pixel."""

import numpy as np
import pytest

from engine.arrays import Shape
from engine.inspection.activations import activations
from engine.layers import (
    AvgPool2D,
    Conv2D,
    Dense,
    Flatten,
    GlobalAvgPool2D,
    Layer,
    MaxPool2D,
    ReLU,
    Residual,
    Sequential,
    Softmax,
)
from engine.microscope.receptive import Box, receptive_field

SHAPE = (1, 11, 8)
CHAINS: dict[str, list[Layer]] = {
    "windows": [
        Conv2D(1, 2, (1, 3), padding="same"),
        AvgPool2D((3, 2), stride=(2, 1)),
        Conv2D(2, 2, (2, 4), padding="same"),
        MaxPool2D((1, 2)),
    ],
    "branches": [
        Conv2D(1, 2, (2, 1)),
        Residual([Conv2D(2, 2, (5, 1), padding=(2, 0))], [Conv2D(2, 2, (1, 3), padding=(0, 1))]),
        Residual([Conv2D(2, 2, (1, 5), padding=(0, 2))], [Conv2D(2, 2, (3, 1), padding=(1, 0))]),
        ReLU(),
    ],
    "features": [
        Conv2D(1, 3, (2, 3), stride=2),
        Softmax(),
        GlobalAvgPool2D(),
        Softmax(),
        Dense(3, 3),
    ],
    "flattened": [
        Conv2D(1, 2, (4, 3), stride=(3, 2), padding=(1, 2)),
        Flatten(),
        ReLU(),
        Flatten(),
        Softmax(),
    ],
}


@pytest.mark.parametrize("chain", CHAINS)
def test_it_holds_what_can_change_a_number_and_no_more(chain: str) -> None:
    model = Sequential(CHAINS[chain]).initialise(np.random.default_rng(0), np.float64)
    rng = np.random.default_rng(1)
    for array in model.named_parameters().values():  # positive: no ReLU and no sum hides a pixel
        array[...] = rng.uniform(0.5, 1.0, array.shape)
    x = rng.uniform(1, 2, (1, *SHAPE))
    before = activations(model, x)
    seen = {
        name: np.zeros((*SHAPE[1:], *output.shape[1:]), bool) for name, output in before.items()
    }
    for row, column in np.ndindex(*SHAPE[1:]):
        for value in (0.0, 50.0):  # the largest and the smallest of any window
            other = x.copy()
            other[0, 0, row, column] = value
            for name, output in activations(model, other).items():
                seen[name][row, column] |= output[0] != before[name][0]
    for name, output in before.items():
        for index in np.ndindex(*output.shape[1:]):
            reads = seen[name][(slice(None), slice(None), *index)]
            rows, columns = (np.flatnonzero(reads.any(axis=axis)) for axis in (1, 0))
            box = receptive_field(model, SHAPE, name, index)
            if not rows.size:  # nothing but padding
                assert box.top == box.bottom or box.left == box.right
                continue
            assert box == Box(rows[0], rows[-1] + 1, columns[0], columns[-1] + 1), (name, index)


def test_where_only_padding_is_read_it_is_an_empty_box_at_the_edge() -> None:
    model = Sequential([Conv2D(1, 1, 1, padding=2)])
    assert receptive_field(model, (1, 5, 6), "0", (0, 0, 4)) == Box(0, 0, 2, 3)
    assert receptive_field(model, (1, 5, 6), "0", (0, 3, 9)) == Box(1, 2, 6, 6)


class EverySecondRow(Layer):
    def output_shape(self, in_shape: Shape) -> Shape:
        return (in_shape[0], in_shape[1] // 2, in_shape[2])


def test_a_layer_that_is_not_known_may_read_all_that_it_gets() -> None:
    model = Sequential([Conv2D(1, 4, 3), EverySecondRow(), Conv2D(4, 1, (4, 1))])
    assert receptive_field(model, (1, 30, 8), "1", (3, 13, 5)) == Box(0, 30, 0, 8)
    assert receptive_field(model, (1, 30, 8), "2", (0, 10, 5)) == Box(0, 30, 0, 8)
    assert receptive_field(model, (1, 10, 30), "1", (3, 3, 27)) == Box(0, 10, 0, 30)
