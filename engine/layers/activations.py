"""Activations: one function for every number, and its derivative beside it."""

import math

import numpy as np

from engine.arrays import Array
from engine.kernels.normal import normal_cdf
from engine.kernels.scratch import scratch
from engine.layers import arguments as check
from engine.layers.layer import Layer
from engine.layers.registry import register


@register
class ReLU(Layer):
    """y = max(x, 0).

    A NaN stays a NaN (``np.maximum``), so a broken network cannot hide behind zeros.

    Source: Nair and Hinton, 'Rectified linear units improve restricted Boltzmann machines', 2010.
    """

    about = (
        "sets negative values to 0, which makes a stack of layers more than one linear map; "
        "channels that are 0 for every image are dead"
    )

    def forward(self, x: Array) -> Array:
        """y = max(x, 0)."""
        self.check_input(x)
        self.saved = out = np.maximum(x, self.zeros(x))
        return out

    def backward(self, dout: Array) -> Array:
        """dx = dy where x > 0, which is where y > 0; else 0 (at x = 0 too, as in PyTorch)."""
        return dout * (self.expect_saved(dout) > 0)

    def output_range(self, low: float, high: float) -> tuple[float, float]:
        return max(low, 0.0), max(high, 0.0)

    def dead_share(self) -> float:
        out = self.saved
        alive = (out > 0).any(axis=(0, *range(2, out.ndim)))
        return 1 - float(alive.mean())

    @staticmethod
    def zeros(x: Array) -> Array:
        """Zeros that x can be compared with.

        NumPy compares two arrays more than twice as fast as an array with a number. One image
        row is enough; its axes lie in memory in the order of x's.
        """
        zeros = scratch("relu.zeros", x.shape[1:2] + x.shape[3:] + x.shape[:1], x.dtype)
        zeros.fill(0)
        return zeros.T if x.ndim == 2 else zeros.transpose(2, 0, 1)[:, :, None]


@register
class LeakyReLU(Layer):
    """y = x for x > 0, else negative_slope·x.

    Source: Maas, Hannun and Ng, 'Rectifier nonlinearities improve neural network acoustic
    models', 2013.
    """

    about = (
        "keeps positive values and a small part of negative ones, so that no channel dies; "
        "strong maps are those that matter for this image"
    )

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__()
        self.negative_slope = check.number("negative_slope", negative_slope, 0.0, 1.0)

    def forward(self, x: Array) -> Array:
        """y = max(x, slope·x), for a slope of at most 1."""
        self.check_input(x)
        self.saved = x
        if x.dtype.type(self.negative_slope) > 0:
            return np.maximum(x, self.negative_slope * x)
        with np.errstate(invalid="ignore"):  # ∞·0 is no number, and would be the maximum
            return np.where(x > 0, x, self.negative_slope * x)

    def backward(self, dout: Array) -> Array:
        """dx = dy for x > 0, else slope·dy."""
        return np.where(self.expect_saved(dout) > 0, dout, self.negative_slope * dout)

    def output_range(self, low: float, high: float) -> tuple[float, float]:
        slope = self.negative_slope
        if slope == 0:
            return max(low, 0.0), max(high, 0.0)
        return max(low, slope * low), max(high, slope * high)


@register
class ELU(Layer):
    """y = x for x > 0, else alpha·(eˣ − 1).

    Source: Clevert, Unterthiner and Hochreiter, 'Fast and accurate deep network learning by
    exponential linear units', 2016.
    """

    about = (
        "keeps positive values and bends negative ones smoothly towards -1; "
        "many values at -1 mean that it is saturated"
    )

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = check.number("alpha", alpha, 0.0, math.inf)

    def forward(self, x: Array) -> Array:
        """The exponential only ever sees x <= 0, so it cannot overflow."""
        self.check_input(x)
        negative = self.alpha * np.expm1(np.minimum(x, 0))
        self.saved = x, negative
        return np.where(x > 0, x, negative)

    def backward(self, dout: Array) -> Array:
        """dx = dy for x > 0, else dy·alpha·eˣ = dy·(y + alpha)."""
        x, negative = self.expect_saved(dout)
        return dout * np.where(x > 0, 1, negative + self.alpha)

    def output_range(self, low: float, high: float) -> tuple[float, float]:
        lowest, highest = (self.alpha * math.expm1(min(x, 0.0)) for x in (low, high))
        return low if low > 0 else lowest, high if high > 0 else highest


