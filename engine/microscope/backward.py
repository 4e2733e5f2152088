"""Where the gradient of a weight, or of one number of a feature map, comes from."""

from dataclasses import dataclass

import numpy as np

from engine.arrays import Array
from engine.layers import Layer, Residual, Sequential
from engine.losses import Loss
from engine.microscope import layers as layers
from engine.microscope.arithmetic import Arithmetic, Step, Term
from engine.microscope.forward import title_of
from engine.microscope.layers.features import residual
from engine.microscope.registry import INPUT, WEIGHT, Index
from engine.microscope.trace import Trace, backward_trace

SHOWN = 64
"""Products that are kept of a gradient, those that weigh most; there may be a hundred thousand."""


@dataclass(frozen=True)
class WeightGradient:
    """Where the gradient of one weight comes from.

    Attributes:
        arithmetic: the largest products, the sum of all, and the network's own gradient.
        count: how many products there are.
        samples: the share of every sample of the batch, (N,); they add up to the gradient.
    """

    arithmetic: Arithmetic
    count: int
    samples: Array


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
        KeyError: there is no layer of that name, or no such explanation.
        IndexError: the parameter has no such number.
    """
    trace = backward_trace(model, loss, x, labels, training=training, seed=seed)
    seen = trace.layers[layer_name]
    network = float(seen.layer.grads[parameter][index])
    explanation = next(WEIGHT[kind] for kind in type(seen.layer).__mro__ if kind in WEIGHT)
    found = explanation(seen.layer, seen.x, seen.dout, parameter, index)
    left = found.left.astype(np.float64)
    right = None if found.right is None else found.right.astype(np.float64)
    products = left if right is None else left * right
    samples = products.reshape(len(products), -1).sum(axis=1)
    value = float(samples.sum())
    terms = _largest(left, right, products)
    rest = products.size - len(terms)
    steps = [Step(f"the {len(terms)} largest", found.words, sum(term.value for term in terms))]
    if rest:
        steps.append(Step(f"and {rest:,} smaller ones", f"{products.size:,} in all", value))
    where = ", ".join(map(str, index))
    title = f"the gradient of {parameter}[{where}]"
    return WeightGradient(
        Arithmetic(title, terms, tuple(steps), value, network), products.size, samples
    )


def _largest(left: Array, right: Array | None, products: Array) -> tuple[Term, ...]:
    flat = np.abs(products).ravel()
    chosen = np.argsort(-flat, kind="stable")[:SHOWN]
    terms = []
    for k in chosen.tolist():
        place = tuple(map(int, np.unravel_index(k, products.shape)))
        where = f", place {', '.join(map(str, place[1:]))}" if len(place) > 1 else ""
        factors = (float(left[place]), *(() if right is None else (float(right[place]),)))
        terms.append(Term(f"sample {place[0]}{where}", factors, float(products[place]), place))
    return tuple(terms)


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
    network = float(seen.dout[0][index])
    title = f"the gradient of {title_of(index)}"
    behind = _behind(trace.model, layer_name)
    if behind is None:
        step = Step("the loss: probability − target, divided by the batch", "", network)
        return Arithmetic(title, (), (step,), network, network)
    terms, steps = _input_terms(trace, behind, index)
    value = sum(term.value for term in terms) if terms else network
    return Arithmetic(title, terms, steps(value), value, network)


def _input_terms(trace: Trace, name: str, index: Index):  # type: ignore[no-untyped-def]
    seen = trace.layers[name]
    kind = type(seen.layer).__name__
    if isinstance(seen.layer, Residual):
        gradients = (trace.layers[f"{name}.{branch}"].dx for branch in ("body", "shortcut"))
        both = [float(dx[0][index]) for dx in gradients if dx is not None]
        found = residual(*both)
        return found.terms, lambda value: found.steps
    explanation = next((INPUT[k] for k in type(seen.layer).__mro__ if k in INPUT), None)
    if explanation is None or seen.dout is None:
        words = f"no arithmetic is written for {kind}"
        return (), lambda value: (Step(words, "", value),)
    terms = explanation(seen.layer, seen.x[0], seen.out[0], seen.dout[0], index)
    words = f"the sum over the outputs of {name} {kind} that read it"
    return terms, lambda value: (Step(words, f"{len(terms):,} terms", value),)


def _behind(model: Layer, name: str) -> str | None:
    """The layer that reads a layer's output: the next one in its row; None at the end of all.

    At the end of a branch that is the layer behind the ``Residual``, whose sum hands its gradient
    to both branches as it is.
    """
    parts = name.split(".")
    while parts:
        row = ".".join(parts[:-1])
        siblings = _find(model, row).children()
        keys = list(siblings)
        place = keys.index(parts[-1]) + 1
        if isinstance(_find(model, row), Sequential) and place < len(keys):
            return ".".join([*parts[:-1], keys[place]])
        parts = parts[:-1]
    return None


def _find(model: Layer, name: str) -> Layer:
    for part in name.split(".") if name else ():
        model = model.children()[part]
    return model
