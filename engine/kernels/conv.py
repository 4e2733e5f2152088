"""The fast convolution: matrix products of image rows, in the order that they have in memory.

In (H, C, W, N) memory (see ``layout``) the KH image rows under one row of output are consecutive
rows of a matrix. A row of output is then a sum of products, one for each column j of the kernel:

    y[p] (O, W_out·N) = Σ_j  w[:, :, :, j] (O, KH·C)  @  x[rows of p, shifted by j] (KH·C, W_out·N)

Nothing is gathered, nothing of the size of a batch's columns is ever allocated, and both other
products of training are of the same kind: dW multiplies the same slices of x with dy, and for
stride 1 dx *is* a convolution, of dy with the flipped kernel; for a stride s it is s·s of them.

3x3 kernels with enough channels take ``winograd`` instead, which multiplies a quarter as much.
Three ways to lay the operand out share the rest, each where it is the fastest (``_choose``):

* ``taps``     the slices themselves. KW products per row of output, summed.
* ``windows``  the KW shifted copies of each image row stand below each other, so that one product
               is enough. For few channels, whose products would be too thin, and for strides.
* ``columns``  the textbook's columns (``im2col``) of some rows of output. For kernels with rows
               apart (dilated), under which the image rows are not consecutive.

Index letters: n image, c input channel, o output channel, i j kernel tap, y x output position,
k depth of a product, p = (x, n) a position in a row of output.
"""

from collections.abc import Callable, Iterator
from itertools import product
from typing import NamedTuple

import numpy as np

from engine.arrays import Array
from engine.kernels import aligned, winograd
from engine.kernels.gemm import column_parts, depth_parts, row_parts
from engine.kernels.layout import as_nchw, pixels, to_memory
from engine.kernels.scratch import scratch
from engine.kernels.window import Window

# Gathered operands and sums of this size stay in a core's second-level cache.
GATHER_BYTES = 640 * 1024
# With up to so many rows of windows, copying them costs less than the sums that it saves.
FEW_WINDOWS = 24


def forward(x: Array, weight: Array, bias: Array | None, window: Window, groups: int) -> Array:
    """Cross-correlate x with the weights.

    Args:
        x: (N, C_in, H, W).
        weight: (C_out, C_in / groups, KH, KW).
        bias: (C_out,) or None.
        window: kernel, stride, padding, dilation.
        groups: channels are split into this many independent convolutions.

    Returns:
        (N, C_out, H_out, W_out), in (H, C, W, N) memory.
    """
    memory = to_memory(x)
    height, channels, width, n = memory.shape
    out_h, out_w = window.output_size(height, width)
    if winograd.suits(window, channels, weight.shape[0], out_w, n) and groups == 1:
        out = aligned.empty((out_h, weight.shape[0], out_w, n), x.dtype)
        winograd.correlate(memory, weight, bias, window, out)
        return as_nchw(out)
    out = aligned.empty((out_h, weight.shape[0], out_w * n), x.dtype)
    for c, o in _groups(channels, weight.shape[0], groups):
        padded = _pad(memory[:, c], window)
        _correlate(padded, weight[o], None if bias is None else bias[o], window, out_w, out[:, o])
    return as_nchw(out.reshape(out_h, -1, out_w, n))


def backward_weight(dout: Array, x: Array, dweight: Array, window: Window, groups: int) -> None:
    """The gradient of ``forward`` with respect to the weights, into ``dweight``.

    Args:
        dout: (N, C_out, H_out, W_out), left as it is.
        x, window, groups: as given to ``forward``.
        dweight: (C_out, C_in / groups, KH, KW), overwritten.
    """
    memory, d_memory = to_memory(x), to_memory(dout)
    out_h, c_out, out_w, _ = d_memory.shape
    if winograd.suits(window, memory.shape[1], c_out, out_w, memory.shape[3]) and groups == 1:
        winograd.correlate_weight(memory, d_memory, window, dweight)
        return
    d_rows = d_memory.reshape(out_h, c_out, -1)
    for c, o in _groups(memory.shape[1], c_out, groups):
        padded = _pad(memory[:, c], window)
        _correlate_weight(padded, d_rows[:, o], window, out_w, dweight[o])


