"""Plans: a network's evaluation for one shape of input, laid out once and carried out often.

A forward pass of a small network on one image spends most of its time on what is the same each
time: checks, views, fresh memory. A plan does that once. What is left is a flat list of NumPy calls
with their operands, which all lie in memory of the plan.

Images are (C, N, H, W) in memory, features (N, F): with few images the batch is too short to be
the innermost axis, as it is in training (``engine.kernels.layout``).

A convolution of stride 1 copies, for each of its K = C·KH·KW taps, the whole padded images, shifted
by the tap, below each other, and multiplies once:

    y (O, N·H'·W') = w (O, K + 1) @ columns (K + 1, N·H'·W')

Shifted rows are long, so they are copied at the speed of memory; the price are outputs at the
border, between two rows of an image, that nobody reads. The last row of the columns is 1: it adds
the bias. Other strides copy the pixels that are needed.
"""

import math
import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from engine.arrays import Array, Shape
from engine.kernels.gemm import ROW_MULTIPLE, SMALL_PRODUCT
from engine.kernels.window import Window
from engine.layers import (
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    Layer,
    MaxPool2D,
    ReLU,
    Residual,
    Whitening2D,
)

BLOCK_BYTES = 640 * 1024
"""Columns that are gathered at once: they stay in a core's second-level cache."""

NARROWEST = 32
"""Columns of a product that is worth a call."""


class Plan:
    """The logits of a network for inputs of one shape.

    It has the weights of the moment when it was made. One thread at a time computes with it;
    others wait.

    Args:
        layers: initialised, batch norms already folded; none is changed.
        in_shape: of a sample, (C, H, W) or (F,).
        n: samples of an input.
        dtype: of the inputs, which must be the parameters', too.

    Raises:
        ShapeError: a layer cannot take what comes to it.
    """

    def __init__(
        self, layers: Iterable[Layer], in_shape: Shape, n: int, dtype: np.typing.DTypeLike
    ) -> None:
        self._lock = threading.Lock()
        drawing = _Drawing(np.dtype(dtype))
        first = _Value((*in_shape[:1], n, *in_shape[1:]) if len(in_shape) == 3 else (n, *in_shape))
        last = drawing.settled(drawing.row(layers, first))
        if first.array is None or last is first.array:  # an empty network
            last = drawing.settled(first).copy()
            drawing.step(np.copyto, last, first.array)
        self._steps = drawing.steps
        self._input, self._output = _samples_first(first.array), _samples_first(last)

    def __call__(self, x: Array) -> Array:
        """(N, C, H, W) or (N, F) → the network's output, a new array."""
        with self._lock:
            self._input[...] = x
            for step in self._steps:
                step()
            return self._output.copy()


class _Value:
    """What comes out of a layer.

    Attributes:
        shape: (C, N, H, W) or (N, F).
        array: where it lies; None for the input, which goes where its reader wants it.
        relu: whether a ReLU is still to be applied, by whoever reads it next.
        border: an array that has ``array`` inside, with its border.
    """

    def __init__(self, shape: Shape, array: Array | None = None, relu: bool = False) -> None:
        self.shape = shape
        self.array: Any = array
        self.relu = relu
        self.border: tuple[Any, Array] | None = None


