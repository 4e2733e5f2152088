"""Predictions without a backward pass are those of the network in evaluation mode."""

from typing import Any

import numpy as np
import pytest

from engine.errors import DTypeError, NotReadyError, ShapeError
from engine.layers import BatchNorm1D, BatchNorm2D, Residual, Sequential
from engine.models import PRESETS, build, preset
from engine.models.inference import PIXELS, PLANS, SAMPLES, Predictor, fold_batch_norms
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


def shapes_of(predictor: Predictor) -> list[tuple[int, ...]]:
    return [shape for shape, _ in predictor._plans]


@pytest.mark.parametrize(
    ("n", "pieces"),
    [
        (1, [1]),
        (SAMPLES - 1, [SAMPLES - 1]),
        (SAMPLES, [SAMPLES // 2]),
        (2 * SAMPLES, [SAMPLES]),
        (2 * SAMPLES + 2, [11, 12]),
    ],
)
def test_an_input_is_computed_in_equal_pieces_of_few_samples(n: int, pieces: list[int]) -> None:
    x = np.full((n, 1, 32, 32), -1, np.float32)
    with Workers(1) as workers:
        predictor = Predictor(build(["ReLU"], x.shape[1:]), workers)
        assert not predictor.logits(x).any()
    assert sorted(shape[0] for shape in shapes_of(predictor)) == pieces


@pytest.mark.parametrize(("side", "samples"), [(32, 16), (64, 4), (128, 1), (129, 1)])
def test_of_large_images_a_piece_has_fewer(side: int, samples: int) -> None:
    assert PIXELS == SAMPLES * 32 * 32
    x = np.full((32 if side < 128 else 2, 3, side, side), -1, np.float32)
    with Workers(1) as workers:
        predictor = Predictor(build(["ReLU"], x.shape[1:]), workers)
        assert predictor.logits(x).shape == x.shape
    assert shapes_of(predictor) == [(samples, *x.shape[1:])]


def test_few_plans_are_kept() -> None:
    with Workers(1) as workers:
        predictor = Predictor(build(["ReLU"], (3,)), workers)
        for features in range(1, PLANS + 4):
            predictor.logits(np.ones((1, features), np.float32))
    assert shapes_of(predictor) == [(1, features) for features in range(4, PLANS + 4)]


def test_a_type_that_is_not_that_of_the_weights_has_no_plan(rng: np.random.Generator) -> None:
    model = build([{"Dense": {"out_features": 2}}], (3,)).initialise(rng)
    x = rng.standard_normal((2, 3))
    with Workers(1) as workers:
        predictor = Predictor(model, workers)
        for dtype in (np.float64, np.float16):
            np.testing.assert_array_equal(
                predictor.logits(x.astype(dtype)), model.eval().forward(x.astype(dtype))
            )
    assert not shapes_of(predictor)


def test_weights_that_change_afterwards_do_not_count(rng: np.random.Generator) -> None:
    model = trained(SPECS, SHAPE, rng)
    x = images(3, rng)
    with Workers(1) as workers:
        predictor = Predictor(model, workers)
        before = predictor.logits(x)
        for array in model.state_dict().values():
            array += 1
        np.testing.assert_array_equal(predictor.logits(x), before)
        assert shapes_of(predictor) == [x.shape]
        np.testing.assert_allclose(predictor.logits(x[:2]), before[:2], rtol=1e-4)  # another plan


def test_many_pieces_are_shared_out(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.models.inference.WORTH_PROCESSES", 1)
    monkeypatch.setattr("engine.models.inference.SAMPLES", 2)
    model = build(["Flatten", {"Dense": {"out_features": 2}}], (1, 2, 2)).initialise(rng)
    x = rng.standard_normal((700, 1, 2, 2), dtype=np.float32)
    with Workers(2) as workers:
        predictor = Predictor(model, workers)
        found, fewer = predictor.logits(x), predictor.logits(x[5:300])
    expected = model.eval().forward(x)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(fewer, expected[5:300], rtol=1e-5, atol=1e-6)
