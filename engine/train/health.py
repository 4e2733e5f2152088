"""What a layer's numbers say about its training, in one word: rules, not a judgement.

The thresholds are those that are used in the field by rule of thumb; a word is a hint where to
look, never a proof that something is wrong.
"""

import math
from dataclasses import dataclass
from typing import Literal

Level = Literal["good", "note", "warning", "error", "none"]

FAST = 1e-2
"""Update/weight ratio above which a step changes a layer by more than a hundredth: noisy."""
TOO_FAST = 1e-1
"""Update/weight ratio above which little of what was learnt survives a step."""
SLOW = 1e-5
"""Update/weight ratio below which a thousand steps change a layer by less than a hundredth."""
VANISHING = 1e-4
"""Share of the largest layer's gradient RMS below which hardly anything arrives at a layer."""
SOME_DEAD, MOSTLY_DEAD = 0.25, 0.75
"""Share of the channels of a ReLU that were 0 for every sample of a micro-batch."""


@dataclass(frozen=True)
class Health:
    """A word about a layer.

    Attributes:
        symbol: one character that says the same, for where there is no room and no colour.
        word: one or two words.
        level: how much it matters; ``none`` where there is nothing to say.
        advice: what it means and what to try; empty where all is well.
    """

    symbol: str
    word: str
    level: Level
    advice: str = ""


NOTHING = Health("·", "–", "none")
OK = Health("✓", "ok", "good")


def judge(
    *,
    finite: bool,
    grad_rms: float | None = None,
    largest_grad_rms: float | None = None,
    update_ratio: float | None = None,
    dead: float | None = None,
) -> Health:
    """The most serious thing that can be said about a layer; the rules are tried in order.

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
        return Health("✗", "not finite", "error", "NaN or infinity: lower train.lr, or clip_norm")
    if dead is not None:
        return _of_relu(dead)
    if update_ratio is not None and update_ratio > TOO_FAST:
        return Health(
            "⇈", "too fast", "error", f"a step changes {_share(update_ratio)} of it: lower train.lr"
        )
    if grad_rms is not None and grad_rms == 0:
        return Health("✗", "no gradient", "error", "nothing arrives here: are the ReLUs dead?")
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


def _of_relu(dead: float) -> Health:
    advice = f"{dead:.0%} of its channels are 0 for every sample: lower train.lr, or LeakyReLU"
    if dead >= MOSTLY_DEAD:
        return Health("✗", "dead", "error", advice)
    if dead >= SOME_DEAD:
        return Health("!", "some dead", "warning", advice)
    return OK


def _vanishes(grad_rms: float | None, largest: float | None) -> bool:
    if grad_rms is None or largest is None or not math.isfinite(largest):
        return False
    return grad_rms < VANISHING * largest


def _share(ratio: float) -> str:
    return f"{ratio:.0%}" if ratio >= 0.1 else f"{ratio:.1%}"
