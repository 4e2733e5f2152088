"""The maximum of every channel."""

import numpy as np

from engine.arrays import Array, Shape
from engine.layers.layer import Layer
from engine.layers.registry import register


@register
class GlobalMaxPool2D(Layer):
    """The maximum of every channel: (N, C, H, W) → (N, C).

    Source: Oquab et al., 'Is object localization for free?', 2015, section 3.
    """

    about = (
        "makes one number of every feature map, its largest: whether the pattern is anywhere; "
        "where in the image it was is lost"
    )

    def forward(self, x: Array) -> Array:
        """(N, C, H, W) → (N, C); a channel with a NaN gives NaN."""
        self.check_input(x)
        pixels = x.reshape(*x.shape[:2], -1)
        winner = pixels.argmax(axis=2)[..., None]
        self.saved = winner, x.shape
        return np.take_along_axis(pixels, winner, 2)[..., 0]

    def backward(self, dout: Array) -> Array:
        """(N, C) → (N, C, H, W).

        y = x[winner], so ∂y/∂x is 1 at the winner and 0 elsewhere. Of equal maxima the first in
        row order is the winner, so that Σ dx = Σ dy.
        """
        winner, shape = self.expect_saved(dout)
        dx = np.zeros((*shape[:2], shape[2] * shape[3]), dout.dtype)
        np.put_along_axis(dx, winner, dout[..., None], 2)
        return dx.reshape(shape)

    def output_range(self, low: float, high: float) -> tuple[float, float]:
        return low, high

    def output_shape(self, in_shape: Shape) -> Shape:
        if len(in_shape) != 3:
            raise self.shape_error(in_shape, "(channels, height, width)")
        return in_shape[:1]
