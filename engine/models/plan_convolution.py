"""Convolutions of a plan, some rows of output at a time.

Rows of images lie in memory as matrices (C, W·N), see ``engine.kernels.layout``. Of three ways each
shape takes the quickest:

* Winograd's along the rows: six products for four rows of output, and not twelve. Its transforms
  are products of a small matrix with whole rows, and only KW copies of each row are needed. In both
  directions (``engine.kernels.winograd``) it multiplies less, but transforms more.
* ``_rows``: the KW shifted copies of each row of the input stand below each other, and of these
  the KH under a row of output are one operand.
* ``_columns``: the textbook's columns. For few images, whose rows are too short for the others, for
  groups, and for kernels with rows apart.

Index letters as in ``engine.kernels.conv``; t rows of tiles, k points of Winograd's.
"""

import math
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from engine.arrays import Array, Shape
from engine.kernels import winograd
from engine.kernels.layout import pixels
from engine.kernels.winograd import TILE
from engine.models.plan_memory import Block, Drawing, Pads, Step, Value, product, shifted

BLOCK_BYTES = 640 * 1024
"""Operands that are gathered at once: they stay in a core's second-level cache."""

FEWEST_CHANNELS = 16
"""From so many on, Winograd's convolution is quicker."""

LONG_ROW = 64
"""Numbers of a row of output, W·N, from which it is worth a product of its own."""


def conv(drawing: Drawing, layer: Any, value: Value) -> Value:
    """A convolution in the way that is the quickest for it: measured, not derived."""
    out_c, out_h, out_w = layer.output_shape(value.sample_shape)
    shape = out_h, out_c, out_w, value.shape[3]
    if _is_winograd(layer, out_h):
        blocks = _winograd(drawing, layer, value, shape)
    elif layer.groups == layer.window.dilation[0] == 1 and out_w * shape[3] >= LONG_ROW:
        blocks = _rows(drawing, layer, value, shape)
    else:
        blocks = _columns(drawing, layer, value, shape)
    return Value(shape, blocks=blocks)


def wanted_pads(layer: Any, value: Value) -> Pads:
    """The border that a convolution wants around its input."""
    (top, bottom), sides = layer.window.pads
    out_h = layer.output_shape(value.sample_shape)[1]
    if _is_winograd(layer, out_h):
        bottom += -out_h % TILE  # whole tiles
    return (top, bottom), sides