def backward_input(
    dout: Array, weight: Array, window: Window, groups: int, image_shape: tuple[int, ...]
) -> Array:
    """The gradient of ``forward`` with respect to x.

    Args:
        dout: (N, C_out, H_out, W_out), left as it is.
        weight, window, groups: as given to ``forward``.
        image_shape: (N, C_in, H, W).

    Returns:
        (N, C_in, H, W), in (H, C, W, N) memory.
    """
    n, c_in, height, width = image_shape
    c = weight.shape[1]
    flipped = weight.reshape(groups, -1, c, *window.kernel).transpose(0, 2, 1, 3, 4)  # gocij, gcoij
    flipped = flipped.reshape(c_in, -1, *window.kernel)
    phases = product(window.phases(0, height), window.phases(1, width))
    dx = None if window.stride == (1, 1) else np.zeros((height, c_in, width, n), dout.dtype)
    for rows, columns in phases:
        taps = flipped[:, :, rows.taps, columns.taps][:, :, ::-1, ::-1]
        pads, dilation = (rows.pads, columns.pads), (rows.dilation, columns.dilation)
        reach = Window((taps.shape[2], taps.shape[3]), (1, 1), pads, dilation)
        part = forward(dout[:, :, rows.kept, columns.kept], taps, None, reach, groups)
        if dx is None:
            return part  # with stride 1 the only phase is the whole
        pixels(dx)[rows.pixels, :, columns.pixels] = pixels(to_memory(part))
    assert dx is not None
    return as_nchw(dx)


# -- one group, in (H, C, W, N) memory ------------------------------------------------------------


class Piece(NamedTuple):
    """Some rows of the output, and the operands whose products with the weights give them.

    Attributes:
        rows: rows of the output.
        operands: for each of the factors of ``_factors``, whose products are summed, a stack
            (y, k, p) of one matrix a row of output; or of ``_columns``, one (1, k, (y p)) for all.
    """

    rows: slice
    operands: list[Array]


def _correlate(
    padded: Array, weight: Array, bias: Array | None, window: Window, out_w: int, out: Array
) -> None:
    """out (H_out, O, W_out·N) = weight * padded + bias (O,)."""
    c_out, length = out.shape[1:]
    way = _choose(padded.shape[1], window)
    factors = _factors(weight, way)  # ocij -> t o k
    if bias is not None:
        # As a whole row: NumPy adds two arrays twice as fast as one number per channel.
        bias = np.repeat(bias[:, None], length, axis=1)  # o -> op
    parts = column_parts(length, *factors[0].shape)
    for rows, operands in way(padded, window, out.shape[0], out_w, c_out):
        target = out[rows]
        if way is _columns:
            joined = np.matmul(factors[0], operands[0][0])  # ok, k(yp) -> o(yp)
            target[...] = joined.reshape(c_out, -1, length).transpose(1, 0, 2)
        else:
            for columns in parts:
                part = target[:, :, columns]
                np.matmul(factors[0], operands[0][:, :, columns], out=part)  # ok, ykp -> yop
                for factor, operand in zip(factors[1:], operands[1:], strict=True):
                    product = scratch("conv.sum", part.shape, out.dtype)
                    part += np.matmul(factor, operand[:, :, columns], out=product)
        if bias is not None:
            target += bias


def _correlate_weight(
    padded: Array, dout: Array, window: Window, out_w: int, dweight: Array
) -> None:
    """dweight (O, C, KH, KW) = Σ over positions, padded's slices times dout (H_out, O, W_out·N)."""
    c_out, c_in, kh, kw = dweight.shape
    way = _choose(padded.shape[1], window)
    sums = np.zeros_like(_factors(dweight, way).transpose(0, 2, 1))  # t k o
    for rows, operands in way(padded, window, dout.shape[0], out_w, c_out):
        gradient = dout[rows].transpose(0, 2, 1)  # yop -> ypo
        if way is _columns:
            gradient = gradient.reshape(1, -1, c_out)
        for total, operand in zip(sums, operands, strict=True):
            for k in row_parts(*total.shape):
                for p in depth_parts(operand.shape[2], *total.shape):
                    # ykp, ypo -> ko
                    total[k] += np.matmul(operand[:, k, p], gradient[:, p]).sum(axis=0)
    if way is _taps:
        dweight[...] = sums.reshape(kw, kh, c_in, c_out).transpose(3, 2, 1, 0)  # j(ic)o -> ocij
    else:
        dweight[...] = sums.reshape(kh, kw, c_in, c_out).transpose(3, 2, 0, 1)  # (ijc)o -> ocij


