"""Rules on the curves: guessing, collapse, too much and too little fitting."""

import math

from engine.hints.changes import clip, scaled_lr, set_to, stop_early
from engine.hints.evidence import Evidence
from engine.hints.registry import Fix, Found, register

_AT_CHANCE = 2  # epochs
_RISING = 3  # epochs
_RISE = 1.1
_GAP, _GAP_LASTS, _GAP_EPOCHS = 0.1, 2, 5
_SETTLED, _LOW, _LEVEL, _LEVEL_ACC = 5, 0.9, 0.05, 0.02
_LONG_PAST = 8  # epochs
_CERTAIN = 2  # epochs
_SMALLEST_SHIFTED = 16
"""Side of the smallest images that are shifted."""


def _is_guessing(evidence: Evidence) -> bool:
    """Whether the last epochs are no better than guessing, on the training images too."""
    last = evidence.history[-_AT_CHANCE:]
    return (
        len(evidence.classes) > 1
        and len(last) == _AT_CHANCE
        and all(logs["val_acc"] <= evidence.chance for logs in last)
        and last[-1].get("acc", 0.0) <= evidence.chance
    )


def _was_better(evidence: Evidence) -> bool:
    return any(acc > evidence.chance for acc in evidence.column("val_acc"))


@register(
    "chance",
    title="no better than chance",
    when="val_acc and acc are at chance for two epochs, and val_acc never was better",
    remedy="train.lr ÷10; ×10 where update/weight is below 1e-4 and no ReLU is dead",
    why=(
        "A network that always names the commonest class would do as well, so nothing has been "
        "learnt yet. Mostly the steps are too large to settle anywhere, or too small to arrive."
    ),
)
def chance(evidence: Evidence) -> Found | None:
    """Never better than guessing."""
    if not _is_guessing(evidence) or _was_better(evidence):
        return None
    epochs, acc = len(evidence.history), evidence.history[-1]["val_acc"]
    slow = evidence.most_dead < 0.75 and any(r < 1e-4 for r in evidence.ratios()[-1:])
    return (
        f"val_acc is {acc:.1%} after {epochs} epochs; guessing gives {evidence.guessing:.1%}",
        scaled_lr(evidence, 10 if slow else 0.1),
    )


@register(
    "collapse",
    title="collapsed",
    when="val_acc and acc are at chance for two epochs, after val_acc was better",
    remedy="train.clip_norm=1; where it is set, train.lr ÷3",
    why=(
        "What was learnt is lost again: a few steps that were too large threw the weights to where "
        "all images look the same to the network."
    ),
)
def collapse(evidence: Evidence) -> Found | None:
    """Back at guessing."""
    if not _is_guessing(evidence) or not _was_better(evidence):
        return None
    accuracies = evidence.column("val_acc")
    best = max(accuracies)
    return (
        f"val_acc fell to chance ({accuracies[-1]:.1%}) from {best:.1%} in epoch "
        f"{accuracies.index(best) + 1}",
        clip(evidence),
    )


def _best(values: list[float]) -> int | None:
    """The index of the smallest finite value."""
    finite = [value for value in values if math.isfinite(value)]
    return values.index(min(finite)) if finite else None


@register(
    "overfitting",
    title="overfitting",
    when=(
        "loss is lower than in the epoch of the best val_loss, and val_loss was 10 % above that in "
        "all of the last three epochs, at an unraised learning rate; or after five epochs acc is "
        "10 points above val_acc for two"
    ),
    remedy=(
        "data.augment.shift=2 for images of 16 pixels or more; where that is set, "
        "train.weight_decay=0.001, and then early_stopping"
    ),
    why=(
        "The network begins to learn the training images by heart instead of what they have in "
        "common, so it gets better on them and no better on new ones. More varied images help."
    ),
)
def overfitting(evidence: Evidence) -> Found | None:
    """Better and better in training only."""
    history, losses = evidence.history, evidence.column("val_loss")
    best = _best(losses)
    if best is None or _is_guessing(evidence):
        return None
    last, since = history[-1], len(losses) - 1 - best
    # A larger learning rate moves the weights far: that is not overfitting.
    raised = any(logs["lr"] > history[best]["lr"] for logs in history[best + 1 :])
    rising = (
        since >= _RISING
        and last["loss"] < history[best]["loss"]
        and not raised
        and min(losses[-_RISING:]) >= _RISE * losses[best]
    )
    gap = min(logs.get("acc", 0.0) - logs["val_acc"] for logs in history[-_GAP_LASTS:])
    if rising:
        words = (
            f"val_loss rose from {losses[best]:.3g} in epoch {best + 1} to {losses[-1]:.3g}, "
            f"while loss fell from {history[best]['loss']:.3g} to {last['loss']:.3g}"
        )
    elif gap >= _GAP and len(history) >= _GAP_EPOCHS:
        words = f"acc is {last['acc']:.1%} in training and {last['val_acc']:.1%} in validation"
    else:
        return None
    return words, _against_overfitting(evidence, best + 1)


