"""From images to features."""

import math

import numpy as np

from engine.arrays import Array, Shape
from engine.layers.layer import Layer
from engine.layers.registry import register


@register
class Flatten(Layer):
    """(N, C, H, W) → (N, C·H·W), in that order, as in PyTorch; features stay as they are."""

    about = (
        "lays the feature maps out as one long row of features, without any change; "
        "its numbers are those of the layer before"
    )

    flattens = True

    def forward(self, x: Array) -> Array:
        """The same numbers in another order of memory: features outermost, the batch innermost."""
        self.check_input(x)
        self.saved = x.shape
        if x.ndim == 2:
            return x
        n, c, h, w = x.shape
        return np.ascontiguousarray(x.transpose(1, 2, 3, 0)).reshape(c * h * w, n).T  # nchw -> nf

    def backward(self, dout: Array) -> Array:
        """The same numbers in the input's shape."""
        shape = self.expect_saved(dout)
        if len(shape) == 2:
            return dout
        n, c, h, w = shape
        return dout.T.reshape(c, h, w, n).transpose(3, 0, 1, 2)  # nf -> nchw

    def output_range(self, low: float, high: float) -> tuple[float, float]:
        return low, high

    def output_shape(self, in_shape: Shape) -> Shape:
        return (math.prod(in_shape),)