class _Drawing:
    """A plan while it is made: the steps so far."""

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype
        self.steps: list[Callable[[], object]] = []
        self._zeros = np.zeros(0, dtype)

    def step(self, function: Callable[..., object], *arguments: Any, **named: Any) -> None:
        self.steps.append(partial(function, *arguments, **named))

    def empty(self, *shape: int) -> Array:
        return np.zeros(shape, self.dtype)

    # -- values -------------------------------------------------------------------------------

    def put(self, value: _Value, target: Array) -> None:
        """Let a value lie in ``target``, whose shape it has."""
        if value.relu:
            self.step(np.maximum, value.array, self.zeros(target), out=target)
        elif value.array is not None:
            self.step(np.copyto, target, value.array)
        value.array, value.relu = target, False

    def settled(self, value: _Value) -> Array:
        """The array of a value, nothing left to be applied to it."""
        if value.array is None or value.relu:
            self.put(value, self.empty(*value.shape))
        array: Array = value.array
        return array

    def bordered(self, value: _Value, window: Window, fill: float = 0.0) -> Array:
        """A value (C, N, H, W) with the border that a window needs; contiguous."""
        wanted = (window.pads, fill)
        if value.border is not None and value.border[0] == wanted:
            return value.border[1]
        (top, bottom), (left, right) = window.pads
        c, n, h, w = value.shape
        if not window.is_padded and not value.relu and value.array is not None:
            if value.array.flags.c_contiguous:
                array: Array = value.array
                return array
        border = np.full((c, n, h + top + bottom, w + left + right), fill, self.dtype)
        self.put(value, border[:, :, top : top + h, left : left + w])
        value.border = wanted, border
        return border

    def zeros(self, like: Array) -> Array:
        """Zeros to compare with: NumPy compares two arrays faster than an array with a number."""
        shape = like.shape[-2:]
        size = math.prod(shape)
        if self._zeros.size < size:
            self._zeros = np.zeros(size, self.dtype)
        return self._zeros[:size].reshape(shape)

    # -- layers -------------------------------------------------------------------------------

    def row(self, layers: Iterable[Layer], value: _Value) -> _Value:
        """What layers make of a value, one after the other."""
        layers = list(layers)
        for i, layer in enumerate(layers):
            rule = _RULES.get(type(layer), _Drawing.any_layer)
            ahead = layers[i + 1] if i + 1 < len(layers) else None
            if type(layer) is ReLU and type(ahead) is MaxPool2D:
                # The maximum of a window is the same before and after it, and there are fewer.
                layers[i], layers[i + 1] = ahead, layer
                layer, rule = ahead, _Drawing.max_pool
            value = rule(self, layer, value)
        return value

    def any_layer(self, layer: Layer, value: _Value) -> _Value:
        """A layer by its own forward pass, in evaluation mode."""
        twin = layer.replica().eval()
        x = _samples_first(self.settled(value))
        n, *rest = x.shape
        shape = (n, *layer.output_shape(tuple(rest)))
        out = self.empty(*(shape if len(shape) == 2 else (shape[1], n, *shape[2:])))
        target = _samples_first(out)

        def forward() -> None:
            target[...] = twin.forward(x)
            twin.release()

        self.step(forward)
        return _Value(out.shape, out)

    def conv(self, layer: Any, value: _Value) -> _Value:
        out_c, out_h, out_w = layer.output_shape(_shape_of(value))
        n, window, groups = value.shape[1], layer.window, layer.groups
        weight, bias = layer.weight, layer.params.get("bias")
        source = self.bordered(value, window)
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
        out = self.empty(groups, out_c // groups, n * image)
        at_once = min(n, max(1, BLOCK_BYTES // ((depth + inside) * image * item)))
        columns = np.ones((depth + inside, (at_once - 1) * image + used), self.dtype)
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
                taps = np.ndarray(shape, self.dtype, source, first * to_n, strides)
                self.step(np.copyto, block[:depth].reshape(shape), taps)
                operand = block
            place = slice(first * image, first * image + length)
            operand = operand.reshape(groups, -1, length)
            self.product(np.ascontiguousarray(factor), operand, out[:, :, place])
        flat = out.reshape(out_c, -1)
        if bias is not None and not inside:
            self.step(np.add, flat, bias.copy()[:, None], out=flat)
        if shifted:
            found = flat.reshape(out_c, n, height, width)[:, :, :out_h, :out_w]
        else:
            found = flat.reshape(out_c, n, out_h, out_w)
        return _Value(found.shape, found)

    def product(self, a: Array, b: Array, out: Array) -> None:
        """out (g, m, p) = a (g, m, k) @ b (g, k, p), in parts that OpenBLAS does not pack."""
        length = b.shape[2]
        most = SMALL_PRODUCT // (a.shape[1] * a.shape[2]) // ROW_MULTIPLE * ROW_MULTIPLE
        if most < NARROWEST:
            most = length
        for start in range(0, length, most):
            part = slice(start, start + most)
            if len(a) == 1:
                self.step(np.matmul, a[0], b[0, :, part], out=out[0, :, part])
            else:
                self.step(np.matmul, a, b[:, :, part], out=out[:, :, part])

    def dense(self, layer: Any, value: _Value) -> _Value:
        layer.output_shape(_shape_of(value))
        x = self.settled(value)
        weight, bias = layer.params["weight"], layer.params.get("bias")
        out = self.empty(len(x), len(weight))
        self.step(np.matmul, x, np.ascontiguousarray(weight.T), out=out)
        if bias is not None:
            self.step(np.add, out, bias.copy(), out=out)
        return _Value(out.shape, out)

    def relu(self, layer: Layer, value: _Value) -> _Value:
        array = value.array if value.relu or value.array is not None else self.settled(value)
        return _Value(value.shape, array, relu=True)

    def max_pool(self, layer: Any, value: _Value) -> _Value:
        """Over the rows of the windows, then over their columns."""
        c, out_h, out_w = layer.output_shape(_shape_of(value))
        window, n = layer.window, value.shape[1]
        source = value.array
        if window.is_padded or value.relu or source is None:
            source = self.bordered(value, window, -np.inf)
        taps = [
            [slice(k * d, k * d + s * (size - 1) + 1, s) for k in range(count)]
            for count, s, d, size in zip(
                window.kernel, window.stride, window.dilation, (out_h, out_w), strict=True
            )
        ]
        rows = [source[:, :, tap] for tap in taps[0]]
        lines = self.largest(rows, (c, n, out_h, source.shape[3]))
        out = self.largest([lines[..., tap] for tap in taps[1]], (c, n, out_h, out_w))
        return _Value(out.shape, out)

    def largest(self, arrays: list[Array], shape: Shape) -> Array:
        """The largest of some arrays, place by place."""
        best = arrays[0]
        if len(arrays) > 1:
            out = self.empty(*shape)
            for other in arrays[1:]:
                self.step(np.maximum, best, other, out=out)
                best = out
        return best

    def global_average(self, layer: Layer, value: _Value) -> _Value:
        layer.output_shape(_shape_of(value))
        c, n, h, w = value.shape
        x = self.settled(value)
        if not x.flags.c_contiguous:
            self.put(value, self.empty(*value.shape))
            x = value.array
        out = self.empty(c * n)
        self.step(np.matmul, x.reshape(c * n, h * w), np.full(h * w, 1 / (h * w), self.dtype), out)
        return _Value((n, c), out.reshape(c, n).T)

    def flatten(self, layer: Layer, value: _Value) -> _Value:
        if len(value.shape) == 2:
            return value
        c, n, h, w = value.shape
        rows = self.empty(n, c * h * w)
        self.put(value, rows.reshape(n, c, h, w).transpose(1, 0, 2, 3))
        return _Value(rows.shape, rows)

    def nothing(self, layer: Layer, value: _Value) -> _Value:
        return value

    def residual(self, layer: Any, value: _Value) -> _Value:
        first = layer.body[0] if len(layer.body) else None
        if type(first) in (Conv2D, Whitening2D) and len(value.shape) == 4:
            self.bordered(value, first.window)  # so that both branches read the same copy
        self.settled(value)
        body = self.row(layer.body, _same(value))
        shortcut = self.row(layer.shortcut, _same(value))
        layer.output_shape(_shape_of(value))
        out = self.empty(*body.shape)
        self.step(np.add, self.settled(body), self.settled(shortcut), out=out)
        return _Value(out.shape, out)


_RULES: dict[type[Layer], Callable[[_Drawing, Any, _Value], _Value]] = {
    Conv2D: _Drawing.conv,
    Whitening2D: _Drawing.conv,
    Dense: _Drawing.dense,
    ReLU: _Drawing.relu,
    MaxPool2D: _Drawing.max_pool,
    GlobalAvgPool2D: _Drawing.global_average,
    Flatten: _Drawing.flatten,
    Dropout: _Drawing.nothing,
    Residual: _Drawing.residual,
}
"""What draws which layer; another one, of a subclass too, runs its own ``forward``."""


def _same(value: _Value) -> _Value:
    """The same value for another reader."""
    twin = _Value(value.shape, value.array, value.relu)
    twin.border = value.border
    return twin


def _shape_of(value: _Value) -> Shape:
    """The shape of a sample."""
    if len(value.shape) == 2:
        return value.shape[1:]
    return value.shape[0], *value.shape[2:]


def _samples_first(array: Array) -> Array:
    """(C, N, H, W) as (N, C, H, W); features stay as they are."""
    return array if array.ndim == 2 else array.transpose(1, 0, 2, 3)
