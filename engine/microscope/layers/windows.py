"""Convolutions and pools: what a window reads, and what it makes of it."""

import math
from collections.abc import Iterator

import numpy as np

from engine.arrays import Array
from engine.kernels.window import Window
from engine.layers import AvgPool2D, Conv2D, GlobalAvgPool2D, GlobalMaxPool2D, MaxPool2D
from engine.microscope.arithmetic import Step, Term
from engine.microscope.registry import (
    FORWARD,
    INPUT,
    WEIGHT,
    Index,
    Products,
    Sum,
    at,
    explains,
    inner,
    short,
)


def _taps(window: Window, p: int, q: int) -> Iterator[tuple[int, int, int, int]]:
    """(i, j, row, column) of each tap of the window at output row p and column q."""
    (top, _), (left, _) = window.pads
    for i in range(window.kernel[0]):
        for j in range(window.kernel[1]):
            yield (
                i,
                j,
                p * window.stride[0] + i * window.dilation[0] - top,
                q * window.stride[1] + j * window.dilation[1] - left,
            )


def _reached(window: Window, row: int, column: int, out_shape: tuple[int, ...]) -> Iterator[Index]:
    """(i, j, p, q) of each tap i, j of each window at p, q that reads an input's row and column."""
    (top, _), (left, _) = window.pads
    for i in range(window.kernel[0]):
        p, rest = divmod(row + top - i * window.dilation[0], window.stride[0])
        if rest or not 0 <= p < out_shape[-2]:
            continue
        for j in range(window.kernel[1]):
            q, rest = divmod(column + left - j * window.dilation[1], window.stride[1])
            if not rest and 0 <= q < out_shape[-1]:
                yield i, j, p, q


def _inside(x: Array, row: int, column: int) -> bool:
    return 0 <= row < x.shape[-2] and 0 <= column < x.shape[-1]


def _first_channel(layer: Conv2D, o: int) -> int:
    """The first input channel that filter o reads."""
    return o // (layer.out_channels // layer.groups) * (layer.in_channels // layer.groups)


@explains(FORWARD, Conv2D)
def _conv(layer: Conv2D, x: Array, index: Index) -> Sum:
    """y[o, p, q] = b[o] + Σ_{c,i,j} w[o, c, i, j] · x[c, p·s + i·d − pad, q·s + j·d − pad]."""
    o, p, q = index
    weight, first = layer.weight[o], _first_channel(layer, o)
    patch, terms = np.zeros(weight.shape, np.float64), []
    for c in range(len(weight)):
        for i, j, row, column in _taps(layer.window, p, q):
            inside = _inside(x, row, column)
            patch[c, i, j] = x[first + c, row, column] if inside else 0.0
            place = (first + c, row, column)
            label = f"x[{at(place)}]" if inside else "padding"
            factors = float(patch[c, i, j]), float(weight[c, i, j])
            terms.append(
                Term(
                    f"{label} · w[{o}, {c}, {i}, {j}]",
                    factors,
                    factors[0] * factors[1],
                    place if inside else None,
                )
            )
    _, _, row, column = next(_taps(layer.window, p, q))
    steps = _with_bias(terms, layer.params.get("bias"), o)
    return Sum(tuple(terms), steps, patch, weight.astype(np.float64), (first, row, column))


def _with_bias(terms: list[Term], bias: Array | None, o: int) -> tuple[Step, ...]:
    total = sum(term.value for term in terms)
    steps = [Step("the sum of all products", f"{len(terms):,} products", total)]
    if bias is not None:
        b = float(bias[o])
        steps.append(Step("plus the bias", f"{short(total)} + {inner(b)}", total + b))
    return tuple(steps)


@explains(WEIGHT, Conv2D)
def _conv_weight(layer: Conv2D, x: Array, dout: Array, parameter: str, index: Index) -> Products:
    """dw[o, c, i, j] = Σ_{n,p,q} dy[n, o, p, q] · x[n, c, p·s + i·d − pad, q·s + j·d − pad]."""
    dy = dout[:, index[0]]
    if parameter == "bias":
        return Products(dy, None, "the gradient at each place of the map")
    o, c, i, j = index
    window = layer.window
    padded = np.pad(x[:, _first_channel(layer, o) + c], ((0, 0), *window.pads))
    read = padded[:, i * window.dilation[0] :, j * window.dilation[1] :]
    read = read[:, :: window.stride[0], :: window.stride[1]][:, : dy.shape[1], : dy.shape[2]]
    return Products(
        dy, read, "the gradient at a place of the map, times what the weight read there"
    )


@explains(INPUT, Conv2D)
def _conv_input(layer: Conv2D, x: Array, out: Array, dout: Array, index: Index) -> tuple[Term, ...]:
    """dx[c, u, v] = Σ_{o,i,j} w[o, c, i, j] · dy[o, p, q], over the windows that read it."""
    channel, row, column = index
    group = channel // (layer.in_channels // layer.groups)
    filters = layer.out_channels // layer.groups
    weight, terms = layer.weight, []
    for o in range(group * filters, (group + 1) * filters):
        c = channel - _first_channel(layer, o)
        for i, j, p, q in _reached(layer.window, row, column, dout.shape):
            factors = float(dout[o, p, q]), float(weight[o, c, i, j])
            label = f"dy[{o}, {p}, {q}] · w[{o}, {c}, {i}, {j}]"
            terms.append(Term(label, factors, factors[0] * factors[1], (o, p, q)))
    return tuple(terms)


def _patch(
    window: Window, x: Array, index: Index, border: float
) -> tuple[Array, None, tuple[int, int, int]]:
    """Patch (1, KH, KW), kernel and patch origin of a pool, which has no weights."""
    c, p, q = index
    patch = np.full((1, *window.kernel), border)
    for i, j, row, column in _taps(window, p, q):
        if _inside(x, row, column):
            patch[0, i, j] = x[c, row, column]
    _, _, top, left = next(_taps(window, p, q))
    return patch, None, (c, top, left)


