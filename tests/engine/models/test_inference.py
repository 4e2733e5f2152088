"""Predictions without a backward pass are those of the network in evaluation mode."""

from typing import Any

import numpy as np
import pytest

from engine.errors import DTypeError, NotReadyError, ShapeError
from engine.layers import BatchNorm1D, BatchNorm2D, Residual, Sequential
from engine.models import PRESETS, build, preset
from engine.models.inference import Predictor, fold_batch_norms
from engine.parallel.workers import Workers

SHAPE = (3, 12, 12)
SPECS: list[Any] = [
    {"Conv2D": {"out_channels": 4, "kernel_size": 3}},
    "BatchNorm2D",
    "ReLU",
    "BatchNorm2D",
    {
        "Residual": {
            "body": [
                {"Conv2D": {"out_channels": 6, "kernel_size": 3, "padding": 1, "bias": False}},
                "BatchNorm2D",
                "ReLU",
            ],
            "shortcut": [{"Conv2D": {"out_channels": 6, "kernel_size": 1}}, "BatchNorm2D"],
        }
    },
    "Flatten",
    {"Dense": {"out_features": 8, "bias": False}},
    "BatchNorm1D",
    {"Dropout": {"p": 0.5}},
    {"Dense": {"out_features": 10}},
]


def trained(specs: list, shape: tuple[int, ...], rng: np.random.Generator) -> Sequential:
    """A network whose parameters and running statistics are all different from their start."""
    model = build(specs, shape).initialise(rng)
    for array in model.state_dict().values():
        array += rng.uniform(0.05, 0.5, array.shape).astype(array.dtype)
    return model


def images(n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((n, *SHAPE), dtype=np.float32)


@pytest.mark.parametrize("n", [1, 15, 33, 100])
@pytest.mark.parametrize("count", [1, 3])
def test_the_logits_are_those_of_evaluation(n: int, count: int, rng: np.random.Generator) -> None:
    model = trained(SPECS, SHAPE, rng)
    x = images(n, rng)
    with Workers(count) as workers:
        got = Predictor(model, workers).logits(x)
    expected = model.eval().forward(x)
    assert got.shape == (n, 10)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_can_be_predicted_with(name: str, rng: np.random.Generator) -> None:
    shape = (3, 32, 32)
    model = trained(preset(name, 10), shape, rng)
    x = rng.standard_normal((2, *shape), dtype=np.float32)
    with Workers(1) as workers:
        got = Predictor(model, workers).logits(x)
    expected = model.eval().forward(x)
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_the_bits_do_not_depend_on_the_workers(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.models.inference.WORTH_PROCESSES", 1)  # however small the network
    model = trained(SPECS, SHAPE, rng)
    x = images(150, rng)
    logits = []
    for count in (1, 2, 4):
        with Workers(count) as workers:
            logits.append(Predictor(model, workers).logits(x))
    assert logits[0].tobytes() == logits[1].tobytes() == logits[2].tobytes()


def test_the_network_stays_as_it_is(rng: np.random.Generator) -> None:
    model = trained(SPECS, SHAPE, rng).train()
    before = {name: array.copy() for name, array in model.state_dict().items()}
    spec = model.spec()
    with Workers(1) as workers:
        Predictor(model, workers).logits(images(4, rng))
    assert all(layer.training for layer in model.walk())
    assert model.spec() == spec
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_a_batch_norm_goes_where_a_linear_layer_comes_before_it(rng: np.random.Generator) -> None:
    folded = Sequential(fold_batch_norms(trained(SPECS, SHAPE, rng)))
    left = [name for name, layer in folded.named_layers() if isinstance(layer, BatchNorm2D)]
    assert left == ["2"]  # after the ReLU
    assert not any(isinstance(layer, BatchNorm1D) for layer in folded.walk())
    assert any(isinstance(layer, Residual) for layer in folded)


def test_what_cannot_be_predicted_is_refused(rng: np.random.Generator) -> None:
    with Workers(1) as workers:
        predictor = Predictor(trained(SPECS, SHAPE, rng), workers)
        with pytest.raises(DTypeError, match=r"^Conv2D\(.*type uint8; expected an array of floats"):
            predictor.logits(np.zeros((2, *SHAPE), np.uint8))
        with pytest.raises(ShapeError, match=r"^Conv2D\(.*is empty; expected one sample or more"):
            predictor.logits(np.zeros((0, *SHAPE), np.float32))
        with pytest.raises(NotReadyError, match=r"no weights yet; call initialise\(rng\) first"):
            Predictor(build(SPECS, SHAPE), workers)
