"""Where the gradient of a weight, or of one number of a feature map, comes from."""

from dataclasses import dataclass

import numpy as np

from engine.arrays import Array
from engine.layers import Layer, Residual, Sequential
from engine.losses import MSE, Loss, SoftmaxCrossEntropy
from engine.microscope import layers as layers
from engine.microscope.arithmetic import Arithmetic, Step, Term
from engine.microscope.forward import number, title_of
from engine.microscope.layers.features import residual
from engine.microscope.registry import (
    INPUT,
    WEIGHT,
    Index,
    Sum,
    at,
    explanation,
    inner,
    short,
    unexplained,
)
from engine.microscope.trace import Trace, backward_trace

SHOWN = 64
"""Products that are kept of a gradient, those that weigh most; there may be a hundred thousand."""


@dataclass(frozen=True)
class WeightGradient:
    """Where the gradient of one weight comes from.

    Attributes:
        arithmetic: the largest products, the sum of all, and the network's own gradient.
        count: how many products there are.
        samples: the share of every sample of the batch, (N,); they add up to the gradient. Empty
            where no arithmetic is written for the layer.
    """

    arithmetic: Arithmetic
    count: int
    samples: Array


@np.errstate(all="ignore")
def explain_weight(
    model: Sequential,
    loss: Loss,
    x: Array,
    labels: Array,
    layer_name: str,
    parameter: str,
    index: Index,
    *,
    training: bool = True,
    seed: int = 0,
) -> WeightGradient:
    """The products whose sum is the gradient of one weight for a batch.

    Args:
        model, loss, x, labels, training, seed: as for ``backward_trace``.
        layer_name: full name of the layer.
        parameter: ``weight`` or ``bias``.
        index: of the weight in it.

    Raises:
        KeyError: there is no layer of that name, or it has no such parameter.
        IndexError: the parameter has no such number.
    """
    trace = backward_trace(model, loss, x, labels, training=training, seed=seed)
    return explain_traced_weight(trace, layer_name, parameter, index)


@np.errstate(all="ignore")
def explain_traced_weight(
    trace: Trace, layer_name: str, parameter: str, index: Index
) -> WeightGradient:
    """``explain_weight``, of a pass that was made already."""
    seen = trace.layers[layer_name]
    network = number(seen.layer.grads[parameter], index)
    title = f"the gradient of {parameter}[{at(index)}]"
    explain = explanation(WEIGHT, seen.layer)
    if explain is None:
        nothing = unexplained(seen.layer, network)
        return WeightGradient(
            Arithmetic(title, (), nothing.steps, network, network), 0, np.zeros(0)
        )
    found = explain(seen.layer, seen.x, seen.dout, parameter, index)
    left = found.left.astype(np.float64)
    right = None if found.right is None else found.right.astype(np.float64)
    products = left if right is None else left * right
    samples = products.reshape(len(products), -1).sum(axis=1)
    value = float(samples.sum())
    terms = _largest(left, right, products)
    rest = products.size - len(terms)
    steps = [Step(f"the {len(terms)} largest", found.words, sum(term.value for term in terms))]
    if rest:
        steps.append(Step(f"with the {rest:,} smaller ones", f"{products.size:,} in all", value))
    return WeightGradient(
        Arithmetic(title, terms, tuple(steps), value, network), products.size, samples
    )


def _largest(left: Array, right: Array | None, products: Array) -> tuple[Term, ...]:
    flat = -np.abs(products).ravel()
    among = np.arange(flat.size)
    if flat.size > SHOWN:  # sorting a hundred thousand takes longer than their gradients do
        last = np.partition(flat, SHOWN)[SHOWN]
        among = among if np.isnan(last) else np.flatnonzero(flat <= last)
    chosen = among[np.argsort(flat[among], kind="stable")][:SHOWN]
    terms = []
    for k in chosen.tolist():
        place = tuple(map(int, np.unravel_index(k, products.shape)))
        where = f", row {place[1]}, column {place[2]}" if len(place) == 3 else ""
        factors = (float(left[place]), *(() if right is None else (float(right[place]),)))
        terms.append(Term(f"sample {place[0]}{where}", factors, float(products[place]), place))
    return tuple(terms)


