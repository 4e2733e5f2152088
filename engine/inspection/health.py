"""Health of a layer in one word, by rules of thumb on its gradients, updates and activations.

The thresholds are rules of thumb of the field; a word is a hint where to look, never a proof that
something is wrong.
"""

import math
from dataclasses import dataclass
from itertools import repeat
from typing import Literal

import numpy as np

from engine.arrays import Array
from engine.hints import LayerStats
from engine.train.snapshot import LayerSnapshot, Snapshot, layer_stats

Level = Literal["good", "note", "warning", "error", "none"]

FAST = 1e-2
"""Update/weight ratio above which a step changes a layer by more than a hundredth: noisy."""
TOO_FAST = 1e-1
"""Update/weight ratio above which a step overwrites much of what was learnt."""
SLOW = 1e-5
"""Update/weight ratio below which a thousand steps change a layer by less than a hundredth."""
VANISHING = 1e-4
"""Share of the largest layer's gradient RMS below which a gradient vanishes."""
SOME_DEAD, MOSTLY_DEAD = 0.4, 0.75
"""Share of the channels of a ReLU that were 0 for every sample of a micro-batch."""


@dataclass(frozen=True)
class Health:
    """Class of a layer's health.

    Attributes:
        symbol: one character for the same, where there is no room and no colour.
        word: one or two words.
        level: how much it matters; ``none`` where there is nothing to say.
        advice: its meaning, and what to try; empty where all is well.
    """

    symbol: str
    word: str
    level: Level
    advice: str = ""


NOTHING = Health("·", "–", "none")
OK = Health("✓", "ok", "good")
FROZEN = Health("=", "frozen", "none", "train.freeze keeps its weights as they are")


def classify(
    *,
    finite: bool,
    grad_rms: float | None = None,
    largest_grad_rms: float | None = None,
    update_ratio: float | None = None,
    dead: float | None = None,
) -> Health:
    """The class of the most serious problem of a layer; the rules are tried in order.

    Args:
        finite: whether weights and gradients are all finite numbers.
        grad_rms: root mean square of the weight's gradient, or None where there is none.
        largest_grad_rms: the largest of these in the network.
        update_ratio: RMS of the last update divided by RMS of the weight. About 1e-3 is healthy.
        dead: share of the channels of a ReLU that are never above 0.

    Source: Karpathy, CS231n notes, 'Ratio of weights:updates', for about 1e-3; Glorot and Bengio,
    'Understanding the difficulty of training deep feedforward neural networks', 2010, for
    gradients that vanish from layer to layer.
    """
    if not finite:
        return Health("✗", "NaN/inf", "error", "NaN or infinity: lower train.lr, or clip_norm")
    if dead is not None:
        return _of_relu(dead)
    if update_ratio is not None and update_ratio > TOO_FAST:
        return Health(
            "⇈", "too fast", "error", f"a step changes {_share(update_ratio)} of it: lower train.lr"
        )
    if grad_rms is not None and grad_rms == 0:
        return Health("✗", "no grad", "error", "its gradient is zero: are the ReLUs dead?")
    if _vanishes(grad_rms, largest_grad_rms):
        return Health(
            "↓", "vanishing", "warning", "its gradient is tiny beside the others': try batch norm"
        )
    if update_ratio is not None and update_ratio > FAST:
        return Health(
            "↑", "fast", "warning", f"a step changes {_share(update_ratio)} of it: lr is high"
        )
    if update_ratio is not None and update_ratio < SLOW:
        return Health("↓", "slow", "note", "it hardly changes: lr is near 0, or it is done")
    return NOTHING if grad_rms is None and update_ratio is None else OK


@dataclass(frozen=True)
class LayerFacts:
    """Statistics of a layer of a snapshot, and its health.

    Attributes:
        name: full name in the network.
        kind: its class.
        mean, std: of its weight; None without one, as all below.
        grad_rms: root mean square of the weight's gradient, which does not grow with its size.
        update_ratio: RMS of the last update of the weight, divided by that of the weight.
        dead: of a ReLU, the share of channels that were 0 everywhere.
        health: the class that follows.
    """

    name: str
    kind: str
    mean: float | None
    std: float | None
    grad_rms: float | None
    update_ratio: float | None
    dead: float | None
    health: Health


def examine(snapshot: Snapshot) -> tuple[LayerFacts, ...]:
    """The statistics of every layer; of several parameters, its weight counts."""
    found = layer_stats(snapshot)
    sizes = [stats.grad_rms for stats in found if stats.grad_rms is not None]
    largest = max(filter(math.isfinite, sizes), default=None)
    return tuple(map(_facts, snapshot.layers, found, repeat(largest)))


def _facts(layer: LayerSnapshot, stats: LayerStats, largest: float | None) -> LayerFacts:
    mean = std = None
    if "weight" in layer.weights:
        weight = layer.weights["weight"]
        with np.errstate(invalid="ignore", over="ignore"):
            mean, std = float(weight.mean(dtype=float)), float(weight.std(dtype=float))
    finite = all(map(_is_finite, (*layer.weights.values(), *layer.grads.values())))
    return LayerFacts(
        name=stats.name,
        kind=stats.kind,
        mean=mean,
        std=std,
        grad_rms=stats.grad_rms,
        update_ratio=stats.update_ratio,
        dead=stats.dead,
        health=FROZEN
        if layer.frozen and finite
        else classify(
            finite=finite,
            grad_rms=stats.grad_rms,
            largest_grad_rms=largest,
            update_ratio=stats.update_ratio,
            dead=stats.dead,
        ),
    )


def _is_finite(array: Array) -> bool:
    return bool(np.isfinite(array).all())


def _of_relu(dead: float) -> Health:
    advice = f"{dead:.0%} of its channels are 0 for every sample: lower train.lr, or LeakyReLU"
    if dead >= MOSTLY_DEAD:
        return Health("✗", "dead", "error", advice)
    if dead >= SOME_DEAD:
        return Health("!", "dying", "warning", advice)
    return OK


def _vanishes(grad_rms: float | None, largest: float | None) -> bool:
    if grad_rms is None or largest is None or not math.isfinite(largest):
        return False
    return grad_rms < VANISHING * largest


def _share(ratio: float) -> str:
    return f"{ratio:.0%}" if ratio >= 0.1 else f"{ratio:.1%}"
