"""The fast convolution: gather a little, multiply, and again.

Three ideas carry it.

1. *A few rows at a time.* The columns of a whole micro-batch would stream through memory twice.
   Here a strip of output positions is gathered into a scratch array that stays in the cache, one
   matrix product consumes it, and the next strip overwrites it.
2. *Batch innermost* (see ``layout``): the gather copies long runs, and the product's result is
   already the next layer's input.
3. *One gather for the whole backward pass.* For stride 1 the columns of the output's gradient
   serve both products: with the flipped kernel they give dx, and with x itself they give dW:

       dx[c, p]    = Σ_{o,i,j} w[o, c, i, j] · dy[o, p + pad − (i, j)]
       dw[o, c, i, j] = Σ_p     x[c, p]      · dy[o, p + pad − (i, j)]

   Both read the same shifted copies of dy. Where the layer widens a lot, or strides, x's own
   columns are gathered instead and dx is scattered back tap by tap (``col2im``).

Index letters: n image, c input channel, o output channel, i j kernel tap, y x output position,
k = (c, i, j), p = (y, x, n).
"""

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import as_strided

from engine.kernels.geometry import Window
from engine.kernels.layout import as_nchw, batch_innermost
from engine.kernels.workspace import scratch

Array = np.ndarray

# Columns of about this size stay in a core's second-level cache beside weights and results.
STRIP_BYTES = 384 * 1024


def forward(x: Array, weight: Array, bias: Array | None, window: Window, groups: int) -> Array:
    """Cross-correlate x with the weights.

    Args:
        x: (N, C_in, H, W).
        weight: (C_out, C_in / groups, KH, KW).
        bias: (C_out,) or None.
        window: kernel, stride, padding, dilation.
        groups: channels are split into this many independent convolutions.

    Returns:
        (N, C_out, H_out, W_out), batch innermost in memory.
    """
    memory = batch_innermost(x)
    channels, height, width, n = memory.shape
    out_h, out_w = window.output_size(height, width)
    out = np.empty((weight.shape[0], out_h, out_w, n), x.dtype)
    padded = _pad(memory, window, "conv.x")
    for c, o in _groups(channels, weight.shape[0], groups):
        flat_weight = weight[o].reshape(o.stop - o.start, -1)  # o k
        flat_out = out[o].reshape(o.stop - o.start, -1)  # o p
        for span, cols in _strips(padded[c], window, (out_h, out_w)):
            np.matmul(flat_weight, cols, out=flat_out[:, span])  # ok, kp -> op
            if bias is not None:
                flat_out[:, span] += bias[o, None]
    return as_nchw(out)


def backward(
    dout: Array,
    x: Array,
    weight: Array,
    window: Window,
    groups: int,
    dweight: Array,
    *,
    needs_dx: bool,
) -> Array | None:
    """Gradients of ``forward`` with respect to the weights (into ``dweight``) and to x.

    Args:
        dout: (N, C_out, H_out, W_out), left as it is.
        x, weight, window, groups: as given to ``forward``.
        dweight: (C_out, C_in / groups, KH, KW), overwritten.
        needs_dx: False for the first layer of a network: nobody asks for the images' gradient.

    Returns:
        dx (N, C_in, H, W), or None.
    """
    x_memory, d_memory = batch_innermost(x), batch_innermost(dout)
    dx = np.empty_like(x_memory) if needs_dx else None
    transposed = window.transposed()
    if dx is not None and transposed is not None and _prefers_dout_columns(weight, window, groups):
        padded = _pad(d_memory, transposed, "conv.dout")
        for c, o in _groups(x_memory.shape[0], weight.shape[0], groups):
            _backward_dout_columns(
                padded[o], x_memory[c], weight[o], transposed, dweight[o], dx[c]
            )
    else:
        padded = _pad(x_memory, window, "conv.x")
        for c, o in _groups(x_memory.shape[0], weight.shape[0], groups):
            _backward_x_columns(
                d_memory[o], padded[c], weight[o], window, dweight[o], None if dx is None else dx[c]
            )
    return None if dx is None else as_nchw(dx)


def _prefers_dout_columns(weight: Array, window: Window, groups: int) -> bool:
    # A 1x1 kernel gathers nothing. Otherwise, gathering C_out channels once replaces gathering
    # C_in channels and scattering them back, which reads and writes: about three passes.
    return window.is_pointwise or weight.shape[0] // groups <= 3 * weight.shape[1]


def _backward_dout_columns(
    padded_dout: Array, x: Array, weight: Array, transposed: Window, dweight: Array, dx: Array
) -> None:
    c, height, width, _ = x.shape
    o, _, kh, kw = weight.shape
    # ocij -> c(oij), taps in reverse
    flipped = np.ascontiguousarray(weight[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)).reshape(c, -1)
    flat_x, flat_dx = x.reshape(c, -1), dx.reshape(c, -1)
    total = np.zeros_like(flipped)
    for span, cols in _strips(padded_dout, transposed, (height, width)):
        np.matmul(flipped, cols, out=flat_dx[:, span])  # c(oij), (oij)p -> cp
        total += np.matmul(flat_x[:, span], cols.T)  # cp, (oij)p -> c(oij)
    dweight[...] = total.reshape(c, o, kh, kw).transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]


