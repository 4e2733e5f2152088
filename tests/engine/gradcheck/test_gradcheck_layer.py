"""The check of a layer: its settings, what it must excuse, and what it must leave alone."""

import doctest
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.arrays import Array
from engine.errors import EngineError
from engine.gradcheck import Report, check_layer
from engine.layers import BatchNorm2D, Conv2D, Dense, Dropout, Layer, MaxPool2D, ReLU


def check(layer: Layer, x: Array, **settings: Any) -> Report:
    return check_layer(layer, x, rng=np.random.default_rng(1), **settings)


def dense(cls: type[Dense] = Dense) -> Dense:
    return cls(5, 4).initialise(np.random.default_rng(0), np.float64)


@pytest.fixture
def x(rng: np.random.Generator) -> Array:
    return rng.standard_normal((3, 5))


def test_the_examples_of_the_tutorial_run() -> None:
    tutorial = Path(__file__).parents[3] / "docs" / "gradient-check-tutorial.md"
    result = doctest.testfile(str(tutorial), module_relative=False, encoding="utf-8")
    assert result.attempted > 8
    assert result.failed == 0


def test_numbers_that_no_step_can_move_are_said_in_a_line() -> None:
    with pytest.raises(EngineError, match="is lost in its rounding"):
        check(ReLU(), np.full((2, 3), 1e20))


# -- what it must excuse, and how much ------------------------------------------------------------


def test_kinks_within_the_step_are_measured_closer() -> None:
    # 1e-7 is within the step of 1e-6, but not within a sixteenth of it.
    x = np.linspace(-1, 1, 40).reshape(4, 10) + 0.01
    x[0, :4] = [1e-7, -1e-7, 5e-7, -5e-7]
    report = check(ReLU(), x)
    assert report.passed
    assert report.rows[0].kinks == 0
    assert report.rows[0].checked == 40


def test_a_few_kinks_are_skipped_and_counted() -> None:
    x = np.linspace(-1, 1, 40).reshape(4, 10) + 0.01
    x[0, 0] = x[2, 3] = 0
    (row,) = check(ReLU(), x).rows
    assert (row.verdict, row.kinks, row.checked) == ("ok", 2, 38)


def test_many_kinks_fail() -> None:
    x = np.linspace(-1, 1, 40).reshape(4, 10) + 0.01
    x[0, :3] = 0
    report = check(ReLU(), x)
    assert report.rows[0].kinks == 3
    assert not report.passed
    assert not check(MaxPool2D(2), np.zeros((2, 3, 4, 4))).passed
    assert not check(ReLU(), np.zeros((2, 3)), mode="directions").passed


class SmallKink(Layer):
    """y = w·x + h·max(w − 1, 0): the kink is one small part of the slope, as one ReLU of many."""

    height = 0.01

    def reset_parameters(self, rng: np.random.Generator, dtype: Any) -> None:
        self.params = {"weight": np.ones(1)}

    def forward(self, x: Array) -> Array:
        self.saved = x
        weight = self.params["weight"]
        return weight * x + self.height * np.maximum(weight - 1, 0)

    def backward(self, dout: Array) -> Array:
        self.grads["weight"][...] = (dout * self.saved).sum() + self.slope_of_the_kink(dout)
        return dout * self.params["weight"]

    def slope_of_the_kink(self, dout: Array) -> float:
        return 0.0


def test_beside_a_small_kink_one_side_counts(rng: np.random.Generator) -> None:
    x = rng.standard_normal((4, 3))
    layer = SmallKink().initialise(rng, np.float64)
    report = check(layer, x)
    assert report.passed, f"\n{report}"
    assert [row.kinks for row in report.rows] == [0, 0]
    layer.height = 100.0  # most of the slope: no longer one of many
    report = check(layer, x)
    assert not report.passed
    assert report.rows[0].kinks == 1


@pytest.mark.parametrize("share", [-0.5, 1.5])
def test_beside_a_small_kink_a_wrong_gradient_fails(share: float, rng: np.random.Generator) -> None:
    class Wrong(SmallKink):
        def slope_of_the_kink(self, dout: Array) -> float:
            return share * self.height * float(dout.sum())

    report = check(Wrong().initialise(rng, np.float64), rng.standard_normal((4, 3)))
    assert [row.tensor for row in report.failures] == ["weight"]
    assert report.rows[0].kinks == 0


def test_between_both_slopes_is_a_kink_of_few(rng: np.random.Generator) -> None:
    """How to share among two equal maxima is a matter of taste; but not for many of them."""

    class Shared(MaxPool2D):
        def backward(self, dout: Array) -> Array:
            dx = super().backward(dout)
            dx[0, 0, 0, :2] = np.array([0.3, 0.7]) * dout[0, 0, 0, 0]
            return dx

    x = rng.standard_normal((2, 3, 4, 6))
    x[0, 0, 0, :2] = 5
    report = check(Shared(2), x)
    assert report.passed
    assert report.rows[0].kinks == 2