@explains(FORWARD, MaxPool2D)
def _max(layer: MaxPool2D, x: Array, index: Index) -> Sum:
    """y = max of the window; the border never wins."""
    c, p, q = index
    places = [(r, s) for _, _, r, s in _taps(layer.window, p, q) if _inside(x, r, s)]
    values = [float(x[c, r, s]) for r, s in places]
    winner = int(np.argmax(values))
    terms = tuple(
        Term(f"x[{c}, {r}, {s}]", (value,), value, (c, r, s), chosen=k == winner)
        for k, ((r, s), value) in enumerate(zip(places, values, strict=True))
    )
    step = Step("the largest of them", terms[winner].label, values[winner])
    return Sum(terms, (step,), *_patch(layer.window, x, index, -math.inf))


@explains(INPUT, MaxPool2D)
def _max_input(
    layer: MaxPool2D, x: Array, out: Array, dout: Array, index: Index
) -> tuple[Term, ...]:
    """dx: the gradients of the windows that it won."""
    c, row, column = index
    terms = []
    for _, _, p, q in _reached(layer.window, row, column, dout.shape):
        inside = [(r, s) for _, _, r, s in _taps(layer.window, p, q) if _inside(x, r, s)]
        winner = inside[int(np.argmax([x[c, r, s] for r, s in inside]))]
        won = winner == (row, column)
        dy = float(dout[c, p, q])
        words = "won" if won else "lost"
        terms.append(
            Term(f"dy[{c}, {p}, {q}], {words}", (dy,), dy if won else 0.0, (c, p, q), chosen=won)
        )
    return tuple(terms)


@explains(FORWARD, AvgPool2D)
def _average(layer: AvgPool2D, x: Array, index: Index) -> Sum:
    """y = Σ_window x / count."""
    c, p, q = index
    terms = tuple(
        Term(f"x[{c}, {r}, {s}]", (float(x[c, r, s]),), float(x[c, r, s]), (c, r, s))
        for _, _, r, s in _taps(layer.window, p, q)
        if _inside(x, r, s)
    )
    steps = _mean(terms, _count(layer, x, p, q))
    return Sum(terms, steps, *_patch(layer.window, x, index, 0.0))


def _count(layer: AvgPool2D, x: Array, p: int, q: int) -> int:
    if layer.count_include_pad:
        return layer.window.kernel[0] * layer.window.kernel[1]
    return sum(_inside(x, r, s) for _, _, r, s in _taps(layer.window, p, q))


def _mean(terms: tuple[Term, ...], count: int) -> tuple[Step, ...]:
    total = sum(term.value for term in terms)
    return (
        Step("the sum", f"{len(terms):,} numbers", total),
        Step("divided by the count", f"{short(total)} / {count}", total / count),
    )


@explains(INPUT, AvgPool2D)
def _average_input(
    layer: AvgPool2D, x: Array, out: Array, dout: Array, index: Index
) -> tuple[Term, ...]:
    """dx = Σ dy / count, over the windows that read it."""
    c, row, column = index
    terms = []
    for _, _, p, q in _reached(layer.window, row, column, dout.shape):
        factors = float(dout[c, p, q]), 1 / _count(layer, x, p, q)
        label = f"dy[{c}, {p}, {q}] / {_count(layer, x, p, q)}"
        terms.append(Term(label, factors, factors[0] * factors[1], (c, p, q)))
    return tuple(terms)


@explains(FORWARD, GlobalAvgPool2D)
def _global(layer: GlobalAvgPool2D, x: Array, index: Index) -> Sum:
    """y[c] = the mean of x[c]."""
    (c,) = index
    terms = tuple(
        Term(f"x[{c}, {r}, {s}]", (float(value),), float(value), (c, r, s))
        for (r, s), value in np.ndenumerate(x[c])
    )
    return Sum(terms, _mean(terms, len(terms)))


@explains(INPUT, GlobalAvgPool2D)
def _global_input(
    layer: GlobalAvgPool2D, x: Array, out: Array, dout: Array, index: Index
) -> tuple[Term, ...]:
    """dx[c, u, v] = dy[c] / (H·W)."""
    count = x[0].size
    dy = float(dout[index[0]])
    return (Term(f"dy[{index[0]}] / {count}", (dy, 1 / count), dy / count, (index[0],)),)


@explains(FORWARD, GlobalMaxPool2D)
def _global_max(layer: GlobalMaxPool2D, x: Array, index: Index) -> Sum:
    """y[c] = the largest of x[c]."""
    (c,) = index
    winner = divmod(int(x[c].argmax()), x.shape[2])
    terms = tuple(
        Term(f"x[{c}, {r}, {s}]", (float(v),), float(v), (c, r, s), chosen=(r, s) == winner)
        for (r, s), v in np.ndenumerate(x[c])
    )
    label = f"x[{c}, {winner[0]}, {winner[1]}]"
    return Sum(terms, (Step("the largest of them", label, float(x[c].max())),))


@explains(INPUT, GlobalMaxPool2D)
def _global_max_input(
    layer: GlobalMaxPool2D, x: Array, out: Array, dout: Array, index: Index
) -> tuple[Term, ...]:
    """dx[c, u, v] = dy[c], if it was the largest."""
    c, row, column = index
    won = int(x[c].argmax()) == row * x.shape[2] + column
    dy = float(dout[c])
    words = "won" if won else "lost"
    return (Term(f"dy[{c}], {words}", (dy,), dy if won else 0.0, (c,), chosen=won),)
