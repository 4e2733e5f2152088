"""How a network got one number of its output, or of any feature map."""

import math

import numpy as np

from engine.arrays import Array
from engine.layers import Residual, Sequential
from engine.losses import SoftmaxCrossEntropy
from engine.microscope import layers as layers
from engine.microscope.arithmetic import Arithmetic, Step, Term
from engine.microscope.layers.features import residual
from engine.microscope.receptive import Box as Box
from engine.microscope.receptive import receptive_field as receptive_field
from engine.microscope.registry import FORWARD, Index, Sum, explanation, inner, short, unexplained
from engine.microscope.trace import Trace, forward_trace


@np.errstate(all="ignore")
def explain(model: Sequential, x: Array, layer_name: str, index: Index) -> Arithmetic:
    """The arithmetic of one number of a layer's output for an image, in evaluation mode.

    Numbers of a diverged network that are not finite are explained as they are, without a warning.

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


@np.errstate(all="ignore")
def explain_traced(trace: Trace, layer_name: str, index: Index, sample: int = 0) -> Arithmetic:
    """``explain``, of a pass that was made already."""
    network = number(trace.layers[layer_name].out[sample], index)
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


def number(array: Array, index: Index) -> float:
    """A number of an array.

    Raises:
        IndexError: it has no such number; none is counted from the end.
    """
    if len(index) != array.ndim or min(index) < 0:
        raise IndexError(f"there is no number {list(index)} in an array of shape {array.shape}")
    return float(array[index])


def title_of(index: Index) -> str:
    """What number of an output it is."""
    if len(index) == 1:
        return f"output {index[0]}"
    return f"feature map {index[0]}, row {index[1]}, column {index[2]}"


def _sum(trace: Trace, name: str, index: Index, sample: int) -> Sum:
    seen = trace.layers[name]
    if isinstance(seen.layer, Residual):
        body, shortcut = (
            float(trace.layers[f"{name}.{branch}"].out[sample][index])
            for branch in ("body", "shortcut")
        )
        return residual(body, shortcut)
    found = explanation(FORWARD, seen.layer)
    if found is None:
        return unexplained(seen.layer, float(seen.out[sample][index]))
    return found(seen.layer, seen.x[sample], index)


@np.errstate(all="ignore")
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
        Term(f"e^({short(float(score))} − {inner(largest)})", (float(score),), float(power), (c,),
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
        words = f"{1 - label_smoothing:g} · {inner(-own)} + {label_smoothing:g} · the mean of all"
        steps.append(Step("with label smoothing", words, value))
    network = SoftmaxCrossEntropy(label_smoothing).forward(logits[None], np.array([label]))
    return Arithmetic("the loss of this sample", terms, tuple(steps), value, network)
