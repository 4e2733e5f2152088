"""What an experienced eye would say about the curves: plain rules, nothing learnt.

Every rule looks at the logs of the epochs so far and answers in one line, or not at all.
"""

import math
from collections.abc import Sequence

from engine.train.events import Logs

_RISING = 3  # epochs


def remark(history: Sequence[Logs], classes: int) -> tuple[str, str] | None:
    """The name of the first rule that has something to say, and what it says.

    Args:
        history: the logs of all epochs so far.
        classes: how many there are, to know what chance would give.
    """
    for name, words in (
        ("chance", _no_better_than_chance(history, classes)),
        ("overfitting", _overfitting(history)),
    ):
        if words is not None:
            return name, words
    return None


def _no_better_than_chance(history: Sequence[Logs], classes: int) -> str | None:
    if len(history) < 2 or classes < 2:
        return None
    best = max(logs["val_acc"] for logs in history)
    if best > 1.5 / classes:
        return None
    return f"no better than chance after {len(history)} epochs: try a smaller or larger lr"


def _overfitting(history: Sequence[Logs]) -> str | None:
    losses = [logs["val_loss"] for logs in history]
    finite = [loss for loss in losses if math.isfinite(loss)]
    if not finite:
        return None
    best = losses.index(min(finite))
    since = len(losses) - 1 - best
    falling = history[-1]["loss"] < history[best]["loss"]
    if since < _RISING or not falling or losses[-1] < 1.05 * losses[best]:
        return None
    return (
        f"val_loss no better for {since} epochs, best at {best + 1}: overfitting; "
        "augmentation, Dropout or early_stopping help"
    )
