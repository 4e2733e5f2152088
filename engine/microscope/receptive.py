"""The part of the image that a number of a network can see."""

from typing import NamedTuple

from engine.arrays import Shape
from engine.kernels.window import Window
from engine.layers import (
    AvgPool2D,
    Conv2D,
    Dense,
    Flatten,
    Layer,
    MaxPool2D,
    Residual,
    Sequential,
    Softmax,
)
from engine.microscope.registry import Index


class Box(NamedTuple):
    """Rows and columns of an image, from the first to before the last."""

    top: int
    bottom: int
    left: int
    right: int


def receptive_field(model: Sequential, in_shape: Shape, layer_name: str, index: Index) -> Box:
    """The part of the input image that a number of a layer can see.

    Through a ``Residual`` it is what the body or the shortcut sees. A window that lies wholly in
    the padding sees nothing: its box is empty.

    Args:
        model: the network; it needs no weights.
        in_shape: of the image, (C, H, W).
        layer_name: full name of the layer.
        index: of the number.

    Raises:
        KeyError: there is no layer of that name.

    Source: Araujo, Norris and Sim, 'Computing receptive fields of convolutional neural networks',
    Distill, 2019.
    """
    rows, columns = _fields(model, in_shape, layer_name)
    row, column = index[1:] if len(index) == 3 else (index[0], index[0])
    return Box(*rows[row], *columns[column])


Span = tuple[int, int]
Spans = tuple[list[Span], list[Span]]
"""First and last + 1 of the image's rows that each row of a map can see, and of its columns; for
features, those that each feature can see."""


class _Found(Exception):
    """Ends the walk at the layer that is looked for."""

    def __init__(self, spans: Spans) -> None:
        self.spans = spans


def _fields(model: Sequential, in_shape: Shape, wanted: str) -> Spans:
    rows, columns = ([(k, k + 1) for k in range(size)] for size in in_shape[1:])
    try:
        _walk(model, "", (rows, columns), in_shape, wanted)
    except _Found as found:
        return found.spans
    raise KeyError(wanted)


def _walk(layer: Layer, name: str, spans: Spans, shape: Shape, wanted: str) -> Spans:
    if isinstance(layer, Sequential):
        for key, child in layer.children().items():
            spans = _walk(child, f"{name}.{key}" if name else key, spans, shape, wanted)
            shape = child.output_shape(shape)
    elif isinstance(layer, Residual):
        body, shortcut = (
            _walk(branch, f"{name}.{key}", spans, shape, wanted)
            for key, branch in layer.children().items()
        )
        spans = _either(body[0], shortcut[0]), _either(body[1], shortcut[1])
    else:
        spans = _through(layer, spans, shape)
    if name == wanted:
        raise _Found(spans)
    return spans


def _through(layer: Layer, spans: Spans, shape: Shape) -> Spans:
    """The spans of a layer's output, from those of its input."""
    out = layer.output_shape(shape)
    if isinstance(layer, Conv2D | MaxPool2D | AvgPool2D):
        return (
            _windows(layer.window, 0, spans[0], out[1]),
            _windows(layer.window, 1, spans[1], out[2]),
        )
    if isinstance(layer, Flatten) and len(shape) == 3:
        channels, height, width = shape
        rows = [spans[0][row] for row in range(height) for _ in range(width)]
        return rows * channels, spans[1] * (channels * height)
    if isinstance(layer, Dense) or out != shape or (isinstance(layer, Softmax) and len(out) == 1):
        # Whatever else changes the shape may read everything.
        counts = out[1:] if len(out) == 3 else (out[0], out[0])
        return [_all(spans[0])] * counts[0], [_all(spans[1])] * counts[1]
    return spans


def _windows(window: Window, axis: int, spans: list[Span], size: int) -> list[Span]:
    found = []
    for k in range(size):
        first = k * window.stride[axis] - window.pads[axis][0]
        inside = spans[max(first, 0) : max(first + window.span[axis], 0)]
        edge = spans[0][0] if first < 0 else spans[-1][1]
        found.append(_all(inside) if inside else (edge, edge))
    return found


def _all(spans: list[Span]) -> Span:
    return min(first for first, _ in spans), max(last for _, last in spans)


def _either(one: list[Span], other: list[Span]) -> list[Span]:
    return [_all([a, b]) for a, b in zip(one, other, strict=True)]
