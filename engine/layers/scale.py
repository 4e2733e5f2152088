"""A fixed factor on every number."""

from engine.arrays import Array
from engine.layers import arguments as check
from engine.layers.layer import Layer
from engine.layers.registry import register

LEAST, MOST = 1e-6, 1e6


@register
class Scale(Layer):
    """y = factor·x, with a factor that is not trained. Shapes: any → the same.

    Behind the last layer it makes scores small, so that the softmax starts unsure: a fixed
    temperature.

    Args:
        factor: what every number is multiplied with, from 10⁻⁶ to 10⁶.

    Source: Hinton, Vinyals and Dean, 'Distilling the knowledge in a neural network', 2015,
    section 2 (temperature); Page, 'How to train your ResNet', 2019 (logits times 1/8).
    """

    about = (
        "multiplies every number with a fixed factor; the order of the scores stays, the "
        "probabilities made of them are more or less sure"
    )

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = check.number("factor", factor, LEAST, MOST)

    def forward(self, x: Array) -> Array:
        """y = factor·x."""
        self.check_input(x)
        self.saved = ()
        return x * x.dtype.type(self.factor)

    def backward(self, dout: Array) -> Array:
        """dx = factor·dy, as ∂y/∂x = factor."""
        self.expect_saved(dout)
        return dout * dout.dtype.type(self.factor)

    def output_range(self, low: float, high: float) -> tuple[float, float]:
        return self.factor * low, self.factor * high