def test_a_gradient_outside_of_both_slopes_is_no_kink() -> None:
    class WrongAtZero(ReLU):
        def backward(self, dout: Array) -> Array:
            return np.where(self.saved == 0, -dout, super().backward(dout))

    x = np.abs(np.linspace(-1, 1, 40)).reshape(4, 10) + 0.1
    x[1, 1] = 0
    report = check(WrongAtZero(), x)
    assert not report.passed
    assert report.worst.index == (1, 1)


def test_a_wrong_gradient_beside_kinks_fails() -> None:
    class Half(ReLU):
        def backward(self, dout: Array) -> Array:
            return super().backward(dout) * 0.5

    x = np.linspace(-1, 1, 40).reshape(4, 10) + 0.01
    x[0, 0] = 0
    assert not check(Half(), x).passed


def test_a_gradient_of_zero_is_told_apart(rng: np.random.Generator) -> None:
    class Centred(Layer):
        """The bias is subtracted again, as by a batch norm behind it."""

        def reset_parameters(self, rng: np.random.Generator, dtype: Any) -> None:
            self.params = {"bias": np.ones(1)}

        def forward(self, x: Array) -> Array:
            shifted = x + self.params["bias"]
            return shifted - shifted.mean()

        def backward(self, dout: Array) -> Array:
            self.grads["bias"][...] = 0
            return dout - dout.mean()

    layer = Centred().initialise(rng, np.float64)
    verdicts = {row.tensor: row.verdict for row in check(layer, rng.standard_normal((4, 3))).rows}
    assert verdicts == {"bias": "zero", "input": "ok"}


# -- what it must leave alone ---------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["exact", "directions"])
@pytest.mark.parametrize("training", [True, False])
def test_the_layer_stays_as_it_was(training: bool, mode: Any, rng: np.random.Generator) -> None:
    layer = BatchNorm2D(3).initialise(rng, np.float64).train(training)
    layer.needs_dx = False
    layer.buffers["running_mean"][...] = [1, 2, 3]
    before = {name: array.copy() for name, array in layer.state_dict().items()}
    arrays = dict(layer.state_dict())
    x = rng.standard_normal((4, 3, 2, 5))
    x.flags.writeable = False
    assert check(layer, x, mode=mode).passed
    assert layer.training is training
    assert layer.needs_dx is False
    for name, array in layer.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
        assert array is arrays[name]
    with pytest.raises(RuntimeError, match="forward"):
        layer.backward(x)


def test_the_layer_stays_as_it_was_even_after_an_error(rng: np.random.Generator) -> None:
    class Fragile(BatchNorm2D):
        passes = 0

        def forward(self, x: Array) -> Array:
            self.passes += 1
            if self.passes == 20:
                raise ZeroDivisionError
            return super().forward(x)

    layer = Fragile(3).initialise(rng, np.float64)
    before = {name: array.copy() for name, array in layer.state_dict().items()}
    with pytest.raises(ZeroDivisionError):
        check(layer, rng.standard_normal((4, 3, 2, 5)))
    for name, array in layer.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_masks_are_frozen_and_the_generator_decides_them(x: Array) -> None:
    report = check(Dropout(0.4), x)
    assert report.passed
    dropped = [entry for entry in report.rows[0].measured if entry.analytic == 0]
    assert str(check(Dropout(0.4), x)) == str(report)
    assert dropped or report.rows[0].checked == 15


def test_samples_are_as_many_as_asked_for(rng: np.random.Generator) -> None:
    layer = Conv2D(3, 4, 3).initialise(rng, np.float64)
    x = rng.standard_normal((2, 3, 5, 6))
    report = check(layer, x, samples_per_tensor=7)
    assert [(row.tensor, row.checked, row.entries) for row in report.rows] == [
        ("weight", 7, 108),
        ("bias", 4, 4),
        ("input", 7, 180),
    ]
    assert "7 of 108" in str(report)
    assert "all 4" in str(report)
    report = check(layer, x, samples_per_tensor=5, mode="directions")
    assert [row.checked for row in report.rows] == [5, 5, 5]
    assert "5 directions" in str(report)


class NotANumber(Dense):
    def backward(self, dout: Array) -> Array | None:
        dx = super().backward(dout)
        return None if dx is None else np.full_like(dx, np.nan)


def test_json_is_plain(x: Array) -> None:
    for cls in (Dense, NotANumber):
        report = check(dense(cls), x)
        plain = json.loads(json.dumps(report.to_json(), allow_nan=False))
        assert plain["passed"] is report.passed
        assert plain["rows"][0]["tensor"] == "weight"
        assert plain["rows"][0]["index"] == list(report.rows[0].index or ())
    assert plain["rows"][2]["error"] is None
    assert plain["rows"][2]["analytic"] is None


def test_a_report_of_nothing_has_no_worst() -> None:
    with pytest.raises(ValueError, match="nothing was checked"):
        _ = Report((), (), 1e-6, 1e-6).worst
