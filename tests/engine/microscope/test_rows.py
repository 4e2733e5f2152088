"""The arithmetic of a layer adds up to the network's own numbers: a row for every layer."""

import re
from collections.abc import Callable

import numpy as np
import pytest

from engine.layers import (
    ELU,
    GELU,
    LAYERS,
    AvgPool2D,
    BatchNorm1D,
    BatchNorm2D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    GlobalMaxPool2D,
    Layer,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Residual,
    Scale,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Tanh,
    Whitening2D,
)
from engine.losses import SoftmaxCrossEntropy
from engine.microscope.arithmetic import Arithmetic
from engine.microscope.backward import explain_input_gradient, explain_weight
from engine.microscope.forward import explain
from tests.support.calculator import calculated

MAPS, FEATURES = (4, 7, 6), (5,)
TOLERANCE = 1e-5

Row = tuple[str, Callable[[], Layer], tuple[int, ...]]
ROWS: list[Row] = [
    ("Conv2D", lambda: Conv2D(4, 3, 3), MAPS),
    ("Conv2D", lambda: Conv2D(4, 3, (3, 2), stride=2, padding=1), MAPS),
    ("Conv2D", lambda: Conv2D(4, 6, 3, padding="same", dilation=2, groups=2, bias=False), MAPS),
    ("Conv2D", lambda: Conv2D(4, 4, 2, stride=3, groups=4), MAPS),
    ("MaxPool2D", lambda: MaxPool2D(2), MAPS),
    ("MaxPool2D", lambda: MaxPool2D(3, stride=2, padding=1), MAPS),
    ("AvgPool2D", lambda: AvgPool2D(2), MAPS),
    ("AvgPool2D", lambda: AvgPool2D(3, stride=2, padding=1), MAPS),
    ("AvgPool2D", lambda: AvgPool2D(3, stride=2, padding=1, count_include_pad=False), MAPS),
    ("GlobalAvgPool2D", GlobalAvgPool2D, MAPS),
    ("GlobalMaxPool2D", GlobalMaxPool2D, MAPS),
    ("Whitening2D", lambda: Whitening2D(4), MAPS),
    ("Scale", lambda: Scale(0.3), MAPS),
    ("SiLU", SiLU, FEATURES),
    ("BatchNorm2D", lambda: BatchNorm2D(4, scale=False), MAPS),
    ("BatchNorm2D", lambda: BatchNorm2D(4), MAPS),
    ("BatchNorm1D", lambda: BatchNorm1D(5), FEATURES),
    ("Dense", lambda: Dense(5, 3), FEATURES),
    ("Dense", lambda: Dense(5, 3, bias=False), FEATURES),
    ("Flatten", Flatten, MAPS),
    ("Dropout", lambda: Dropout(0.4), MAPS),
    ("ReLU", ReLU, MAPS),
    ("LeakyReLU", lambda: LeakyReLU(0.1), MAPS),
    ("ELU", lambda: ELU(1.3), MAPS),
    ("GELU", GELU, FEATURES),
    ("GELU", lambda: GELU("none"), FEATURES),
    ("Sigmoid", Sigmoid, MAPS),
    ("Tanh", Tanh, FEATURES),
    ("Softmax", Softmax, FEATURES),
    ("Softmax", Softmax, MAPS),
    ("Residual", lambda: Residual([Conv2D(4, 4, 3, padding=1), ReLU()]), MAPS),
    ("Residual", lambda: Residual([Conv2D(4, 2, 3, 2, 1)], [Conv2D(4, 2, 1, 2)]), MAPS),
]
"""A layer, and the shape of its input."""


def test_every_layer_has_a_row() -> None:
    missing = sorted(set(LAYERS) - {name for name, _, _ in ROWS})
    assert missing == [], "explain it in engine/microscope/layers, and add a row here"


def network(make: Callable[[], Layer], in_shape: tuple[int, ...]) -> Sequential:
    """A layer before it, the layer itself, and a classifier behind it."""
    before: Layer = Conv2D(2, 4, 3, padding=1) if len(in_shape) == 3 else Dense(6, 5)
    layer = make()
    out_shape = layer.output_shape(in_shape)
    behind: list[Layer] = [] if len(out_shape) == 1 else [Flatten()]
    model = Sequential([before, layer, *behind, Dense(int(np.prod(out_shape)), 3)])
    model.initialise(np.random.default_rng(3))
    rng = np.random.default_rng(4)
    for name, array in model.state_dict().items():
        if name.startswith("1."):
            array[...] = rng.uniform(0.5, 1.5, array.shape)
    return model