def _against_overfitting(evidence: Evidence, best: int) -> Fix:
    augment, train = evidence.config.data.augment, evidence.config.train
    small = min(evidence.config.dataset_info.image_shape[1:]) < _SMALLEST_SHIFTED
    if not augment.shift and not small:
        return Fix("shift the training images by up to 2 pixels", ("data.augment.shift=2",))
    if not train.weight_decay:
        return Fix("hold the weights small", ("train.weight_decay=0.001",))
    return stop_early(evidence, best)


@register(
    "past_best",
    title="best epoch long past",
    when="neither val_loss nor val_acc has been better for eight epochs or more",
    remedy="early_stopping; where there are callbacks already, train.epochs",
    why=(
        "The epochs since then brought nothing that shows on new images. Stopping there saves the "
        "time, and keeps the best weights instead of the last."
    ),
)
def past_best(evidence: Evidence) -> Found | None:
    """Epochs that brought nothing."""
    losses, accuracies = evidence.column("val_loss"), evidence.column("val_acc")
    by_loss = _best(losses)
    by_acc = _best([-acc for acc in accuracies])
    if by_loss is None or by_acc is None or not _was_better(evidence) or _is_guessing(evidence):
        return None
    best = max(by_loss, by_acc)
    since = len(losses) - 1 - best
    if since < _LONG_PAST:
        return None
    return (
        f"no better val_loss or val_acc for {since} epochs: val_acc {accuracies[best]:.1%} in "
        f"epoch {best + 1} of {len(losses)}, {accuracies[-1]:.1%} now",
        stop_early(evidence, best + 1),
    )


@register(
    "underfitting",
    title="underfitting",
    when=(
        "after five epochs or more, acc or val_acc is above chance and both are below 90 %, "
        "val_acc is not more than 5 points below acc, and in three epochs loss changed by less "
        "than 5 % and acc by less than 2 points"
    ),
    remedy="train.weight_decay ÷10 where it is set, else no augmentation where there is some",
    why=(
        "The network does not even get the training images right, and no longer improves: it is "
        "too small for the task, or held back by what is meant against overfitting."
    ),
)
def underfitting(evidence: Evidence) -> Found | None:
    """Level, and not good."""
    history = evidence.history
    if len(history) < _SETTLED or _is_guessing(evidence):
        return None
    last, before = history[-1], history[-4]
    acc = last.get("acc", math.nan)
    better = [max(logs.get("acc", math.nan), logs["val_acc"]) for logs in history[-4:]]
    low = min(better) > evidence.chance and better[-1] < _LOW and acc - last["val_acc"] <= 0.05
    level = (
        abs(last["loss"] / before["loss"] - 1) < _LEVEL
        and abs(acc - before.get("acc", math.nan)) < _LEVEL_ACC
    )
    if not low or not level:
        return None
    words = (
        f"acc is {acc:.1%} and loss {last['loss']:.3g}, {before['loss']:.3g} three epochs "
        "before: it no longer gets better, not even in training"
    )
    return words, _against_underfitting(evidence)


def _against_underfitting(evidence: Evidence) -> Fix | None:
    augment, decay = evidence.config.data.augment, evidence.config.train.weight_decay
    if decay:
        return Fix("hold the weights less small", (set_to("train.weight_decay", decay / 10),))
    off = tuple(
        f"data.augment.{key}={'false' if value is True else 0}"
        for key, value in augment.model_dump(exclude={"border"}).items()
        if value
    )
    return Fix("train on the images as they are", off) if off else None


@register(
    "saturated",
    title="certain and wrong",
    when=(
        "for two epochs val_loss is above ln(classes), the loss of guessing, while val_acc is "
        "above one half; for cross_entropy"
    ),
    remedy=(
        "train.label_smoothing=0.1; train.lr ÷3 where it is set, or loss is above ln(classes) too"
    ),
    why=(
        "The softmax is saturated: nearly all probability goes to one class, right or wrong. A "
        "mistake then costs a lot, and the certain answers pass back almost no gradient to learn "
        "from."
    ),
)
def saturated(evidence: Evidence) -> Found | None:
    """A mean loss that only confident mistakes can make."""
    guess, looked = evidence.guessing_loss, evidence.history[-_CERTAIN:]
    if guess is None or len(looked) < _CERTAIN:
        return None
    if not all(guess < logs["val_loss"] < math.inf and logs["val_acc"] > 0.5 for logs in looked):
        return None
    last = looked[-1]
    words = (
        f"val_loss is {last['val_loss']:.3g} at val_acc {last['val_acc']:.1%}; evenly spread "
        f"probabilities would give {guess:.3g}"
    )
    if evidence.config.train.label_smoothing or last["loss"] > guess:
        return words, scaled_lr(evidence, 1 / 3)
    return words, Fix("ask for less than certainty", ("train.label_smoothing=0.1",))