@register
class GELU(Layer):
    """y = x·Φ(x), with the normal distribution function Φ, or a tanh that is close to it.

    Args:
        approximate: "tanh" for y = x/2 · (1 + tanh(u)), u = √(2/π)·(x + 0.044715·x³), which is
            quicker; "none" for Φ itself. Both are PyTorch's, whose default is "none".

    Source: Hendrycks and Gimpel, 'Gaussian error linear units', 2016, section 2.
    """

    about = (
        "keeps large values, and lets a little of what is just below 0 through; "
        "maps that are 0 for every image are of no use"
    )

    SCALE = math.sqrt(2 / math.pi)
    CUBIC = 0.044715
    _LOWEST = -0.1701
    """Just below its minimum, which is at x = −0.752."""

    def __init__(self, approximate: str = "tanh") -> None:
        super().__init__()
        self.approximate = check.choice("approximate", approximate, ("tanh", "none"))

    def forward(self, x: Array) -> Array:
        """y = x/2 · (1 + tanh(u)), or x·Φ(x)."""
        self.check_input(x)
        if self.approximate == "none":
            below = normal_cdf(x)
            self.saved = x, below
            return x * below
        tanh = np.tanh(self.SCALE * (x + self.CUBIC * x * x * x))
        self.saved = x, tanh
        return 0.5 * x * (1 + tanh)

    def backward(self, dout: Array) -> Array:
        """dx = dy · [ (1 + tanh u)/2 + x/2 · (1 − tanh² u) · du/dx ].

        du/dx = √(2/π)·(1 + 3·0.044715·x²), by the product rule and tanh' = 1 − tanh². Without the
        approximation it is dy · [ Φ(x) + x·φ(x) ], with Φ' = φ = e^(−x²/2)/√(2π).
        """
        x, tanh = self.expect_saved(dout)
        if self.approximate == "none":
            density = np.exp(-0.5 * x * x) * x.dtype.type(1 / math.sqrt(2 * math.pi))
            return dout * (tanh + x * density)
        slope = self.SCALE * (1 + 3 * self.CUBIC * x * x)
        return dout * (0.5 * (1 + tanh) + 0.5 * x * (1 - tanh * tanh) * slope)

    def output_range(self, low: float, high: float) -> tuple[float, float]:
        return min(max(low, self._LOWEST), 0.0), max(high, 0.0)


@register
class SiLU(Layer):
    """y = x·σ(x), with σ(x) = (1 + tanh(x/2))/2, which cannot overflow.

    Source: Hendrycks and Gimpel, 'Gaussian error linear units', 2016, section 2; Elfwing, Uchibe
    and Doya, 'Sigmoid-weighted linear units', 2018.
    """

    about = (
        "weighs every number with its own sigmoid: keeps large values, and lets a little of what "
        "is just below 0 through; maps that are 0 for every image are of no use"
    )

    _LOWEST = -0.2785
    """Just below its minimum, which is at x = −1.278."""

    def forward(self, x: Array) -> Array:
        """y = x·σ(x)."""
        self.check_input(x)
        sigmoid = 0.5 * (1 + np.tanh(0.5 * x))
        self.saved = x, sigmoid
        return x * sigmoid

    def backward(self, dout: Array) -> Array:
        """dx = dy·σ·(1 + x·(1 − σ)), by the product rule and σ' = σ·(1 − σ)."""
        x, sigmoid = self.expect_saved(dout)
        return dout * sigmoid * (1 + x * (1 - sigmoid))

    def output_range(self, low: float, high: float) -> tuple[float, float]:
        return min(max(low, self._LOWEST), 0.0), max(high, 0.0)


@register
class Sigmoid(Layer):
    """y = 1/(1 + e⁻ˣ), computed as (1 + tanh(x/2))/2, which cannot overflow."""

    about = (
        "squeezes every number between 0 and 1; "
        "values all near 0 or 1 let hardly any gradient through"
    )

    def forward(self, x: Array) -> Array:
        """y = (1 + tanh(x/2))/2."""
        self.check_input(x)
        self.saved = out = 0.5 * (1 + np.tanh(0.5 * x))
        return out

    def backward(self, dout: Array) -> Array:
        """dx = dy·y·(1 − y)."""
        y = self.expect_saved(dout)
        return dout * y * (1 - y)

    def output_range(self, low: float, high: float) -> tuple[float, float]:
        return 0.0, 1.0


@register
class Tanh(Layer):
    """y = tanh(x)."""

    about = (
        "squeezes every number between -1 and 1; "
        "values all near -1 or 1 let hardly any gradient through"
    )

    def forward(self, x: Array) -> Array:
        """y = tanh(x)."""
        self.check_input(x)
        self.saved = out = np.tanh(x)
        return out

    def backward(self, dout: Array) -> Array:
        """dx = dy·(1 − y²)."""
        y = self.expect_saved(dout)
        return dout * (1 - y * y)

    def output_range(self, low: float, high: float) -> tuple[float, float]:
        return -1.0, 1.0


@register
class Softmax(Layer):
    """Turns the values along axis 1 into probabilities: y_i = e^{x_i} / Σ_j e^{x_j}.

    Shapes: (N, F) or (N, C, H, W) → the same. To train a classifier leave it out: the
    cross-entropy loss contains it, in a form that is stable.

    Source: Goodfellow, Bengio and Courville, 'Deep Learning', 2016, chapter 6.2.2.3.
    """

    about = (
        "turns scores into probabilities: positive, with sum 1; "
        "one bar near 1 is a confident answer, right or wrong"
    )

    def forward(self, x: Array) -> Array:
        """Shifting by the maximum changes nothing and keeps e^x finite."""
        self.check_input(x)
        exponentials = np.exp(x - x.max(axis=1, keepdims=True))
        self.saved = out = exponentials / exponentials.sum(axis=1, keepdims=True)
        return out

    def backward(self, dout: Array) -> Array:
        """From ∂y_i/∂x_j = y_i·(δ_ij − y_j):  dx = y·(dy − Σ_i dy_i·y_i)."""
        y = self.expect_saved(dout)
        return y * (dout - (dout * y).sum(axis=1, keepdims=True))

    def output_range(self, low: float, high: float) -> tuple[float, float]:
        return 0.0, 1.0
