"""The fast pooling: the taps of a window as k·k strided slices of batch-innermost memory.

Slices and ``np.maximum`` are tens of times faster than ``reshape(...).max(axis=(3, 5))``, and
they do stride, padding and overlap alike.
"""

from collections.abc import Callable, Iterator

import numpy as np

from engine.arrays import Array
from engine.kernels import aligned
from engine.kernels.layout import as_nchw, pixels, to_memory
from engine.kernels.scratch import scratch
from engine.kernels.window import Window


def max_forward(x: Array, window: Window) -> tuple[Array, Array]:
    """Maximum of every window.

    The border is padded with −∞, never with 0, which would beat negative inputs. Of several equal
    maxima the first in row order counts, of several NaN the last, and a NaN in a window is its
    maximum; a pixel of the border never is, in a window of −∞ either. All as in PyTorch.

    Returns:
        The maxima (N, C, H_out, W_out), and for each the tap (row-major number in the kernel)
        that it came from, uint8 or uint16 in memory order (H_out, C, W_out, N).
    """
    n, c, h, w = x.shape
    out_h, out_w = window.output_size(h, w)
    taps_count = window.kernel[0] * window.kernel[1]
    tap_dtype = np.uint8 if taps_count <= 256 else np.uint16
    winner = np.empty((out_h, c, out_w, n), tap_dtype)
    winner[...] = _first_inside(window, out_h, out_w)

    def compare(tap: int, best: Array, candidate: Array) -> None:
        # Only a strictly greater value takes over. Later taps have greater numbers, so the
        # maximum of the numbers is the last one that took over.
        took_over = (candidate > best).view(np.uint8)
        np.maximum(winner, np.multiply(took_over, tap, dtype=tap_dtype), out=winner)

    out = _max_in_turn(x, window, compare)
    if np.isnan(out.max()):
        _let_nan_win(winner, x, window)
    return out, winner


def _first_inside(window: Window, out_h: int, out_w: int) -> Array:
    """For each window the first tap that is not in the border, (H_out, 1, W_out, 1)."""
    (top, _), (left, _) = window.pads
    rows = -((np.arange(out_h) * window.stride[0] - top) // window.dilation[0]).clip(max=0)
    columns = -((np.arange(out_w) * window.stride[1] - left) // window.dilation[1]).clip(max=0)
    return rows[:, None, None, None] * window.kernel[1] + columns[:, None]


def _let_nan_win(winner: Array, x: Array, window: Window) -> None:
    """Make the last NaN of a window its winner, where it holds any."""
    out_h, _, out_w, _ = winner.shape
    padded = _pad(to_memory(x), window, -np.inf)
    for tap, where in enumerate(_taps(window, out_h, out_w)):
        np.copyto(winner, tap, where=np.isnan(padded[where]))


def _axis_taps(window: Window, axis: int, size: int) -> Iterator[slice]:
    """For each tap of the kernel along an axis, the pixels that ``size`` windows see through it."""
    stride = window.stride[axis]
    for tap in range(window.kernel[axis]):
        first = tap * window.dilation[axis]
        yield slice(first, first + stride * (size - 1) + 1, stride)


def _max_in_turn(x: Array, window: Window, compare: Callable[[int, Array, Array], None]) -> Array:
    """Maximum of every window, tap after tap.

    ``compare(tap, best, candidate)`` sees, from the second tap on, what takes the place of what.
    """
    memory = to_memory(x)
    h, c, w, n = memory.shape
    out_h, out_w = window.output_size(h, w)
    padded = _pad(memory, window, -np.inf)
    best = aligned.empty((out_h, c, out_w, n), x.dtype)
    candidate = scratch("pool.candidate", best.shape, x.dtype)
    for tap, where in enumerate(_taps(window, out_h, out_w)):
        if tap == 0:
            pixels(best)[...] = pixels(padded)[where]
            continue
        pixels(candidate)[...] = pixels(padded)[where]
        compare(tap, best, candidate)
        np.maximum(best, candidate, out=best)
    return as_nchw(best)


def max_backward(dout: Array, winner: Array, image_shape: tuple[int, ...], window: Window) -> Array:
    """Gradient of the maxima: each output's goes to its winner, and to no other pixel."""
    memory = to_memory(dout)
    part = scratch("pool.part", memory.shape, memory.dtype)

    def share(tap: int) -> Array:
        return np.multiply(memory, winner == tap, out=part)

    return _scatter(share, memory, image_shape, window)


def average_forward(x: Array, window: Window, divisor: Array) -> Array:
    """Sum of every window divided by ``divisor``: (H_out, 1, W_out, 1), or a number."""
    memory = to_memory(x)
    h, c, w, n = memory.shape
    out_h, out_w = window.output_size(h, w)
    padded = _pad(memory, window, 0.0)
    total = np.zeros((out_h, c, out_w, n), x.dtype)
    for where in _taps(window, out_h, out_w):
        total += padded[where]
    total /= divisor
    return as_nchw(total)


def average_backward(
    dout: Array, image_shape: tuple[int, ...], window: Window, divisor: Array
) -> Array:
    """Gradient of the means: each pixel of a window gets the same share."""
    shared = to_memory(dout) / divisor
    return _scatter(lambda tap: shared, shared, image_shape, window)


def window_counts(window: Window, height: int, width: int, dtype: np.dtype) -> Array:
    """Number of image pixels that each window covers, (H_out, 1, W_out, 1)."""
    ones = np.ones((1, 1, height, width), dtype)
    counts = average_forward(ones, window, np.ones((), dtype))
    return to_memory(counts)


def _taps(window: Window, out_h: int, out_w: int) -> Iterator[tuple[slice, slice, slice]]:
    """For each tap of the kernel in row order, its pixels in padded (H, C, W, N) memory."""
    for rows in _axis_taps(window, 0, out_h):
        for columns in _axis_taps(window, 1, out_w):
            yield rows, slice(None), columns


def _pad(memory: Array, window: Window, value: float) -> Array:
    if not window.is_padded:
        return memory
    (top, bottom), (left, right) = window.pads
    h, c, w, n = memory.shape
    padded = np.full((h + top + bottom, c, w + left + right, n), value, memory.dtype)
    padded[top : top + h, :, left : left + w] = memory
    return padded


def _scatter(
    share: Callable[[int], Array], dout: Array, image_shape: tuple[int, ...], window: Window
) -> Array:
    """Sum of every output's shares at the pixels of its window; NCHW-shaped.

    ``share(tap)`` gives the shares of one tap, in ``dout``'s (H_out, C, W_out, N) memory.
    """
    n, c, h, w = image_shape
    (top, bottom), (left, right) = window.pads
    padded_shape = (h + top + bottom, c, w + left + right, n)
    out_h, out_w = window.output_size(h, w)
    covered = (out_h * window.kernel[0], out_w * window.kernel[1])
    if window.stride == window.kernel and covered == padded_shape[::2]:
        # Every pixel lies in one window: nothing to add up.
        padded = aligned.empty(padded_shape, dout.dtype)
        for tap, where in enumerate(_taps(window, out_h, out_w)):
            pixels(padded)[where] = pixels(share(tap))
    else:
        padded = np.zeros(padded_shape, dout.dtype)
        for tap, where in enumerate(_taps(window, out_h, out_w)):
            padded[where] += share(tap)
    return as_nchw(padded[top : top + h, :, left : left + w])
