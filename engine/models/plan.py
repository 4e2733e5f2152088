"""Plans: a network's evaluation for one shape of input, laid out once and carried out often.

A forward pass of a small network on one image spends most of its time on what is the same each
time: checks, views, fresh memory. A plan does that once. What is left is a flat list of NumPy calls
with their operands, which all lie in memory of the plan.

Images are (C, N, H, W) in memory, features (N, F): with few images the batch is too short to be
the innermost axis, as it is in training (``engine.kernels.layout``).
"""

import threading
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from engine.arrays import Array, Shape
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
from engine.models.plan_convolution import TILE, conv
from engine.models.plan_memory import Drawing, Value, owned, same, samples_first, shape_of


class Plan:
    """The logits of a network for inputs of one shape.

    It computes with copies of some weights and with others themselves: after a change, another
    plan has to be drawn. One thread at a time computes with it; others wait.

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
        drawing = Drawing(np.dtype(dtype))
        first = Value((*in_shape[:1], n, *in_shape[1:]) if len(in_shape) == 3 else (n, *in_shape))
        last = drawing.settled(_row(drawing, layers, first))
        self._steps = drawing.steps
        self._input, self._output = samples_first(drawing.input), samples_first(last)

    def __call__(self, x: Array) -> Array:
        """(N, C, H, W) or (N, F) → the network's output, a new array."""
        with self._lock:
            self._input[...] = x
            for step in self._steps:
                step()
            return self._output.copy()


def _row(drawing: Drawing, layers: Iterable[Layer], value: Value) -> Value:
    """What layers make of a value, one after the other."""
    layers = list(layers)
    for i, layer in enumerate(layers):
        rule = _RULES.get(type(layer), _any_layer)
        ahead = layers[i + 1] if i + 1 < len(layers) else None
        if type(layer) is ReLU and type(ahead) is MaxPool2D:
            # The maximum of a window is the same before and after it, and there are fewer.
            layers[i], layers[i + 1] = ahead, layer
            layer, rule = ahead, _max_pool
        value = rule(drawing, layer, value)
    return value


def _any_layer(drawing: Drawing, layer: Layer, value: Value) -> Value:
    """A layer by its own forward pass, in evaluation mode."""
    twin = layer.replica().eval()
    x = samples_first(drawing.settled(value))
    n, *rest = x.shape
    shape = (n, *layer.output_shape(tuple(rest)))
    out = drawing.empty(*(shape if len(shape) == 2 else (shape[1], n, *shape[2:])))
    target = samples_first(out)

    def forward() -> None:
        target[...] = twin.forward(x)
        twin.release()

    drawing.step(forward)
    return owned(out, out)


def _dense(drawing: Drawing, layer: Any, value: Value) -> Value:
    layer.output_shape(shape_of(value))
    x = drawing.settled(value)
    weight, bias = layer.params["weight"], layer.params.get("bias")
    out = drawing.empty(len(weight), len(x))
    drawing.step(np.matmul, weight, x.T, out=out)
    if bias is not None:
        drawing.step(np.add, out, bias[:, None], out=out)
    return owned(out.T, out)


def _relu(drawing: Drawing, layer: Layer, value: Value) -> Value:
    if value.array is None:
        drawing.settled(value)
    found = Value(value.shape, value.array, relu=True)
    found.memory = value.memory
    return found


def _max_pool(drawing: Drawing, layer: Any, value: Value) -> Value:
    """Over the rows of the windows, then over their columns."""
    c, out_h, out_w = layer.output_shape(shape_of(value))
    window, n = layer.window, value.shape[1]
    source = value.array
    if window.is_padded or value.relu or source is None:
        source = drawing.bordered(value, window, -np.inf)
    (kh, kw), (sh, sw), (dh, dw) = window.kernel, window.stride, window.dilation
    if source.ndim == 5 and kh == sh > 1 and TILE % kh == 0:
        rows = [source[:, :, :, i::sh] for i in range(kh)]
    else:
        source = source if source.ndim == 4 else drawing.settled(value)
        rows = [source[:, :, i * dh : i * dh + sh * (out_h - 1) + 1 : sh] for i in range(kh)]
    lines = _largest(drawing, rows).reshape(c, n, out_h, -1)
    taps = [lines[..., j * dw : j * dw + sw * (out_w - 1) + 1 : sw] for j in range(kw)]
    out = _largest(drawing, taps)
    return owned(out, out) if kw > 1 else Value(out.shape, out)


def _largest(drawing: Drawing, arrays: list[Array]) -> Array:
    """The largest of some arrays, place by place."""
    best = arrays[0]
    if len(arrays) > 1:
        out = drawing.empty(*best.shape)
        for other in arrays[1:]:
            drawing.step(np.maximum, best, other, out=out)
            best = out
    return best


def _global_average(drawing: Drawing, layer: Layer, value: Value) -> Value:
    layer.output_shape(shape_of(value))
    c, n, h, w = value.shape
    x = drawing.settled(value)
    if not x.flags.c_contiguous:
        drawing.put(value, drawing.empty(*value.shape))
        x = value.array
    out, shares = drawing.empty(c, n), np.full(h * w, 1 / (h * w), drawing.dtype)
    drawing.step(np.matmul, x.reshape(c, n, h * w), shares, out=out)
    return owned(out.T, out)


def _flatten(drawing: Drawing, layer: Layer, value: Value) -> Value:
    if len(value.shape) == 2:
        return value
    c, n, h, w = value.shape
    rows = drawing.empty(n, c * h * w)
    drawing.put(value, rows.reshape(n, c, h, w).transpose(1, 0, 2, 3))
    return Value(rows.shape, rows)


def _nothing(drawing: Drawing, layer: Layer, value: Value) -> Value:
    return value


def _residual(drawing: Drawing, layer: Any, value: Value) -> Value:
    for first in layer.body.layers[:1]:
        if type(first) is Conv2D:
            drawing.bordered(value, first.window)  # so that both branches read the same copy
    drawing.settled(value)
    body = _row(drawing, layer.body, same(value))
    shortcut = _row(drawing, layer.shortcut, same(value))
    layer.output_shape(shape_of(value))
    out = drawing.empty(*body.shape)
    drawing.step(np.add, drawing.settled(body), drawing.settled(shortcut), out=out)
    return owned(out, out)


_RULES: dict[type[Layer], Callable[[Drawing, Any, Value], Value]] = {
    Conv2D: conv,
    Whitening2D: conv,
    Dense: _dense,
    ReLU: _relu,
    MaxPool2D: _max_pool,
    GlobalAvgPool2D: _global_average,
    Flatten: _flatten,
    Dropout: _nothing,
    Residual: _residual,
}
"""What draws which layer; another one, of a subclass too, runs its own ``forward``."""