def _is_winograd(layer: Any, out_h: int) -> bool:
    window, fewest = layer.window, min(layer.in_channels, layer.out_channels)
    plain = window.stride == window.dilation == (1, 1) and layer.groups == 1
    pays = 6 * -(-out_h // TILE) <= 2 * out_h
    return plain and window.kernel[0] == 3 and fewest >= FEWEST_CHANNELS and pays


def _winograd(drawing: Drawing, layer: Any, value: Value, shape: Shape) -> list[Block]:
    out_h, out_c, out_w, n = shape
    source = drawing.bordered(value, wanted_pads(layer, value))
    _, c_in, width, _ = source.shape
    kw, row, length = layer.window.kernel[1], c_in * width * n, out_w * n
    a, b, g = (np.ascontiguousarray(m) for m in winograd.matrices(drawing.dtype))
    size = len(b)
    factor = np.einsum("ki,ocij->kojc", g, layer.weight).reshape(size, out_c, -1)
    # At the point 1 all rows of output have the same coefficient, 1: the bias is added there.
    bias = np.zeros((size, out_c, 1), drawing.dtype)
    bias[1, :, 0] = layer.params.get("bias", 0)
    factor = np.concatenate([factor, bias], axis=2)
    at_once = max(1, BLOCK_BYTES // (factor[:, 0].size * length * source.itemsize))
    blocks = []
    tiles = out_h // TILE
    parts = [(t, min(at_once, tiles - t), TILE) for t in range(0, tiles, at_once)]
    if out_h % TILE:
        parts.append((tiles, 1, out_h % TILE))
    for first, count, height in parts:
        taken = shifted(source, (count, size, row), (TILE * row, row, 1), first * TILE * row)
        turned = drawing.scratch("turned", count, size, row)
        windows = shifted(
            turned, (size, kw, c_in, count, length), (row, n, width * n, size * row, 1)
        )
        columns = drawing.scratch("columns and ones", size, kw * c_in + 1, count * length)
        products = drawing.scratch("products", size, out_c, count * length)
        out = drawing.scratch("rows", TILE, out_c, count * length)
        steps: list[Step] = [
            partial(np.matmul, b.T, taken, out=turned),
            partial(np.copyto, columns[:, :-1].reshape(windows.shape), windows),
            *product(factor, columns, products),
            partial(np.matmul, a.T, products.reshape(size, -1), out=out.reshape(TILE, -1)),
        ]
        tall = out.reshape(TILE, out_c, count, out_w, n).transpose(2, 0, 1, 3, 4)  # rotxn -> troxn
        rows = slice(first * TILE, first * TILE + (count - 1) * TILE + height)
        blocks.append(Block(rows, steps, tall[:, :height], out))
    return blocks


def _rows(drawing: Drawing, layer: Any, value: Value, shape: Shape) -> list[Block]:
    out_h, out_c, out_w, n = shape
    window, weight = layer.window, layer.weight
    (kh, kw), (sh, _) = window.kernel, window.stride
    source = drawing.surrounded(value, window.pads)
    depth, length = kw * source.shape[1], out_w * n
    factor = np.ascontiguousarray(weight.transpose(0, 2, 3, 1)).reshape(out_c, -1)  # ocij -> o(ijc)
    taken = sliding_window_view(_pixels(source), window.span[1], axis=2)  # hcxj
    taken = taken[:, :, :: window.stride[1], :: window.dilation[1]].transpose(0, 3, 1, 2)  # hjcx
    at_once = BLOCK_BYTES // ((sh * depth + out_c) * length * source.itemsize)
    at_once = max(1, at_once)
    blocks = []
    for first in range(0, out_h, at_once):
        count = min(at_once, out_h - first)
        lines = (count - 1) * sh + kh
        copies = drawing.scratch("copies", lines, kw, source.shape[1], out_w, n)
        operand = shifted(copies, (count, kh * depth, length), (sh * depth * length, length, 1))
        out = drawing.scratch("rows", count, out_c, length)
        steps: list[Step] = [
            partial(np.copyto, _pixels(copies), taken[first * sh : first * sh + lines]),
            *product(factor, operand, out),
        ]
        if "bias" in layer.params:
            bias = np.repeat(layer.params["bias"], length).reshape(out_c, length)
            steps.append(partial(np.add, out, bias, out=out))
        found = out.reshape(1, count, out_c, out_w, n)
        blocks.append(Block(slice(first, first + count), steps, found, out))
    return blocks


def _columns(drawing: Drawing, layer: Any, value: Value, shape: Shape) -> list[Block]:
    out_h, out_c, out_w, n = shape
    window, groups, bias = layer.window, layer.groups, layer.params.get("bias")
    source = drawing.surrounded(value, window.pads)
    taken = sliding_window_view(_pixels(source), window.span, axis=(0, 2))  # ycxij
    (sh, sw), (dh, dw) = window.stride, window.dilation
    taken = taken[::sh, :, ::sw, ::dh, ::dw].transpose(1, 3, 4, 0, 2)  # cijyx
    inside = bias is not None and groups == 1  # the bias is a column of the factor
    factor = layer.weight.reshape(groups, out_c // groups, -1)
    if inside:
        factor = np.concatenate([factor, bias.reshape(1, -1, 1)], axis=2)
    depth, row = source.shape[1] * math.prod(window.kernel), out_w * n
    at_once = max(1, BLOCK_BYTES // (depth * row * source.itemsize))
    blocks = []
    for first in range(0, out_h, at_once):
        count = min(at_once, out_h - first)
        name = "columns and ones" if inside else "columns"
        columns = drawing.scratch(name, depth + inside, count * row)
        part = taken[:, :, :, first : first + count]
        out = drawing.scratch("rows", groups, out_c // groups, count * row)
        copies = columns[:depth].reshape(*part.shape, n)
        operand = columns.reshape(groups, -1, count * row)
        steps: list[Step] = [partial(np.copyto, _pixels(copies), part)]
        steps += product(factor, operand, out)
        if bias is not None and not inside:
            flat = out.reshape(out_c, -1)
            steps.append(partial(np.add, flat, bias[:, None], out=flat))
        found = out.reshape(1, out_c, count, out_w, n).transpose(0, 2, 1, 3, 4)  # 1oyxn -> 1yoxn
        blocks.append(Block(slice(first, first + count), steps, found, out))
    return blocks


def _pixels(array: Array) -> Array:
    """Images (..., N) as items of N numbers, which NumPy copies faster than runs of them."""
    return pixels(array) if array.shape[-1] > 1 else array[..., 0]
