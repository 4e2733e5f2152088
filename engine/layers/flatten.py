"""From images to features."""

import math

from engine.layers.base import Array, Layer, Shape


class Flatten(Layer):
    """(N, C, H, W) → (N, C·H·W), in that order, as in PyTorch."""

    def forward(self, x: Array) -> Array:
        """A view, where the batch lies innermost in memory."""
        self.saved = x.shape
        return x.reshape(x.shape[0], -1)

    def backward(self, dout: Array) -> Array:
        """The same numbers in the input's shape."""
        return dout.reshape(self.expect_saved())

    def output_shape(self, in_shape: Shape) -> Shape:
        return (math.prod(in_shape),)
