"""What a gradient check must catch: wrong gradients, and broken promises of a layer."""

from typing import Any

import numpy as np
import pytest

from engine.arrays import Array
from engine.gradcheck import Report, check_layer
from engine.layers import Dense, Layer, Tanh


def check(layer: Layer, x: Array, **settings: Any) -> Report:
    return check_layer(layer, x, rng=np.random.default_rng(1), **settings)


def dense(cls: type[Dense] = Dense) -> Dense:
    return cls(5, 4).initialise(np.random.default_rng(0), np.float64)


@pytest.fixture
def x(rng: np.random.Generator) -> Array:
    return rng.standard_normal((3, 5))


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


BROKEN: dict[type[Dense], str] = {
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
            self.saved = np.tanh(x)
            return self.saved * self.factors

        def backward(self, dout: Array) -> Array:
            kept = np.where(self.factors == share, 0, self.factors)
            return dout * (1 - self.saved**2) * kept

    assert not check(Scaled(), 0.1 * rng.standard_normal((3, 4))).passed


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


PROMISES: dict[type[Dense], str] = {
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
