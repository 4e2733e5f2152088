"""Pooling: a window of pixels becomes one."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.arrays import Array, Shape
from engine.kernels import pooling as kernel
from engine.kernels.layout import as_nchw
from engine.kernels.window import make_window, pair
from engine.layers import arguments as check
from engine.layers.layer import Layer
from engine.layers.registry import register

MAX_TAPS = 1 << 16
"""Largest window, in pixels: each takes a pass over the image, and has a number of 16 bits."""


class _Pool2D(Layer):
    """Base of the poolings: the window, and the shapes.

    The padding may be at most half the kernel (as in PyTorch), so that no window lies wholly in
    the border.
    """

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
    ) -> None:
        super().__init__()
        self.kernel_size = check.whole_or_pair("kernel_size", kernel_size)
        self.stride = None if stride is None else check.whole_or_pair("stride", stride)
        self.padding = check.whole_or_pair("padding", padding, minimum=0)
        self.window = make_window(self.kernel_size, self.stride or self.kernel_size, self.padding)
        rows, columns = self.window.kernel
        if rows * columns > MAX_TAPS:
            raise check.ArgumentError(
                "kernel_size", f"expected at most {MAX_TAPS:,} pixels, got {rows}x{columns}"
            )
        for size, pad in zip(self.window.kernel, pair(self.padding), strict=True):
            if 2 * pad > size:
                raise check.ArgumentError(
                    "padding", f"expected at most half the kernel ({size}), got {pad}"
                )

    def output_range(self, low: float, high: float) -> tuple[float, float]:
        return low, high

    def output_shape(self, in_shape: Shape) -> Shape:
        if len(in_shape) != 3:
            raise self.shape_error(in_shape, "(channels, height, width)")
        out_h, out_w = self.window.output_size(*in_shape[1:])
        if out_h < 1 or out_w < 1:
            raise self.shape_error(in_shape, "an image that the window fits into")
        return in_shape[0], out_h, out_w

    def scratch_size(self, in_shape: Shape) -> int:
        return in_shape[0] * self.window.padded_size(*in_shape[1:])


@register
class MaxPool2D(_Pool2D):
    """The largest pixel of every window.

    Shapes: (N, C, H, W) → (N, C, H_out, W_out), H_out = floor((H + 2·pad − KH) / stride) + 1.

    Args:
        kernel_size: a number or a pair (height, width).
        stride: the same; None for the kernel's size.
        padding: border of −∞, at most half the kernel: it never wins.

    Source: Goodfellow, Bengio and Courville, 'Deep Learning', 2016, chapter 9.3.
    """

    about = (
        "replaces each window of a feature map by its largest value; "
        "the maps are smaller, and what stood out still does"
    )

    def forward(self, x: Array) -> Array:
        """(N, C, H, W) → (N, C, H_out, W_out)."""
        self.check_input(x)
        out, winner = kernel.max_forward(x, self.window)
        self.saved = winner, x.shape
        return out

    def backward(self, dout: Array) -> Array:
        """(N, C, H_out, W_out) → (N, C, H, W).

        y = x[winner], so ∂y/∂x is 1 at the winner and 0 elsewhere: each window's gradient goes to
        its winner, whole, and a pixel that won several windows gets the sum. Of equal maxima the
        first in row order is the winner, so that Σ dx = Σ dy always.
        """
        winner, shape = self.expect_saved(dout)
        return kernel.max_backward(dout, winner, shape, self.window)


@register
class AvgPool2D(_Pool2D):
    """The mean of every window.

    Shapes: (N, C, H, W) → (N, C, H_out, W_out), H_out = floor((H + 2·pad − KH) / stride) + 1.

    Args:
        kernel_size: a number or a pair (height, width).
        stride: the same; None for the kernel's size.
        padding: border of zeros, at most half the kernel.
        count_include_pad: divide by the whole window (True, as in PyTorch), or only by the
            pixels of the image that it covers.

    Source: LeCun et al., 'Gradient-based learning applied to document recognition', 1998.
    """

    about = (
        "replaces each window of a feature map by its mean; "
        "the maps are smaller and blurred, and everything is still where it was"
    )

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding)
        self.count_include_pad = check.flag("count_include_pad", count_include_pad)

    def forward(self, x: Array) -> Array:
        """(N, C, H, W) → (N, C, H_out, W_out)."""
        self.check_input(x)
        self.saved = x.shape
        return kernel.average_forward(x, self.window, self._divisor(x.shape, x.dtype))

    def backward(self, dout: Array) -> Array:
        """(N, C, H_out, W_out) → (N, C, H, W).

        y = Σ_window x / count, so every pixel of a window gets dy / count, and a pixel that lies
        in several windows gets the sum.
        """
        shape = self.expect_saved(dout)
        return kernel.average_backward(dout, shape, self.window, self._divisor(shape, dout.dtype))

    def output_range(self, low: float, high: float) -> tuple[float, float]:
        # A border of zeros counts as well.
        return min(low, 0.0), max(high, 0.0)

    def _divisor(self, shape: Shape, dtype: np.dtype) -> Array:
        if self.count_include_pad or not self.window.is_padded:
            return np.asarray(self.window.kernel[0] * self.window.kernel[1], dtype)
        return kernel.window_counts(self.window, shape[2], shape[3], dtype)


@register
class GlobalAvgPool2D(Layer):
    """The mean of every channel: (N, C, H, W) → (N, C).

    Source: Lin, Chen and Yan, 'Network in network', 2014, section 3.2.
    """

    about = (
        "makes one number of every feature map, its mean: how much of the pattern there is; "
        "where in the image it was is lost"
    )

    def forward(self, x: Array) -> Array:
        """(N, C, H, W) → (N, C)."""
        self.check_input(x)
        self.saved = x.shape
        return x.mean(axis=(2, 3))

    def backward(self, dout: Array) -> Array:
        """(N, C) → (N, C, H, W): every pixel of a channel gets dy / (H·W)."""
        n, c, h, w = self.expect_saved(dout)
        share = np.ascontiguousarray(dout.T) / (h * w)  # nc -> cn
        return as_nchw(np.broadcast_to(share[:, None, :], (h, c, w, n)))

    def output_range(self, low: float, high: float) -> tuple[float, float]:
        return low, high

    def output_shape(self, in_shape: Shape) -> Shape:
        if len(in_shape) != 3:
            raise self.shape_error(in_shape, "(channels, height, width)")
        return in_shape[:1]

    def spec(self) -> Any:
        return type(self).__name__
