"""How a network got one number of its output, or of any feature map."""

import math
from typing import NamedTuple

import numpy as np

from engine.arrays import Array, Shape
from engine.layers import AvgPool2D, Conv2D, GlobalAvgPool2D, Layer, MaxPool2D, Residual, Sequential
from engine.microscope import layers as layers
from engine.microscope.arithmetic import Arithmetic, Step, Term
from engine.microscope.layers.features import residual
from engine.microscope.registry import FORWARD, Index, Sum, short
from engine.microscope.trace import Trace, forward_trace


def explain(model: Sequential, x: Array, layer_name: str, index: Index) -> Arithmetic:
    """The arithmetic of one number of a layer's output for an image, in evaluation mode.

    Args:
        model: an initialised network; left as it was.
        x: an image as the network takes it, (1, C, H, W).
        layer_name: full name of the layer (``3.body.0``).
        index: of the number in the layer's output: (channel, row, column) or (feature,).

    Raises:
        KeyError: there is no layer of that name.
        IndexError: the output has no such number.
    """
    return explain_traced(forward_trace(model, x), layer_name, index)


def explain_traced(trace: Trace, layer_name: str, index: Index, sample: int = 0) -> Arithmetic:
    """``explain``, of a pass that was made already."""
    seen = trace.layers[layer_name]
    network = float(seen.out[sample][index])
    found = _sum(trace, layer_name, index, sample)
    return Arithmetic(
        title_of(index),
        found.terms,
        found.steps,
        found.value,
        network,
        found.patch,
        found.kernel,
        found.patch_origin,
    )


def title_of(index: Index) -> str:
    """What number of an output it is."""
    if len(index) == 1:
        return f"output {index[0]}"
    return f"map {index[0]}, row {index[1]}, column {index[2]}"


def _sum(trace: Trace, name: str, index: Index, sample: int) -> Sum:
    seen = trace.layers[name]
    if isinstance(seen.layer, Residual):
        body, shortcut = (
            float(trace.layers[f"{name}.{branch}"].out[sample][index])
            for branch in ("body", "shortcut")
        )
        return residual(body, shortcut)
    explanation = _of(seen.layer)
    if explanation is None:
        kind, value = type(seen.layer).__name__, float(seen.out[sample][index])
        return Sum(steps=(Step(f"no arithmetic is written for {kind}", "", value),))
    return explanation(seen.layer, seen.x[sample], index)


def _of(layer: Layer):  # type: ignore[no-untyped-def]
    """The explanation of a layer, or of the class that it is a kind of."""
    return next((FORWARD[kind] for kind in type(layer).__mro__ if kind in FORWARD), None)


def explain_loss(logits: Array, label: int, label_smoothing: float = 0.0) -> Arithmetic:
    """Softmax and cross-entropy of one sample, step by step.

    ``L = −Σ_c q_c · log p_c`` with ``p = softmax(z)``; q is 1 for the true class, or with label
    smoothing s, ``1 − s`` more than the ``s / C`` of every class.

    Args:
        logits: (C,).
        label: the true class.
        label_smoothing: s.
    """
    z = logits.astype(np.float64)
    largest = float(z.max())
    powers = np.exp(z - largest)
    total = float(powers.sum())
    terms = tuple(
        Term(f"e^({short(float(score))} − {short(largest)})", (float(score),), float(power), (c,),
             chosen=c == label)
        for c, (score, power) in enumerate(zip(z, powers, strict=True))
    )  # fmt: skip
    logs = z - largest - math.log(total)
    own = float(logs[label])
    value = -(1 - label_smoothing) * own - label_smoothing * float(logs.mean())
    steps = [
        Step("the sum of all powers", f"{len(terms)} powers", total),
        Step("the probability of the true class", f"{short(terms[label].value)} / {short(total)}",
             math.exp(own)),
        Step("minus its logarithm", f"−log {short(math.exp(own))}", -own),
    ]  # fmt: skip
    if label_smoothing:
        words = f"{1 - label_smoothing:g} · {short(-own)} + {label_smoothing:g} · the mean of all"
        steps.append(Step("with label smoothing", words, value))
    return Arithmetic("the loss of this sample", terms, tuple(steps), value, value)


class Box(NamedTuple):
    """Rows and columns of an image, from the first to before the last."""

    top: int
    bottom: int
    left: int
    right: int


def receptive_field(model: Sequential, in_shape: Shape, layer_name: str, index: Index) -> Box:
    """The part of the input image that a number of a layer can see.

    Args:
        model: the network; it needs no weights.
        in_shape: of the image, (C, H, W).
        layer_name: full name of the layer.
        index: of the number; features see the whole image.

    Source: Araujo, Norris and Sim, 'Computing receptive fields of convolutional neural networks',
    Distill, 2019.
    """
    height, width = in_shape[1:]
    if len(index) != 3:
        return Box(0, height, 0, width)
    rows, columns = _fields(model, in_shape, layer_name)
    return Box(
        max(rows[index[1]][0], 0),
        min(rows[index[1]][1], height),
        max(columns[index[2]][0], 0),
        min(columns[index[2]][1], width),
    )


Spans = list[tuple[int, int]]
"""First and last + 1 of the image's rows, or columns, that each row of a map can see."""


class _Found(Exception):
    """Ends the walk at the layer that is looked for."""

    def __init__(self, spans: tuple[Spans, Spans]) -> None:
        self.spans = spans


def _fields(model: Sequential, in_shape: Shape, wanted: str) -> tuple[Spans, Spans]:
    start = tuple([(k, k + 1) for k in range(size)] for size in in_shape[1:])
    try:
        _walk(model, "", (start[0], start[1]), in_shape, wanted)
    except _Found as found:
        return found.spans
    raise KeyError(wanted)


def _walk(
    layer: Layer, name: str, spans: tuple[Spans, Spans], shape: Shape, wanted: str
) -> tuple[Spans, Spans]:
    if isinstance(layer, Sequential):
        for key, child in layer.children().items():
            spans = _walk(child, f"{name}.{key}" if name else key, spans, shape, wanted)
            shape = child.output_shape(shape)
    elif isinstance(layer, Residual):
        both = [
            _walk(branch, f"{name}.{key}", spans, shape, wanted)
            for key, branch in layer.children().items()
        ]
        spans = (_union(both[0][0], both[1][0]), _union(both[0][1], both[1][1]))
    elif isinstance(layer, Conv2D | MaxPool2D | AvgPool2D):
        height, width = layer.output_shape(shape)[1:]
        spans = (_windows(layer, 0, spans[0], height), _windows(layer, 1, spans[1], width))
    elif isinstance(layer, GlobalAvgPool2D):
        spans = ([(0, len(spans[0]))], [(0, len(spans[1]))])
    if name == wanted:
        raise _Found(spans)
    return spans


def _windows(layer: Conv2D | MaxPool2D | AvgPool2D, axis: int, spans: Spans, size: int) -> Spans:
    window, found = layer.window, []
    for k in range(size):
        first = k * window.stride[axis] - window.pads[axis][0]
        inside = spans[max(first, 0) : max(first + window.span[axis], 1)]
        found.append((min(a for a, _ in inside), max(b for _, b in inside)))
    return found


def _union(one: Spans, other: Spans) -> Spans:
    return [(min(a, c), max(b, d)) for (a, b), (c, d) in zip(one, other, strict=True)]
