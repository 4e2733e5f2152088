"""Layers of features: weighted sums, what only hands numbers on, and sums of branches."""

import numpy as np

from engine.arrays import Array
from engine.layers import Dense, Dropout, Flatten, Softmax
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


@explains(FORWARD, Dense)
def _dense(layer: Dense, x: Array, index: Index) -> Sum:
    """y[o] = b[o] + Σ_f w[o, f] · x[f]."""
    (o,) = index
    weight = layer.params["weight"][o]
    terms = tuple(
        Term(f"x[{f}] · w[{o}, {f}]", (float(a), float(b)), float(a) * float(b), (f,))
        for f, (a, b) in enumerate(zip(x, weight, strict=True))
    )
    total = sum(term.value for term in terms)
    steps = [Step("the sum of all products", f"{len(terms):,} products", total)]
    if layer.bias:
        b = float(layer.params["bias"][o])
        steps.append(Step("plus the bias", f"{short(total)} + {inner(b)}", total + b))
    return Sum(terms, tuple(steps), x.astype(np.float64), weight.astype(np.float64))


@explains(WEIGHT, Dense)
def _dense_weight(layer: Dense, x: Array, dout: Array, parameter: str, index: Index) -> Products:
    """dw[o, f] = Σ_n dy[n, o] · x[n, f]; db[o] = Σ_n dy[n, o]."""
    dy = dout[:, index[0]]
    if parameter == "bias":
        return Products(dy, None, "the gradient of this output")
    return Products(dy, x[:, index[1]], "the gradient of this output, times the feature")


@explains(INPUT, Dense)
def _dense_input(layer: Dense, x: Array, out: Array, dout: Array, index: Index) -> tuple[Term, ...]:
    """dx[f] = Σ_o w[o, f] · dy[o]."""
    (f,) = index
    column = layer.params["weight"][:, f]
    return tuple(
        Term(f"dy[{o}] · w[{o}, {f}]", (float(a), float(b)), float(a) * float(b), (o,))
        for o, (a, b) in enumerate(zip(dout, column, strict=True))
    )


@explains(FORWARD, Dropout)
def _dropout(layer: Dropout, x: Array, index: Index) -> Sum:
    """y = x, when evaluating."""
    value = float(x[index])
    term = Term(f"x[{at(index)}]", (value,), value, index)
    return Sum((term,), (Step("dropout changes nothing when evaluating", short(value), value),))


@explains(INPUT, Dropout)
def _dropout_input(
    layer: Dropout, x: Array, out: Array, dout: Array, index: Index
) -> tuple[Term, ...]:
    """dx = dy, when evaluating."""
    dy = float(dout[index])
    return (Term(f"dy[{at(index)}]", (dy,), dy, index),)


@explains(FORWARD, Flatten)
def _flatten(layer: Flatten, x: Array, index: Index) -> Sum:
    """y[f] = x[c, h, w] with f = (c·H + h)·W + w."""
    place = tuple(map(int, np.unravel_index(index[0], x.shape)))
    value = float(x[place])
    return Sum((Term(f"x[{at(place)}]", (value,), value, place),))


@explains(INPUT, Flatten)
def _flatten_input(
    layer: Flatten, x: Array, out: Array, dout: Array, index: Index
) -> tuple[Term, ...]:
    """dx[c, h, w] = dy[f]."""
    f = int(np.ravel_multi_index(index, x.shape))
    return (Term(f"dy[{f}]", (float(dout[f]),), float(dout[f]), (f,)),)


@explains(FORWARD, Softmax)
def _softmax(layer: Softmax, x: Array, index: Index) -> Sum:
    """y = e^(x − max) / Σ e^(x − max), over the channels."""
    place = index[1:]
    scores = np.moveaxis(x, 0, -1)[place].astype(np.float64)
    largest = float(scores.max())
    powers = np.exp(scores - largest)
    terms = tuple(
        Term(f"e^(x[{at((k, *place))}] − {inner(largest)})", (float(score),), float(power),
             (k, *place))
        for k, (score, power) in enumerate(zip(scores, powers, strict=True))
    )  # fmt: skip
    own, total = terms[index[0]].value, float(powers.sum())
    steps = (
        Step("the sum of all powers", f"{len(terms)} powers", total),
        Step("its own share of it", f"{short(own)} / {short(total)}", own / total),
    )
    return Sum(terms, steps)


@explains(INPUT, Softmax)
def _softmax_input(
    layer: Softmax, x: Array, out: Array, dout: Array, index: Index
) -> tuple[Term, ...]:
    """dx[i] = y[i] · (dy[i] − Σ_k dy[k]·y[k]) = Σ_k dy[k] · y[i] · ([i = k] − y[k])."""
    place, own = index[1:], float(out[index])
    terms = []
    for k in range(len(out)):
        y, dy = float(out[(k, *place)]), float(dout[(k, *place)])
        slope = own * ((k == index[0]) - y)
        label = f"dy[{at((k, *place))}] · slope"
        terms.append(Term(label, (dy, slope), dy * slope, (k, *place)))
    return tuple(terms)


def residual(body: float, shortcut: float) -> Sum:
    """Y = body(x) + shortcut(x); backward the same sum, of both branches' gradients at x."""
    return Sum(
        (
            Term("through the body", (body,), body),
            Term("through the shortcut", (shortcut,), shortcut),
        ),
        (Step("both together", f"{short(body)} + {inner(shortcut)}", body + shortcut),),
    )
