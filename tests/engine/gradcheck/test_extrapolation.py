"""Slopes where one step is not enough: what is measured, how well it is known, what is hidden."""

import math
from typing import Any

import numpy as np
import pytest

from engine.arrays import Array
from engine.config import loads
from engine.gradcheck import Report, check_layer, check_network
from engine.gradcheck.extrapolation import extrapolate, standard_deviation
from engine.layers import Layer, Tanh
from engine.losses import SoftmaxCrossEntropy
from engine.models import build
from engine.services.gradcheck import run_check

STEPS = [1e-6 * 4.0**k for k in range(-4, 6)]


def slopes(function: Any) -> list[float]:
    return [(function(h) - function(-h)) / (2 * h) for h in STEPS]


@pytest.mark.parametrize("noise", [0, 1e-15, 1e-13, 1e-11])
@pytest.mark.parametrize("bend", [1, 1e2, 1e4])
def test_the_slope_lies_within_the_uncertainty(
    bend: float, noise: float, rng: np.random.Generator
) -> None:
    """Of sin(bend·t)/bend + t at 0 it is 2."""
    for _ in range(50):
        found = extrapolate(
            slopes(lambda t: np.sin(bend * t) / bend + t + noise * rng.standard_normal()),
            STEPS,
            noise,
        )
        assert abs(found.slope - 2) <= found.uncertainty + 1e-9
        assert found.uncertainty < 1e-8 + 1e7 * noise


def test_beside_a_kink_small_steps_count() -> None:
    found = extrapolate(slopes(lambda t: max(t, 1e-5)), STEPS, 1e-16)
    assert abs(found.slope) <= found.uncertainty < 1e-6


def test_noise_is_measured(rng: np.random.Generator) -> None:
    found = [standard_deviation(lambda i: 3 * i + rng.standard_normal()) for _ in range(200)]
    assert 0.8 < np.median(found) < 1.3
    assert np.percentile(found, 2) > 0.3
    assert standard_deviation(lambda i: 3.0 * i + max(i - 4.3, 0.0)) < 1e-12


class Rough(Layer):
    """y = x, with an error that looks like rounding; the gradient is wrong by a share."""

    def __init__(self, roughness: float, wrong: float = 0.0) -> None:
        super().__init__()
        self.roughness, self.wrong = roughness, wrong

    def forward(self, x: Array) -> Array:
        return x + self.roughness * np.sin(1e14 * x)

    def backward(self, dout: Array) -> Array:
        return dout * (1 + self.wrong)


@pytest.mark.parametrize("mode", ["exact", "directions"])
@pytest.mark.parametrize(
    ("roughness", "wrong", "outcome"),
    [
        (1e-13, 0.0, "passed"),
        (1e-13, 1e-4, "FAILED"),
        (1e-10, 0.0, "passed"),
        (1e-10, 1e-3, "FAILED"),
        (1e-5, 0.0, "undecided"),
        (1e-5, 1e-3, "undecided"),
        (1e-5, 10.0, "FAILED"),
    ],
)
def test_what_rounding_hides_is_neither_right_nor_wrong(
    roughness: float, wrong: float, outcome: str, mode: Any, rng: np.random.Generator
) -> None:
    x = rng.uniform(0.5, 1, (3, 4))
    report = check_layer(Rough(roughness, wrong), x, rng=rng, mode=mode)
    assert report.outcome == outcome, f"\n{report}"
    assert report.passed == (outcome == "passed")
    assert report.rows[0].verdict == {"passed": "ok"}.get(outcome, outcome)


def test_undecided_is_said_and_has_not_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Tanh.forward
    monkeypatch.setattr(Tanh, "forward", lambda self, x: right(self, Rough(1e-5).forward(x)))
    layers = "[Flatten, {Dense: {out_features: 4}}, Tanh, {Dense: {out_features: 10}}]"
    report = run_check(loads(f"dataset: mnist_mini\nlayers: {layers}", "test.yaml"))
    assert not report.passed
    last = str(report).splitlines()[-1]
    assert last.startswith("undecided: ")
    assert "rounding hides 0.input, 1.weight" in last
    assert "more samples" in last


def test_fresh_parameters_are_not_measured_on_their_kinks() -> None:
    """Of black images and a bias of 0 all that the ReLU gets is 0."""
    rng = np.random.default_rng(0)
    specs: list[Any] = [
        {"Conv2D": {"out_channels": 2, "kernel_size": 3}},
        "ReLU",
        "Flatten",
        {"Dense": {"out_features": 3}},
    ]
    model = build(specs, (1, 6, 5)).initialise(rng, np.float64)
    x = np.zeros((3, 1, 6, 5))
    before = {name: array.copy() for name, array in model.named_parameters().items()}
    report: Report = check_network(
        model, SoftmaxCrossEntropy(), x, np.array([0, 1, 2]), rng=rng, mode="exact"
    )
    assert report.passed, f"\n{report}"
    for name, array in model.named_parameters().items():
        np.testing.assert_array_equal(array, before[name])


def test_small_steps_do_not_excuse_a_wrong_gradient_that_is_small(rng: np.random.Generator) -> None:
    """At ε/256 the rounding of the output alone is larger than this gradient."""

    class Faint(Layer):
        x: Array

        def forward(self, x: Array) -> Array:
            return 1 + 1e-7 * np.tanh(x)

        def backward(self, dout: Array) -> Array:
            return 2e-7 * dout / np.cosh(self.x) ** 2

    layer = Faint()
    layer.x = rng.standard_normal((3, 4))
    assert check_layer(layer, layer.x, rng=rng).outcome == "FAILED"


def test_where_nothing_is_finite_the_smallest_step_is_left() -> None:
    estimate = extrapolate([1.5, math.inf, math.inf, math.inf], [1.0, 4.0, 16.0, 64.0], 0.1)
    assert (estimate.slope, estimate.uncertainty) == (1.5, math.inf)


def test_the_opposite_slopes_have_the_opposite_estimate() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        slopes = rng.standard_normal(6).tolist()
        steps = [4.0**k for k in range(6)]
        one, other = extrapolate(slopes, steps, 0.1), extrapolate([-s for s in slopes], steps, 0.1)
        assert (one.slope, one.uncertainty) == (-other.slope, other.uncertainty)
        assert one.uncertainty > 0


def test_of_two_that_agree_as_well_the_smaller_steps_count() -> None:
    estimate = extrapolate([1.0, 1.0, 2.0, 2.0], [1.0, 4.0, 16.0, 64.0], 0.0)
    assert (estimate.slope, estimate.uncertainty) == (1.0, 0.0)


def test_noise_is_the_fourth_largest_third_difference_by_the_root_of_twenty() -> None:
    values = np.random.default_rng(0).standard_normal(13).tolist()
    third = [
        abs(values[i + 3] - 3 * values[i + 2] + 3 * values[i + 1] - values[i]) for i in range(10)
    ]
    found = standard_deviation(lambda i: values[i])
    assert found == pytest.approx(sorted(third)[6] / math.sqrt(20), rel=1e-12)
    assert type(found) is float
