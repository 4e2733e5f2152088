"""Remarks on the curves of a run: overfitting, collapse, accuracy no better than chance.

A rule reads the logs of the epochs so far and answers in one line, or not at all. Its remark is
made when the rule begins to hold, and again when it holds after an epoch in which it did not.
"""

import math
from collections.abc import Callable, Sequence

from engine.events import Logs

_RISING = 3  # epochs
_AT_CHANCE = 2  # epochs
_CHANCE = 1.5
"""Accuracy up to which a network may be guessing, as a multiple of what guessing gives."""


def new_remarks(history: Sequence[Logs], classes: int) -> list[tuple[str, str]]:
    """The rules that hold after the last epoch and did not before it, with their remarks.

    Args:
        history: the logs of all epochs so far.
        classes: how many there are; chance is right once in so many.
    """
    found = [
        (name, rule(history, classes), rule(history[:-1], classes)) for name, rule in RULES.items()
    ]
    return [(name, words) for name, words, before in found if words is not None and before is None]


def _chance(history: Sequence[Logs], classes: int) -> str | None:
    if not _at_chance(history, classes) or _was_better(history, classes):
        return None
    return f"no better than chance after {len(history)} epochs: try a smaller or larger lr"


def _collapse(history: Sequence[Logs], classes: int) -> str | None:
    if not _at_chance(history, classes) or not _was_better(history, classes):
        return None
    accuracies = [logs["val_acc"] for logs in history]
    best = max(accuracies)
    return (
        f"val_acc fell to chance ({accuracies[-1]:.1%}) from {best:.1%} in epoch "
        f"{accuracies.index(best) + 1}: collapsed; try a smaller lr, or clip_norm"
    )


def _at_chance(history: Sequence[Logs], classes: int) -> bool:
    """Whether the last epochs are no better than guessing."""
    last = history[-_AT_CHANCE:]
    return (
        classes > 1
        and len(last) == _AT_CHANCE
        and all(logs["val_acc"] <= _CHANCE / classes for logs in last)
    )


def _was_better(history: Sequence[Logs], classes: int) -> bool:
    return any(logs["val_acc"] > _CHANCE / classes for logs in history)


def _overfitting(history: Sequence[Logs], classes: int) -> str | None:
    losses = [logs["val_loss"] for logs in history]
    finite = [loss for loss in losses if math.isfinite(loss)]
    if not finite:
        return None
    best = losses.index(min(finite))
    since = len(losses) - 1 - best
    falling = history[-1]["loss"] < history[best]["loss"]
    # A larger learning rate moves the weights far: that is not overfitting.
    raised = any(logs["lr"] > history[best]["lr"] for logs in history[best + 1 :])
    if since < _RISING or not falling or raised or losses[-1] < 1.05 * losses[best]:
        return None
    if _at_chance(history, classes):  # nothing was learnt yet, or it was lost again
        return None
    return (
        f"val_loss no better for {since} epochs, best at {best + 1}: overfitting; "
        "augmentation, Dropout or early_stopping help"
    )


RULES: dict[str, Callable[[Sequence[Logs], int], str | None]] = {
    "chance": _chance,
    "collapse": _collapse,
    "overfitting": _overfitting,
}
