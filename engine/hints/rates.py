"""Rules on the learning rate: from the loss, and from updates beside the weights."""

import math

from engine.hints.changes import scaled_lr
from engine.hints.evidence import Evidence
from engine.hints.registry import Found, register

FAST = 3e-2
"""Update/weight ratio above which steps are too large; about 1e-3 is healthy."""
SLOW = 2e-4
"""The same below which they are too small."""
_RISE = 1.3
_DONE = 0.97


@register(
    "lr_high",
    title="learning rate too high",
    when=(
        "training diverged; or loss is 1.3 times its lowest or more for two epochs; or in two "
        "epochs a step changed the weights of a layer by more than 3 % (update/weight above 3e-2)"
    ),
    remedy="train.lr ÷3, ÷10 where training diverged",
    why=(
        "Each step goes downhill as the gradient points, but so far that it lands on the other "
        "side of the valley, often higher up. Smaller steps go down."
    ),
)
def lr_high(evidence: Evidence) -> Found | None:
    """Steps that are too large."""
    if evidence.diverged:
        return f"training diverged: {evidence.diverged}", scaled_lr(evidence, 0.1)
    losses = evidence.column("loss")
    finite = [loss for loss in losses if math.isfinite(loss)]
    if not finite:
        return None
    lowest = min(finite)
    if len(losses) > 2 and all(loss >= _RISE * lowest for loss in losses[-2:]):
        return (
            f"loss is {losses[-1]:.3g}, and was {lowest:.3g} in epoch {losses.index(lowest) + 1}",
            scaled_lr(evidence, 1 / 3),
        )
    ratios = evidence.ratios()
    if len(ratios) >= 2 and all(ratio > FAST for ratio in ratios[-2:]):
        return (
            f"a step changes the weights of a layer by {ratios[-1]:.1%}; about 0.1% is healthy",
            scaled_lr(evidence, 1 / 3),
        )
    return None


@register(
    "lr_low",
    title="learning rate too low",
    when=(
        "in two epochs no layer's weights changed by more than 0.02 % a step (update/weight below "
        "2e-4), the learning rate was not lowered since, and acc is below 97 %"
    ),
    remedy="train.lr ×10, ×3 above an update/weight ratio of 5e-5",
    why=(
        "The steps go the right way, but are so short that the same place would be reached in a "
        "fraction of the time with longer ones."
    ),
)
def lr_low(evidence: Evidence) -> Found | None:
    """Steps that are too small."""
    ratios = evidence.ratios()
    if len(ratios) < 2 or evidence.lr_lowered or evidence.history[-1].get("acc", 0.0) > _DONE:
        return None
    if max(ratios[-2:]) >= SLOW:
        return None
    return (
        f"a step changes no layer's weights by more than {ratios[-1]:.3%}; about 0.1% is healthy",
        scaled_lr(evidence, 3 if ratios[-1] > 5e-5 else 10),
    )
