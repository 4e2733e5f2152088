"""The checker itself: what it must catch, what it must excuse, and what it must leave alone."""

import doctest
import json
from typing import Any

import numpy as np
import pytest

import engine.gradcheck
from engine.gradcheck import Report, check_layer
from engine.layers import BatchNorm2D, Conv2D, Dense, Dropout, Layer, MaxPool2D, ReLU, Tanh

Array = np.ndarray


def check(layer: Layer, x: Array, **settings: Any) -> Report:
    return check_layer(layer, x, rng=np.random.default_rng(1), **settings)


def dense(cls: type[Dense] = Dense) -> Dense:
    return cls(5, 4).initialise(np.random.default_rng(0), np.float64)


@pytest.fixture
def x(rng: np.random.Generator) -> Array:
    return rng.standard_normal((3, 5))


def test_the_examples_of_the_docstring_run() -> None:
    result = doctest.testmod(engine.gradcheck)
    assert result.attempted > 8
    assert result.failed == 0


# -- what it must catch ---------------------------------------------------------------------------


class _Broken(Dense):
    """A dense layer whose gradients ``spoil`` may change."""

    def backward(self, dout: Array) -> Array:
        dx = super().backward(dout)
        assert dx is not None
        return self.spoil(dout, dx)

    def spoil(self, dout: Array, dx: Array) -> Array:
        return dx


class Sign(_Broken):
    def spoil(self, dout: Array, dx: Array) -> Array:
        return -dx


class Twice(_Broken):
    def spoil(self, dout: Array, dx: Array) -> Array:
        return 2 * dx


class OneEntryByAMillionth(_Broken):
    def spoil(self, dout: Array, dx: Array) -> Array:
        self.grads["weight"][2, 3] *= 1 + 3e-6
        return dx


class OneEntryMissing(_Broken):
    def spoil(self, dout: Array, dx: Array) -> Array:
        dx = dx.copy()
        dx[0, 0] = 0
        return dx


class OneSampleOnly(_Broken):
    def spoil(self, dout: Array, dx: Array) -> Array:
        self.grads["bias"][...] = dout[0]
        return dx


class MeanInsteadOfSum(_Broken):
    def spoil(self, dout: Array, dx: Array) -> Array:
        self.grads["bias"][...] = dout.mean(axis=0)
        return dx


class NotANumber(_Broken):
    def spoil(self, dout: Array, dx: Array) -> Array:
        dx = dx.copy()
        dx[1, 1] = np.nan
        return dx


class NoGradientAtAll(_Broken):
    def spoil(self, dout: Array, dx: Array) -> Array:
        self.grads["weight"][...] = 0
        return dx


BROKEN = {
    Sign: "input",
    Twice: "input",
    OneEntryByAMillionth: "weight",
    OneEntryMissing: "input",
    OneSampleOnly: "bias",
    MeanInsteadOfSum: "bias",
    NotANumber: "input",
    NoGradientAtAll: "weight",
}


@pytest.mark.parametrize("mode", ["exact", "directions"])
@pytest.mark.parametrize("cls", BROKEN, ids=lambda cls: cls.__name__)
def test_a_wrong_gradient_fails_in_its_tensor_alone(cls: type[Dense], mode: Any, x: Array) -> None:
    if cls is OneEntryByAMillionth and mode == "directions":
        pytest.skip("a direction sees an entry's error divided by the size of the tensor")
    report = check(dense(cls), x, mode=mode)
    assert not report.passed
    assert [row.tensor for row in report.failures] == [BROKEN[cls]]
    assert report.worst.tensor == BROKEN[cls]
    assert "FAILED" in str(report)


def test_the_report_says_where(x: Array) -> None:
    report = check(dense(OneEntryByAMillionth), x)
    assert report.worst.index == (2, 3)
    assert report.worst.error == pytest.approx(3e-6, rel=0.1)
    assert report.worst.analytic == pytest.approx(report.worst.numeric, rel=1e-5)


