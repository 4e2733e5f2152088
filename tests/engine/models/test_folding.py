"""A batch norm that goes into the layer before it: the formula, to the precision of float64."""

from typing import Any

import numpy as np
import pytest

from engine.errors import DTypeError
from engine.layers import Sequential
from engine.models import build
from engine.models.inference import Predictor, fold_batch_norms
from engine.parallel.workers import Workers


def network(specs: list[Any], shape: tuple[int, ...]) -> Sequential:
    rng = np.random.default_rng(0)
    model = build(specs, shape).initialise(rng, np.float64)
    for name, array in model.state_dict().items():
        low, high = (0.1, 0.5) if name.endswith("var") else (-1.0, 1.0)
        array[...] = rng.uniform(low, high, array.shape)
    return model.eval()


def conv(**arguments: Any) -> Any:
    return {"Conv2D": {"out_channels": 4, "kernel_size": 3, **arguments}}


NORM = {"BatchNorm2D": {"eps": 0.25}}
CASES: dict[str, tuple[list[Any], int]] = {
    "after a convolution": ([conv(), NORM], 0),
    "after one without a bias": ([conv(bias=False), NORM], 0),
    "after one in groups": ([conv(groups=2), NORM], 0),
    "after a dense layer": (["Flatten", {"Dense": {"out_features": 3}}, "BatchNorm1D"], 0),
    "twice": ([conv(), NORM, NORM], 0),
    "first of all": ([NORM, conv()], 1),
    "after an activation": ([conv(), "ReLU", NORM], 1),
    "in a body": ([{"Residual": {"body": [conv(padding=1, out_channels=2), NORM]}}], 0),
    "in a shortcut": (
        [{"Residual": {"body": [conv()], "shortcut": [conv(), NORM]}}],
        0,
    ),
}


@pytest.mark.parametrize(("specs", "left"), CASES.values(), ids=CASES.keys())
def test_the_folded_network_is_the_same_function(specs: list[Any], left: int) -> None:
    model = network(specs, (2, 6, 5))
    x = np.random.default_rng(1).standard_normal((5, 2, 6, 5))
    expected = model.forward(x)
    before = {name: array.copy() for name, array in model.state_dict().items()}
    folded = Sequential(fold_batch_norms(model)).eval()
    np.testing.assert_allclose(folded.forward(x), expected, rtol=1e-12, atol=1e-12)
    assert sum(type(layer).__name__.startswith("BatchNorm") for layer in folded.walk()) == left
    for layer in folded.walk():
        assert layer.params.keys() == layer.param_shapes().keys()
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


SPECS: list[Any] = [
    conv(padding=1),
    NORM,
    "ReLU",
    {"MaxPool2D": {"kernel_size": 3, "stride": 1, "padding": 1}},
    {"Residual": {"body": [conv(padding=1), "ReLU"]}},
    "ReLU",
    {"MaxPool2D": {"kernel_size": [2, 1]}},
    "Flatten",
    {"Dense": {"out_features": 6}},
    "ReLU",
    "ReLU",
]


def test_a_pool_that_comes_first_refuses_what_it_cannot_take() -> None:
    model = network([{"MaxPool2D": {"kernel_size": 2}}, "Flatten"], (2, 6, 5))
    with (
        Workers(1) as workers,
        pytest.raises(DTypeError, match=r"^\w*MaxPool\w*\(.* expected an array of floats"),
    ):
        Predictor(model, workers).logits(np.zeros((1, 2, 6, 5), np.uint8))


@pytest.mark.parametrize("first", [[], ["Dropout"]], ids=["first of all", "after a dropout"])
def test_an_input_is_not_written_to(first: list[Any]) -> None:
    model = network([*first, "ReLU", "Flatten"], (2, 6, 5))
    x = np.full((1, 2, 6, 5), -1.0)
    with Workers(1) as workers:
        assert not Predictor(model, workers).logits(x).any()
    assert (x == -1.0).all()


@pytest.mark.parametrize("n", [1, 40])
def test_logits_are_the_network_s(n: int) -> None:
    model = network(SPECS, (2, 6, 5))
    x = np.random.default_rng(1).standard_normal((n, 2, 6, 5))
    before = x.copy()
    with Workers(1) as workers:
        predictor = Predictor(model, workers)
        found = predictor.logits(x)
        np.testing.assert_array_equal(predictor.logits(x), found)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_allclose(found, model.forward(x), rtol=1e-10, atol=1e-10)
    kept = [layer for layer in predictor._network.walk() if layer.saved is not None]
    assert not kept, "nothing is kept for a backward pass"