def _taps(padded: Array, window: Window, out_h: int, out_w: int, c_out: int) -> Iterator[Piece]:
    """The image rows without a copy: KW operands of depth KH·C, shifted against each other."""
    _, c_in, width, n = padded.shape
    (kh, kw), step = window.kernel, window.dilation[1] * n
    matrix, length = padded.reshape(-1, width * n), out_w * n  # (hc)(wn)
    rows_at_once = max(1, GATHER_BYTES // (c_out * length * padded.itemsize))
    for y0 in range(0, out_h, rows_at_once):
        y1 = min(y0 + rows_at_once, out_h)
        apart = window.stride[0] * c_in
        yield Piece(
            slice(y0, y1),
            [
                _stack(matrix, (y0 * apart, j * step), y1 - y0, apart, kh * c_in, length)
                for j in range(kw)
            ],
        )


def _windows(padded: Array, window: Window, out_h: int, out_w: int, c_out: int) -> Iterator[Piece]:
    """Rows with their KW shifted copies below each other: one operand of depth KH·KW·C."""
    _, c_in, _, n = padded.shape
    (kh, kw), stride = window.kernel, window.stride[0]
    depth, length = kw * c_in, out_w * n
    lines_at_once = GATHER_BYTES // (depth * length * padded.itemsize)
    rows_at_once = max(1, (lines_at_once - kh) // stride + 1)
    for y0 in range(0, out_h, rows_at_once):
        y1 = min(y0 + rows_at_once, out_h)
        lines = (y1 - y0 - 1) * stride + kh
        copies = scratch("conv.gather", (lines, kw, c_in, out_w, n), padded.dtype)
        pixels(copies)[...] = _views(padded, y0 * stride, window, lines, out_w)  # h j c x n
        matrix, apart = copies.reshape(lines * depth, length), stride * depth
        yield Piece(slice(y0, y1), [_stack(matrix, (0, 0), y1 - y0, apart, kh * depth, length)])


def _columns(padded: Array, window: Window, out_h: int, out_w: int, c_out: int) -> Iterator[Piece]:
    """The textbook's columns of some rows of output: one operand of depth KH·KW·C."""
    _, c_in, _, n = padded.shape
    kh, kw = window.kernel
    depth, length = kh * kw * c_in, out_w * n
    rows_at_once = max(1, GATHER_BYTES // (depth * length * padded.itemsize))
    stride, dilation = window.stride[0], window.dilation[0]
    for y0 in range(0, out_h, rows_at_once):
        y1 = min(y0 + rows_at_once, out_h)
        columns = scratch("conv.gather", (kh, kw, c_in, y1 - y0, out_w, n), padded.dtype)
        for i in range(kh):
            first = y0 * stride + i * dilation
            views = _views(padded, first, window, y1 - y0, out_w, stride)
            pixels(columns[i])[...] = views.transpose(1, 2, 0, 3)  # y j c x n -> j c y x n
        yield Piece(slice(y0, y1), [columns.reshape(1, depth, -1)])


_Way = Callable[[Array, Window, int, int, int], Iterator[Piece]]


def _choose(c_in: int, window: Window) -> _Way:
    """The fastest arrangement for a shape: measured, not derived."""
    kw = window.kernel[1]
    if window.dilation[0] != 1:
        return _columns
    if window.stride[1] != 1 or (kw > 1 and kw * c_in <= FEW_WINDOWS):
        return _windows
    return _taps


def _factors(weight: Array, way: _Way) -> Array:
    """The weights (O, C, KH, KW) as the (t, O, k) factors of an arrangement's operands."""
    c_out = weight.shape[0]
    if way is _taps:
        return weight.transpose(3, 0, 2, 1).reshape(weight.shape[3], c_out, -1)  # ocij -> j o (ic)
    return weight.transpose(0, 2, 3, 1).reshape(1, c_out, -1)  # ocij -> o (ijc)


def _stack(
    matrix: Array, corner: tuple[int, int], count: int, apart: int, depth: int, length: int
) -> Array:
    """Slices (depth, length) of a matrix, the first at ``corner``, each ``apart`` rows below.

    They may overlap: it is one view, only to be read.
    """
    right = matrix.itemsize
    down = matrix.shape[1] * right
    offset = corner[0] * down + corner[1] * right
    # NumPy checks that this stays in the matrix; it does not for as_strided, which is slow, too.
    shape, strides = (count, depth, length), (apart * down, down, right)
    return np.ndarray(shape, matrix.dtype, matrix, offset, strides)


def _views(
    padded: Array, first: int, window: Window, count: int, out_w: int, apart: int = 1
) -> Array:
    """KW shifted and strided views of some rows of (H, C, W, N), as pixels: h j c x."""
    _, c_in, width, n = padded.shape
    s_w = n * padded.itemsize
    s_c = width * s_w
    s_h = c_in * s_c
    return np.ndarray(
        (count, window.kernel[1], c_in, out_w),
        f"V{s_w}",
        padded,
        first * s_h,
        (s_h * apart, s_w * window.dilation[1], s_c, s_w * window.stride[1]),
    )


def _groups(c_in: int, c_out: int, groups: int) -> Iterator[tuple[slice, slice]]:
    """The input and output channels of each group."""
    c, o = c_in // groups, c_out // groups
    for g in range(groups):
        yield slice(g * c, (g + 1) * c), slice(g * o, (g + 1) * o)


def _pad(memory: Array, window: Window) -> Array:
    """(H, C, W, N) with a border of zeros, in scratch memory; contiguous in any case."""
    if not window.is_padded:
        return np.ascontiguousarray(memory)
    (top, bottom), (left, right) = window.pads
    h, c, w, n = memory.shape
    padded = scratch("conv.padded", (h + top + bottom, c, w + left + right, n), memory.dtype)
    padded[:top] = 0
    padded[top + h :] = 0
    padded[top : top + h, :, :left] = 0
    padded[top : top + h, :, left + w :] = 0
    padded[top : top + h, :, left : left + w] = memory
    return padded