@pytest.mark.parametrize("share", [1e-3, 1e-5, 3e-7])
def test_the_floor_hides_no_missing_entry(share: float, rng: np.random.Generator) -> None:
    """One gradient is far smaller than the others; it is missing, and it is missed."""

    class Scaled(Layer):
        factors = np.array([1.0, share, 1.0, 1.0])

        def forward(self, x: Array) -> Array:
            return np.tanh(x) * self.factors

        def backward(self, dout: Array) -> Array:
            return dout * (1 - np.tanh(x) ** 2) * np.where(self.factors == share, 0, self.factors)

    x = 0.1 * rng.standard_normal((3, 4))
    assert not check(Scaled(), x).passed


# -- what a layer promises ------------------------------------------------------------------------


class ChangesItsArgument(_Broken):
    def spoil(self, dout: Array, dx: Array) -> Array:
        dout *= 2
        return dx


class ChangesItsInput(_Broken):
    def spoil(self, dout: Array, dx: Array) -> Array:
        self.saved[0, 0] += 1
        return dx


class Accumulates(Dense):
    def backward(self, dout: Array) -> Array | None:
        before = {name: grad.copy() for name, grad in self.grads.items()}
        dx = super().backward(dout)
        for name, grad in self.grads.items():
            grad += before[name]
        return dx


class SecondTimeDiffers(_Broken):
    calls = 0

    def spoil(self, dout: Array, dx: Array) -> Array:
        self.calls += 1
        return dx * self.calls


class NoInputGradient(Dense):
    def backward(self, dout: Array) -> Array | None:
        super().backward(dout)
        return None


class WrongShape(_Broken):
    def spoil(self, dout: Array, dx: Array) -> Array:
        return dx.T


class WrongParameterShape(Dense):
    def backward(self, dout: Array) -> Array | None:
        self.grads["bias"] = np.zeros(4)
        dx = super().backward(dout)
        self.grads["bias"] = self.grads["bias"][:1]
        return dx


class HalfPrecision(_Broken):
    def spoil(self, dout: Array, dx: Array) -> Array:
        return dx.astype(np.float32)


class OtherOutputShape(Dense):
    def output_shape(self, in_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (in_shape[0] + 1,)


PROMISES = {
    ChangesItsArgument: "backward changed its argument in place",
    ChangesItsInput: "the input was changed in place",
    Accumulates: "weight: backward must overwrite all of the gradient",
    SecondTimeDiffers: "input: a second backward gives another gradient",
    NoInputGradient: "input: backward gives no gradient",
    WrongShape: "input: has shape (3, 5), its gradient (5, 3)",
    WrongParameterShape: "bias: has shape (4,), its gradient (1,)",
    HalfPrecision: "input: backward made float32 of float64",
    OtherOutputShape: "output_shape says (6,), forward gives (4,) per sample",
}


@pytest.mark.parametrize("cls", PROMISES, ids=lambda cls: cls.__name__)
def test_a_broken_promise_is_a_problem(cls: type[Dense], x: Array) -> None:
    report = check(dense(cls), x)
    assert not report.passed
    assert PROMISES[cls] in report.problems
    assert f"problem: {PROMISES[cls]}" in str(report)


def test_a_forward_in_float32_is_a_problem(x: Array) -> None:
    class Narrow(Tanh):
        def forward(self, x: Array) -> Array:
            return super().forward(x.astype(np.float32))

    report = check(Narrow(), x)
    assert "forward made float32 of float64" in report.problems
    assert not report.passed


def test_float32_is_refused(x: Array) -> None:
    layer = Dense(5, 4).initialise(np.random.default_rng(0), np.float32)
    with pytest.raises(ValueError, match=r"weight is float32.*initialise"):
        check(layer, x)
    with pytest.raises(ValueError, match="the input is float32"):
        check(dense(), x.astype(np.float32))


def test_a_layer_without_weights_is_refused(x: Array) -> None:
    with pytest.raises(ValueError, match="has no weight yet: call initialise"):
        check(Dense(5, 4), x)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"mode": "fast"}, "'exact' or 'directions', got 'fast'"),
        ({"samples_per_tensor": 0}, "got 0"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], words: str, x: Array) -> None:
    with pytest.raises(ValueError, match=words):
        check(dense(), x, **settings)


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
