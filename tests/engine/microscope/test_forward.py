"""Receptive fields, the loss step by step, and layers that nobody has explained."""

import numpy as np
import pytest

from engine.layers import (
    AvgPool2D,
    Conv2D,
    Dense,
    Flatten,
    Layer,
    MaxPool2D,
    ReLU,
    Residual,
    Sequential,
)
from engine.losses import SoftmaxCrossEntropy
from engine.microscope.forward import Box, explain, explain_loss, receptive_field
from tests.support.proofs import rest_as_proofs

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


@pytest.mark.parametrize("name", rest_as_proofs(["2.body.0", "3", "0", "1", "2", "5"]))
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


def test_a_flattened_number_sees_what_it_saw_in_its_map() -> None:
    model = Sequential([Conv2D(1, 2, 3), Flatten(), ReLU(), Dense(2 * 4 * 3, 2), ReLU()])
    field = receptive_field(model, (1, 6, 5), "0", (1, 2, 1))
    assert field == Box(2, 5, 1, 4)
    place = (1 * 4 + 2) * 3 + 1
    assert receptive_field(model, (1, 6, 5), "1", (place,)) == field
    assert receptive_field(model, (1, 6, 5), "2", (place,)) == field
    assert receptive_field(model, (1, 6, 5), "4", (1,)) == Box(0, 6, 0, 5)


def test_a_number_that_reads_nothing_but_padding_sees_nothing() -> None:
    model = Sequential([Conv2D(1, 1, 1, padding=2), Conv2D(1, 1, 1)])
    for name in ("0", "1"):
        for corner in (0, 8):
            top, bottom, left, right = receptive_field(model, (1, 5, 5), name, (0, corner, corner))
            assert (bottom - top, right - left) == (0, 0)
        assert receptive_field(model, (1, 5, 5), name, (0, 2, 6)) == Box(0, 1, 4, 5)


def test_padding_adds_nothing_to_what_the_next_layer_sees() -> None:
    model = Sequential([Conv2D(1, 1, 1, padding=2), Conv2D(1, 1, 3)])
    assert receptive_field(model, (1, 5, 5), "1", (0, 0, 6)) == Box(0, 1, 4, 5)


def test_there_is_no_receptive_field_of_a_layer_that_is_not_there() -> None:
    with pytest.raises(KeyError):
        receptive_field(MODEL, SHAPE, "9", (0,))


def test_the_patch_of_a_pool_shows_the_winner_and_the_border() -> None:
    model = Sequential([MaxPool2D(3, stride=2, padding=1), AvgPool2D(2, padding=1)])
    model.initialise(np.random.default_rng(0))
    x = np.arange(25, dtype=np.float32).reshape(1, 1, 5, 5)
    found = explain(model, x, "0", (0, 0, 0))
    assert found.patch is not None
    assert found.patch.shape == (1, 3, 3)
    assert found.patch_origin == (0, -1, -1)
    (winner,) = (term for term in found.terms if term.chosen)
    assert winner.place is not None
    place = tuple(a - b for a, b in zip(winner.place, found.patch_origin, strict=True))
    assert found.patch[place] == found.value == 6
    assert (found.patch == -np.inf).sum() == 5
    mean = explain(model, x, "1", (0, 0, 0))
    assert mean.patch is not None
    assert mean.patch.tolist() == [[[0, 0], [0, 6]]]


@pytest.mark.parametrize("index", [(0, 0), (4,), (-1,)])
def test_a_number_that_is_not_there_is_an_index_error(index: tuple[int, ...]) -> None:
    model = Sequential([Dense(2, 4)])
    model.initialise(np.random.default_rng(0))
    with pytest.raises(IndexError):
        explain(model, np.ones((1, 2), np.float32), "0", index)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_steps_of_the_loss_end_at_the_loss(smoothing: float) -> None:
    logits = np.array([[2.0, -1.0, 0.5]])
    found = explain_loss(logits[0], 2, smoothing)
    loss = SoftmaxCrossEntropy(smoothing).forward(logits, np.array([2]))
    assert found.steps[-1].value == pytest.approx(loss)
    assert found.network == pytest.approx(loss)
    assert [term.chosen for term in found.terms] == [False, False, True]


@pytest.mark.parametrize("layer", [ReLU(), MaxPool2D(2)])
def test_an_infinite_number_adds_up(layer: Layer) -> None:
    x = np.full((1, 1, 2, 2), np.inf, np.float32)
    found = explain(Sequential([layer]), x, "0", (0, 0, 0))
    assert found.value == np.inf
    assert found.difference == 0


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
