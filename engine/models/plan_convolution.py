"""Convolutions of a plan: columns and one product, or Winograd's along the rows.

A convolution of stride 1 copies, for each of its K = C·KH·KW taps, the whole padded images, shifted
by the tap, below each other, and multiplies once:

    y (O, N·H'·W') = w (O, K + 1) @ columns (K + 1, N·H'·W')

Shifted images are long rows, so they are copied at the speed of memory; the price are outputs at
the border, between two rows of an image, that nobody reads. The last row of the columns is 1: it
adds the bias. Other strides copy the pixels that are needed.
"""

from typing import Any

import numpy as np

from engine.arrays import Shape
from engine.kernels import winograd
from engine.kernels.window import Window
from engine.models.plan_memory import Drawing, Value, owned, shape_of

BLOCK_BYTES = 640 * 1024
"""Columns that are gathered at once: they stay in a core's second-level cache."""

FEWEST_CHANNELS = 16
"""From so many on, Winograd's convolution is quicker."""

TILE = winograd.TILE


def conv(drawing: Drawing, layer: Any, value: Value) -> Value:
    """A convolution in the way that is the quickest for it: measured, not derived."""
    window, fewest = layer.window, min(layer.in_channels, layer.out_channels)
    plain = window.stride == window.dilation == (1, 1) and layer.groups == 1
    out_h = layer.output_shape(shape_of(value))[1]
    halves = 6 * -(-out_h // TILE) <= 2 * out_h
    if plain and window.kernel[0] == 3 and fewest >= FEWEST_CHANNELS and halves:
        return _winograd(drawing, layer, value)
    return _columns(drawing, layer, value)


def _columns(drawing: Drawing, layer: Any, value: Value) -> Value:
    out_c, out_h, out_w = layer.output_shape(shape_of(value))
    n, window, groups = value.shape[1], layer.window, layer.groups
    weight, bias = layer.weight, layer.params.get("bias")
    source = drawing.bordered(value, window)
    c_in, _, height, width = source.shape
    (kh, kw), (sh, sw), (dh, dw) = window.kernel, window.stride, window.dilation
    item = source.itemsize
    to_c, to_n, to_h, to_w = (stride for stride in source.strides)
    depth = c_in * kh * kw
    inside = bias is not None and groups == 1  # the bias is a row of the columns
    factor = weight.reshape(groups, out_c // groups, -1)
    if inside:
        factor = np.concatenate([factor, bias.reshape(1, -1, 1)], axis=2)
    shifted = window.stride == (1, 1)
    if shifted:
        image = height * width
        used = image - (window.span[0] - 1) * width - (window.span[1] - 1)
    else:
        image = used = out_h * out_w
    out = drawing.empty(groups, out_c // groups, n * image)
    at_once = min(n, max(1, BLOCK_BYTES // ((depth + inside) * image * item)))
    columns = np.ones((depth + inside, (at_once - 1) * image + used), drawing.dtype)
    for first in range(0, n, at_once):
        images = min(at_once, n - first)
        length = (images - 1) * image + used
        block = columns[:, :length]
        if shifted:
            shape: Shape = (c_in, kh, kw, length)
            strides: Shape = (to_c, to_h * dh, to_w * dw, to_w)
        else:
            shape = (c_in, kh, kw, images, out_h, out_w)
            strides = (to_c, to_h * dh, to_w * dw, to_n, to_h * sh, to_w * sw)
        if (depth, shifted) == (c_in, True) and not inside:
            operand = source.reshape(depth, -1)[:, first * image : first * image + length]
        else:
            taps = np.ndarray(shape, drawing.dtype, source, first * to_n, strides)
            drawing.step(np.copyto, block[:depth].reshape(shape), taps)
            operand = block
        place = slice(first * image, first * image + length)
        operand = operand.reshape(groups, -1, length)
        drawing.product(np.ascontiguousarray(factor), operand, out[:, :, place])
    flat = out.reshape(out_c, -1)
    if bias is not None and not inside:
        drawing.step(np.add, flat, bias[:, None], out=flat)
    if shifted:
        found = flat.reshape(out_c, n, height, width)[:, :, :out_h, :out_w]
    else:
        found = flat.reshape(out_c, n, out_h, out_w)
    return owned(found, flat)


def _winograd(drawing: Drawing, layer: Any, value: Value) -> Value:
    """A convolution of three rows: six products for four rows of output, and not twelve.

    As ``engine.kernels.winograd`` does, but along the rows only: columns are shifted, as in
    any other convolution here, and all runs go along whole rows.
    """
    out_c, out_h, out_w = layer.output_shape(shape_of(value))
    n, (top_bottom, left_right) = value.shape[1], layer.window.pads
    tiles = -(-out_h // TILE)
    pads = (top_bottom[0], top_bottom[1] + tiles * TILE - out_h), left_right
    source = drawing.bordered(value, Window(layer.window.kernel, pads=pads))
    c_in, _, _, width = source.shape
    to_c, to_n, to_h, to_w = source.strides
    kw, length = layer.window.kernel[1], tiles * width
    a, b, g = (np.ascontiguousarray(m) for m in winograd.matrices(drawing.dtype))
    size = len(b)
    factor = np.einsum("ki,ocij->kocj", g, layer.weight).reshape(size, out_c, -1)
    # At the point 1 all rows of output have the same coefficient, 1: the bias is added there.
    bias = np.zeros((size, out_c, 1), drawing.dtype)
    bias[1, :, 0] = layer.params.get("bias", 0)
    factor = np.concatenate([factor, bias], axis=2)
    rows = drawing.empty(size, c_in, tiles, width)
    turned = drawing.empty(size, c_in * length + kw - 1)
    strides = turned.strides[0], length * to_w, to_w, to_w
    shifted = np.ndarray((size, c_in, kw, length), drawing.dtype, turned, 0, strides)
    columns = np.ones((size, c_in * kw + 1, length), drawing.dtype)
    products = drawing.empty(size, out_c, length)
    out = drawing.empty(n, TILE, out_c, tiles, width)
    for image in range(n):
        strides = to_h, to_c, TILE * to_h, to_w
        taken = np.ndarray(rows.shape, drawing.dtype, source, image * to_n, strides)
        drawing.step(np.copyto, rows, taken)
        drawing.step(np.matmul, b.T, rows.reshape(size, -1), out=turned[:, : c_in * length])
        drawing.step(np.copyto, columns[:, :-1].reshape(shifted.shape), shifted)
        drawing.product(factor, columns, products)
        drawing.step(np.matmul, a.T, products.reshape(size, -1), out=out[image].reshape(TILE, -1))
    found = out.transpose(2, 0, 3, 1, 4)[..., :out_w]  # ntoyx -> onytx
    if tiles * TILE == out_h:
        return owned(found, out, (out_c, n, out_h, out_w))
    whole = drawing.empty(out_c, n, tiles * TILE, out_w)
    drawing.step(np.copyto, whole.reshape(found.shape), found)
    return owned(whole[:, :, :out_h], whole)
