"""Plans: a network's evaluation for one shape of input, laid out once and carried out often.

A forward pass of a small network on a few images spends most of its time on what is the same each
time: checks, views, fresh memory, copies into borders. A plan does that once. What is left is a
flat list of NumPy calls with their operands, which all lie in memory of the plan.

Images are (H, C, W, N) in memory (``engine.kernels.layout``), features (F, N).
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from engine.arrays import Array, Shape
from engine.kernels.layout import as_nchw
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
from engine.models.plan_convolution import conv, wanted_pads
from engine.models.plan_memory import Block, Drawing, Step, Value


class Plan:
    """The logits of a network for inputs of one shape.

    It computes with copies of some weights and with others themselves: after a change, another
    plan has to be drawn. One thread at a time may compute with it.

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
        drawing = Drawing(np.dtype(dtype))
        last = _row(drawing, layers, Value(_with_samples(in_shape, n)))
        output = drawing.settled(last)
        assert drawing.input is not None
        self._steps = drawing.steps
        self._input, self._output = _samples_first(drawing.input), _samples_first(output)

    def __call__(self, x: Array) -> Array:
        """(N, C, H, W) or (N, F) → the network's output, a new array."""
        self._input[...] = x
        for step in self._steps:
            step()
        return self._output.copy()


def _row(drawing: Drawing, layers: Iterable[Layer], value: Value) -> Value:
    """What layers make of a value, one after the other."""
    for layer in layers:
        value = _RULES.get(type(layer), _any_layer)(drawing, layer, value)
    return value


def _any_layer(drawing: Drawing, layer: Layer, value: Value) -> Value:
    """A layer by its own forward pass, in evaluation mode."""
    twin = layer.replica().eval()
    x = _samples_first(drawing.settled(value))
    out = drawing.empty(*_with_samples(layer.output_shape(value.sample_shape), len(x)))
    target = _samples_first(out)

    def forward() -> None:
        target[...] = twin.forward(x)
        twin.release()

    drawing.step(forward)
    return Value(out.shape, out)


def _dense(drawing: Drawing, layer: Any, value: Value) -> Value:
    layer.output_shape(value.sample_shape)
    x = drawing.settled(value)
    weight, bias = layer.params["weight"], layer.params.get("bias")
    out = drawing.empty(len(weight), x.shape[1])
    drawing.step(np.matmul, weight, x, out=out)
    if bias is not None:
        drawing.step(np.add, out, bias[:, None], out=out)
    return Value(out.shape, out)


def _relu(drawing: Drawing, layer: Layer, value: Value) -> Value:
    if value.array is None and not value.blocks:
        drawing.settled(value)  # the input
    value.later(np.maximum)
    return value


def _max_pool(drawing: Drawing, layer: Any, value: Value) -> Value:
    """Over the rows of the windows, then over their columns.

    Before a ReLU, not after it: that changes nothing, and there are fewer numbers then.
    """
    c, out_h, out_w = layer.output_shape(value.sample_shape)
    then: list[Any] = []
    while value.then and value.then[-1][1] is None:
        then.append(value.then.pop())
    window = layer.window
    (kh, kw), (sh, sw) = window.kernel, window.stride
    if kh == sh and not window.is_padded and not value.then:
        blocks = [
            block._replace(rows=slice(block.rows.start // kh, block.rows.stop // kh))
            for block in value.blocks
            if block.array.shape[1] % kh == block.rows.start % kh == 0
        ]
    else:
        blocks = []
    if not blocks or len(blocks) < len(value.blocks):  # windows that reach from one into the next
        source = drawing.surrounded(value, window.pads, -np.inf)[None]
        blocks = [Block(slice(0, out_h), [], source)]
    found = Value((out_h, c, out_w, value.shape[3]))
    found.then = then
    for rows, steps, array, _ in blocks:
        height = (array.shape[1] - kh) // sh + 1
        taps = [array[:, i : i + sh * (height - 1) + 1 : sh] for i in range(kh)]
        lines = _largest(drawing, steps, "lines", taps)
        taps = [lines[:, :, :, j : j + sw * (out_w - 1) + 1 : sw] for j in range(kw)]
        largest = _largest(drawing, steps, "largest", taps)
        found.blocks.append(Block(rows, steps, largest, largest if len(taps) > 1 else None))
    return found


def _largest(drawing: Drawing, steps: list[Step], name: str, arrays: list[Array]) -> Array:
    """The largest of some arrays, place by place, in scratch memory; the only one itself."""
    best = arrays[0]
    for other in arrays[1:]:
        out = drawing.scratch(name, *best.shape)
        steps.append(partial(np.maximum, best, other, out=out))
        best = out
    return best


def _global_average(drawing: Drawing, layer: Layer, value: Value) -> Value:
    layer.output_shape(value.sample_shape)
    h, c, w, n = value.shape
    x = drawing.settled(value)
    rows, out = drawing.empty(c, w, n), drawing.empty(c, n)
    drawing.step(np.add.reduce, x, axis=0, out=rows)
    drawing.step(np.add.reduce, rows, axis=1, out=out)
    drawing.step(np.divide, out, drawing.dtype.type(h * w), out=out)
    return Value(out.shape, out)


def _flatten(drawing: Drawing, layer: Layer, value: Value) -> Value:
    if len(value.shape) == 2:
        return value
    h, c, w, n = value.shape
    features = drawing.empty(c * h * w, n)
    drawing.put(value, features.reshape(c, h, w, n).transpose(1, 0, 2, 3))
    return Value(features.shape, features)


def _nothing(drawing: Drawing, layer: Layer, value: Value) -> Value:
    return value


def _residual(drawing: Drawing, layer: Any, value: Value) -> Value:
    layer.output_shape(value.sample_shape)
    for first in layer.body.layers[:1]:
        if type(first) is Conv2D:
            drawing.bordered(value, wanted_pads(first, value))  # which both branches can read
    drawing.settled(value)
    body = _row(drawing, layer.body, value.shared())
    shortcut = drawing.settled(_row(drawing, layer.shortcut, value.shared()))
    body.later(np.add, shortcut)
    return body


def _with_samples(shape: Shape, n: int) -> Shape:
    """The shape of n samples in memory."""
    if len(shape) == 1:
        return *shape, n
    c, h, w = shape
    return h, c, w, n


def _samples_first(array: Array) -> Array:
    """(H, C, W, N) as (N, C, H, W), (F, N) as (N, F)."""
    return array.T if array.ndim == 2 else as_nchw(array)


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
