"""The fast pooling: the taps of a window as k·k strided slices of batch-innermost memory.

Slices and ``np.maximum`` are tens of times faster than ``reshape(...).max(axis=(3, 5))``, and
they do stride, padding and overlap alike.
"""

from collections.abc import Callable, Iterator

import numpy as np

from engine.kernels.geometry import Window
from engine.kernels.layout import as_nchw, batch_innermost

Array = np.ndarray


def max_forward(x: Array, window: Window) -> tuple[Array, Array]:
    """Maximum of every window.

    The border is padded with −∞, never with 0, which would beat negative inputs. Of several equal
    maxima the first in row order counts, as in PyTorch; a NaN in a window is its maximum.

    Returns:
        The maxima (N, C, H_out, W_out), and for each the tap (row-major number in the kernel)
        that it came from, uint8 or uint16 in memory order (C, H_out, W_out, N).
    """
    memory = batch_innermost(x)
    c, h, w, n = memory.shape
    out_h, out_w = window.output_size(h, w)
    padded = _pad(memory, window, -np.inf)
    best = np.empty((c, out_h, out_w, n), x.dtype)
    taps_count = window.kernel[0] * window.kernel[1]
    tap_dtype = np.uint8 if taps_count <= 256 else np.uint16
    winner = np.zeros(best.shape, tap_dtype)
    for tap, where in enumerate(_taps(window, out_h, out_w)):
        candidate = padded[where]
        if tap == 0:
            np.copyto(best, candidate)
            continue
        # Only a strictly greater value takes over. Later taps have greater numbers, so the
        # maximum of the numbers is the last one that took over.
        took_over = (candidate > best).view(np.uint8)
        np.maximum(winner, np.multiply(took_over, tap, dtype=tap_dtype), out=winner)
        np.maximum(best, candidate, out=best)
    return as_nchw(best), winner


def max_backward(
    dout: Array, winner: Array, image_shape: tuple[int, ...], window: Window
) -> Array:
    """Each output's gradient goes to the pixel that won, and to no other."""
    memory = batch_innermost(dout)
    return _scatter(lambda tap: memory * (winner == tap), image_shape, window, memory.dtype)


def average_forward(x: Array, window: Window, divisor: Array) -> Array:
    """Sum of every window divided by ``divisor``: (H_out, W_out, 1), or anything like it."""
    memory = batch_innermost(x)
    c, h, w, n = memory.shape
    out_h, out_w = window.output_size(h, w)
    padded = _pad(memory, window, 0.0)
    total = np.zeros((c, out_h, out_w, n), x.dtype)
    for where in _taps(window, out_h, out_w):
        total += padded[where]
    total /= divisor
    return as_nchw(total)


def average_backward(
    dout: Array, image_shape: tuple[int, ...], window: Window, divisor: Array
) -> Array:
    """Each pixel of a window gets the same share of its gradient."""
    shared = batch_innermost(dout) / divisor
    return _scatter(lambda tap: shared, image_shape, window, shared.dtype)


def window_counts(window: Window, height: int, width: int, dtype: np.dtype) -> Array:
    """How many real pixels each window covers, (H_out, W_out, 1): the divisor without padding."""
    ones = np.ones((1, 1, height, width), dtype)
    counts = average_forward(ones, window, np.ones((), dtype))
    return counts.reshape(*window.output_size(height, width), 1)


def _taps(window: Window, out_h: int, out_w: int) -> Iterator[tuple[slice, slice, slice]]:
    """For each tap of the kernel in row order, its pixels in padded (C, H, W, N) memory."""
    (stride_h, stride_w), (dilation_h, dilation_w) = window.stride, window.dilation
    for i in range(window.kernel[0]):
        for j in range(window.kernel[1]):
            top, left = i * dilation_h, j * dilation_w
            yield (
                slice(None),
                slice(top, top + stride_h * (out_h - 1) + 1, stride_h),
                slice(left, left + stride_w * (out_w - 1) + 1, stride_w),
            )


def _pad(memory: Array, window: Window, value: float) -> Array:
    if not window.is_padded:
        return memory
    (top, bottom), (left, right) = window.pads
    c, h, w, n = memory.shape
    padded = np.full((c, h + top + bottom, w + left + right, n), value, memory.dtype)
    padded[:, top : top + h, left : left + w] = memory
    return padded


def _scatter(
    share: Callable[[int], Array], image_shape: tuple[int, ...], window: Window, dtype: np.dtype
) -> Array:
    """Add ``share(tap)``, in (C, H_out, W_out, N) memory, to each tap's pixels; NCHW-shaped."""
    n, c, h, w = image_shape
    (top, bottom), (left, right) = window.pads
    padded = np.zeros((c, h + top + bottom, w + left + right, n), dtype)
    for tap, where in enumerate(_taps(window, *window.output_size(h, w))):
        padded[where] += share(tap)
    return as_nchw(padded[:, top : top + h, left : left + w])