@np.errstate(all="ignore")
def explain_input_gradient(
    model: Sequential, loss: Loss, x: Array, labels: Array, layer_name: str, index: Index
) -> Arithmetic:
    """The gradient at one number of a layer's output for an image, and what it came from.

    It comes from the outputs of the layer behind it; at the last layer, from the loss.

    Args:
        model, loss: as for ``backward_trace``, which runs in evaluation mode.
        x, labels: an image and its class, (1, C, H, W) and (1,).
        layer_name: full name of the layer.
        index: of the number in its output.

    Raises:
        KeyError: there is no layer of that name.
        IndexError: the output has no such number.
    """
    trace = backward_trace(model, loss, x, labels)
    seen = trace.layers[layer_name]
    assert seen.dout is not None
    network = number(seen.dout[0], index)
    behind = _behind(trace.model, layer_name)
    if behind is None:
        found = _from_loss(loss, seen.out[0], int(labels[0]), index[0], network)
    else:
        found = _from_layer(trace, behind, index, network)
    steps, value = found.steps, found.value
    if isinstance(seen.layer, Residual):
        steps += (Step("body and shortcut each get it", "", value),)
    return Arithmetic(f"the gradient of {title_of(index)}", found.terms, steps, value, network)


def _from_loss(loss: Loss, out: Array, label: int, c: int, network: float) -> Sum:
    """dL/dz of one output: p − q of the cross-entropy, 2/C · (z − t) of the squared error."""
    own = float(c == label)
    if isinstance(loss, MSE):
        z, classes = float(out[c]), len(out)
        error = z - own
        return Sum(
            steps=(
                Step("the output minus what it should be", f"{short(z)} − {own:g}", error),
                Step("twice, as one of all outputs", f"2 / {classes} · {inner(error)}",
                     2 / classes * error),
            )
        )  # fmt: skip
    if not isinstance(loss, SoftmaxCrossEntropy):
        return unexplained(loss, network)
    powers = np.exp(out.astype(np.float64) - float(out.max()))
    p, total = float(powers[c] / powers.sum()), float(powers.sum())
    smoothing = loss.label_smoothing
    q = (1 - smoothing) * own + smoothing / len(out)
    steps = [
        Step(f"the probability of class {c}", f"{short(float(powers[c]))} / {short(total)}", p),
        Step("minus what it should be", f"{short(p)} − {inner(q)}", p - q),
    ]
    if loss.class_weights is not None:
        weight = float(loss.class_weights[label])
        words = f"{short(weight)} · {inner(p - q)}"
        steps.append(Step("times the weight of the true class", words, weight * (p - q)))
    return Sum(steps=tuple(steps))


def _from_layer(trace: Trace, name: str, index: Index, network: float) -> Sum:
    """The terms of the gradient at an input of a layer."""
    seen = trace.layers[name]
    if isinstance(seen.layer, Residual):
        body, shortcut = (trace.layers[f"{name}.{branch}"].dx for branch in ("body", "shortcut"))
        assert body is not None
        assert shortcut is not None
        return residual(float(body[0][index]), float(shortcut[0][index]))
    found = explanation(INPUT, seen.layer)
    if found is None or seen.dout is None:
        return unexplained(seen.layer, network)
    terms = found(seen.layer, seen.x[0], seen.out[0], seen.dout[0], index)
    words = f"the sum over the outputs of {name} {type(seen.layer).__name__} that read it"
    total = sum(term.value for term in terms)
    return Sum(terms, (Step(words, f"{len(terms):,} term{'s' * (len(terms) != 1)}", total),))


def _behind(model: Layer, name: str) -> str | None:
    """The layer that reads a layer's output: the next one in its row; None at the end of all.

    At the end of a branch that is the layer behind the ``Residual``, whose sum hands its gradient
    to both branches as it is.
    """
    parts = name.split(".")
    while parts:
        row = _find(model, ".".join(parts[:-1]))
        keys = list(row.children())
        place = keys.index(parts[-1]) + 1
        if isinstance(row, Sequential) and place < len(keys):
            return ".".join([*parts[:-1], keys[place]])
        parts = parts[:-1]
    return None


def _find(model: Layer, name: str) -> Layer:
    for part in name.split(".") if name else ():
        model = model.children()[part]
    return model