def images(in_shape: tuple[int, ...], count: int) -> np.ndarray:
    shape = (2, *in_shape[1:]) if len(in_shape) == 3 else (6,)
    return np.random.default_rng(5).standard_normal((count, *shape), np.float32)


def some(shape: tuple[int, ...], count: int = 6) -> list[tuple[int, ...]]:
    """The first, the last and some numbers of an array."""
    every = [tuple(map(int, index)) for index in np.ndindex(*shape)]
    return [every[0], every[-1], *every[1 :: max(len(every) // count, 1)]]


def adds_up(found: Arithmetic) -> None:
    assert found.difference <= TOLERANCE, found
    if found.steps:
        assert found.steps[-1].value == pytest.approx(found.value, rel=1e-12, abs=1e-15)


cases = pytest.mark.parametrize(("name", "make", "in_shape"), ROWS, ids=[row[0] for row in ROWS])


@cases
def test_the_terms_add_up_to_the_output(
    name: str, make: Callable[[], Layer], in_shape: tuple[int, ...]
) -> None:
    model, x = network(make, in_shape), images(in_shape, 1)
    for index in some(model.layers[1].output_shape(in_shape)):
        found = explain(model, x, "1", index)
        adds_up(found)
        assert "no arithmetic" not in str(found.steps)
        if found.kernel is not None and found.patch is not None:
            total = float((found.patch * found.kernel).sum())
            assert sum(term.value for term in found.terms) == pytest.approx(total)


IN_WORDS = re.compile(r"[\d,]+ (products|numbers|powers)|x\[.*\]")


@cases
def test_a_pocket_calculator_gets_the_same(
    name: str, make: Callable[[], Layer], in_shape: tuple[int, ...]
) -> None:
    model, x = network(make, in_shape), images(in_shape, 1)
    for index in some(model.layers[1].output_shape(in_shape)):
        for step in explain(model, x, "1", index).steps:
            assert not re.search("[·+−^] ?-", step.formula), "a negative number is in brackets"
            if not IN_WORDS.fullmatch(step.formula):
                expected = pytest.approx(step.value, rel=2e-3, abs=2e-3)
                assert calculated(step.formula) == expected, step


@cases
def test_the_terms_add_up_to_the_gradient_of_the_input(
    name: str, make: Callable[[], Layer], in_shape: tuple[int, ...]
) -> None:
    model, x = network(make, in_shape), images(in_shape, 1)
    loss, labels = SoftmaxCrossEntropy(0.1), np.array([1])
    shape = model.layers[0].output_shape(x.shape[1:])
    for index in some(shape, 12):
        found = explain_input_gradient(model, loss, x, labels, "0", index)
        adds_up(found)
        assert "no arithmetic" not in str(found.steps)
    last = f"{len(model.layers) - 1}"
    adds_up(explain_input_gradient(model, loss, x, labels, last, (2,)))


WEIGHTED = [row for row in ROWS if any(layer.param_shapes() for layer in row[1]().walk())]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("name", "make", "in_shape"), WEIGHTED, ids=[row[0] for row in WEIGHTED])
def test_the_products_add_up_to_the_gradient_of_a_weight(
    name: str, make: Callable[[], Layer], in_shape: tuple[int, ...], training: bool
) -> None:
    model, x = network(make, in_shape), images(in_shape, 7)
    labels = np.arange(7) % 3
    before = {key: array.copy() for key, array in model.state_dict().items()}
    owner = next(n for n, layer in model.named_layers() if n[:1] == "1" and layer.params)
    for parameter, array in dict(model.named_layers())[owner].params.items():
        for index in some(array.shape, 4):
            found = explain_weight(
                model, SoftmaxCrossEntropy(), x, labels, owner, parameter, index, training=training
            )
            adds_up(found.arithmetic)
            assert found.samples.shape == (7,)
            assert found.samples.sum() == pytest.approx(
                found.arithmetic.network, rel=1e-4, abs=1e-7
            )
    for key, array in model.state_dict().items():
        assert np.array_equal(array, before[key]), "the network is left as it was"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@cases
def test_a_diverged_network_is_explained_without_a_warning(
    name: str, make: Callable[[], Layer], in_shape: tuple[int, ...], bad: float
) -> None:
    model, x = network(make, in_shape), images(in_shape, 1)
    x[...] = bad
    index = (0,) * len(model.layers[1].output_shape(in_shape))
    found = explain(model, x, "1", index)
    assert found.value == pytest.approx(found.network, nan_ok=True)
    explain_input_gradient(model, SoftmaxCrossEntropy(), x, np.array([1]), "1", index)