def _backward_x_columns(
    dout: Array, padded_x: Array, weight: Array, window: Window, dweight: Array, dx: Array | None
) -> None:
    o, out_h, out_w, n = dout.shape
    c, (kh, kw) = weight.shape[1], window.kernel
    flat_weight, flat_dout = weight.reshape(o, -1), dout.reshape(o, -1)
    total = np.zeros_like(flat_weight)
    padded_dx = None if dx is None else np.zeros_like(padded_x)
    for span, cols in _strips(padded_x, window, (out_h, out_w)):
        total += np.matmul(flat_dout[:, span], cols.T)  # op, kp -> ok
        if padded_dx is not None:
            # x's columns are used up: dx's columns take their place
            dcols = np.matmul(flat_weight.T, flat_dout[:, span], out=cols)  # ok, op -> kp
            rows, columns = _span_to_block(span, out_w, n)
            shape = (c, kh, kw, rows.stop - rows.start, columns.stop - columns.start, n)
            _scatter(dcols.reshape(shape), padded_dx, window, rows, columns)
    dweight[...] = total.reshape(dweight.shape)
    if dx is not None and padded_dx is not None:
        (top, _), (left, _) = window.pads
        dx[...] = padded_dx[:, top : top + dx.shape[1], left : left + dx.shape[2]]


def _groups(c_in: int, c_out: int, groups: int) -> Iterator[tuple[slice, slice]]:
    """The input and output channels of each group."""
    c, o = c_in // groups, c_out // groups
    for g in range(groups):
        yield slice(g * c, (g + 1) * c), slice(g * o, (g + 1) * o)


def _pad(memory: Array, window: Window, name: str) -> Array:
    """(C, H, W, N) with a border of zeros, in scratch memory; without padding, the same array."""
    if not window.is_padded:
        return memory
    (top, bottom), (left, right) = window.pads
    c, h, w, n = memory.shape
    padded = scratch(name, (c, h + top + bottom, w + left + right, n), memory.dtype)
    padded[:, :top] = 0
    padded[:, top + h :] = 0
    padded[:, top : top + h, :left] = 0
    padded[:, top : top + h, left + w :] = 0
    padded[:, top : top + h, left : left + w] = memory
    return padded


def _strips(padded: Array, window: Window, out: tuple[int, int]) -> Iterator[tuple[slice, Array]]:
    """Columns (K, P) of a strip of output positions at a time, with the strip's place in P.

    A strip is some whole output rows, or a part of one row where a row alone is too much.
    """
    c, _, _, n = padded.shape
    (kh, kw), (out_h, out_w) = window.kernel, out
    if window.is_pointwise:
        yield slice(0, out_h * out_w * n), padded.reshape(c, -1)
        return
    k = c * kh * kw
    positions = max(1, STRIP_BYTES // (k * n * padded.itemsize))
    step_y, step_x = max(1, positions // out_w), min(out_w, positions)
    s_c, s_h, s_w, s_n = padded.strides
    taps = as_strided(
        padded,
        (c, kh, kw, out_h, out_w, n),
        (
            s_c,
            s_h * window.dilation[0],
            s_w * window.dilation[1],
            s_h * window.stride[0],
            s_w * window.stride[1],
            s_n,
        ),
        writeable=False,
    )
    for y in range(0, out_h, step_y):
        rows = min(step_y, out_h - y)
        for x in range(0, out_w, step_x):
            width = min(step_x, out_w - x)
            cols = scratch("conv.columns", (c, kh, kw, rows, width, n), padded.dtype)
            np.copyto(cols, taps[:, :, :, y : y + rows, x : x + width])
            first = (y * out_w + x) * n
            yield slice(first, first + rows * width * n), cols.reshape(k, -1)


def _span_to_block(span: slice, out_w: int, n: int) -> tuple[slice, slice]:
    """The rows and columns of the output that a strip covers: the inverse of ``_strips``."""
    (y, x), positions = divmod(span.start // n, out_w), (span.stop - span.start) // n
    if positions >= out_w:
        return slice(y, y + positions // out_w), slice(0, out_w)
    return slice(y, y + 1), slice(x, x + positions)


def _scatter(dcols: Array, padded_dx: Array, window: Window, rows: slice, columns: slice) -> None:
    """Add a strip's columns (C, KH, KW, Y, X, N) back to the pixels that they came from."""
    (stride_h, stride_w), (dilation_h, dilation_w) = window.stride, window.dilation
    height, width = dcols.shape[3:5]
    for i in range(window.kernel[0]):
        top = rows.start * stride_h + i * dilation_h
        for j in range(window.kernel[1]):
            left = columns.start * stride_w + j * dilation_w
            padded_dx[
                :,
                top : top + stride_h * (height - 1) + 1 : stride_h,
                left : left + stride_w * (width - 1) + 1 : stride_w,
            ] += dcols[:, i, j]
