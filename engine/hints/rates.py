"""Rules on the learning rate: from the loss, and from updates beside the weights."""

import math

from engine.hints.changes import scaled_lr
from engine.hints.evidence import Evidence
from engine.hints.registry import Found, register

_FAST, _SLOW, _VERY_SLOW = 1e-1, 5e-4, 5e-5
"""Update/weight ratios of steps that are too large and too small; about 1e-3 is healthy."""
_RISE, _OF_FIRST = 1.3, 0.05
_OVERSHOT, _KILLED = 1.1, 0.9
_AFTER, _LEARNT = 3, 0.9


@register(
    "lr_high",
    title="learning rate too high",
    when=(
        "training diverged; or loss is 1.3 times its lowest for two epochs, by more than a "
        "twentieth of the first epoch's; or in two epochs a step changed the weights of a layer by "
        "more than 10 %; or, for cross_entropy, loss is above ln(classes) after three epochs "
        "though acc is above one half, or was 10 % above it in the first epoch and a ReLU has "
        "lost 90 % of its channels"
    ),
    remedy="train.lr ÷3; ÷10 where training diverged or ReLUs died",
    why=(
        "Each step goes downhill as the gradient points, but so far that it lands on the other "
        "side of the valley, often higher up. Smaller steps go down."
    ),
)
def lr_high(evidence: Evidence) -> Found | None:
    """Steps that are too large."""
    if evidence.diverged:
        return f"training {evidence.diverged}", scaled_lr(evidence, 0.1)
    if (words := _killed(evidence)) is not None:
        return words, scaled_lr(evidence, 0.1)
    words = _climbed(evidence) or _certain(evidence) or _jumps(evidence)
    return None if words is None else (words, scaled_lr(evidence, 1 / 3))


def _killed(evidence: Evidence) -> str | None:
    """A loss that shot up, and ReLUs that died of it."""
    guess, losses = evidence.guessing_loss, evidence.column("loss")
    if guess is None or not losses or losses[0] <= _OVERSHOT * guess:
        return None
    if evidence.most_dead < _KILLED:
        return None
    return (
        f"loss was {losses[0]:.3g} in epoch 1, above the {guess:.3g} of guessing, and "
        f"{evidence.most_dead:.0%} of a ReLU died"
    )


def _climbed(evidence: Evidence) -> str | None:
    """A loss that goes up again."""
    losses = evidence.column("loss")
    finite = [loss for loss in losses if math.isfinite(loss)]
    if len(losses) <= 2 or not finite:
        return None
    lowest = min(finite)
    bound = max(_RISE * lowest, lowest + _OF_FIRST * finite[0])
    if not all(loss > bound for loss in losses[-2:]):
        return None
    return f"loss is {losses[-1]:.3g}, and was {lowest:.3g} in epoch {losses.index(lowest) + 1}"


def _certain(evidence: Evidence) -> str | None:
    """A loss that only large scores can make, in training."""
    guess = evidence.guessing_loss
    if guess is None or len(evidence.history) < _AFTER:
        return None
    last = evidence.history[-1]
    if not guess < last["loss"] < math.inf or last.get("acc", 0.0) <= 0.5:
        return None
    return (
        f"loss is {last['loss']:.3g} after {len(evidence.history)} epochs, above the {guess:.3g} "
        f"of guessing, though acc is {last['acc']:.1%}"
    )


def _jumps(evidence: Evidence) -> str | None:
    """Steps that overwrite the weights."""
    ratios = evidence.ratios()
    if len(ratios) < 2 or min(ratios[-2:]) <= _FAST:
        return None
    return f"a step changes the weights of a layer by {ratios[-1]:.0%}; about 0.1% is healthy"


@register(
    "lr_low",
    title="learning rate too low",
    when=(
        "after three epochs or more acc is below 90 % and loss still falls, and in two epochs no "
        "layer's weights changed by more than 0.05 % a step; not where the learning rate was "
        "lowered, or ReLUs are dead"
    ),
    remedy="train.lr ×3; ×10 where no step changed more than 0.005 %",
    why=(
        "The steps go the right way, but are so short that the same place would be reached in a "
        "fraction of the time with longer ones."
    ),
)
def lr_low(evidence: Evidence) -> Found | None:
    """Steps that are too small."""
    ratios, losses = evidence.ratios(), evidence.column("loss")
    if len(losses) < _AFTER or len(ratios) < 2 or max(ratios[-2:]) >= _SLOW:
        return None
    if evidence.lr_lowered or evidence.most_dead >= _KILLED or losses[-1] >= losses[-2]:
        return None
    if evidence.history[-1].get("acc", 0.0) >= _LEARNT:
        return None
    return (
        f"a step changes no layer's weights by more than {ratios[-1]:.3%}; about 0.1% is healthy",
        scaled_lr(evidence, 10 if ratios[-1] < _VERY_SLOW else 3),
    )
