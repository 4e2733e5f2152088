"""Rules on the data and on batches: they hold from the start, or not at all."""

from typing import Any

from engine.hints.evidence import Evidence
from engine.hints.registry import Fix, Found, register
from engine.losses import LOSSES
from engine.sanitize import printable

_UNEVEN = 3
_SMALL = 8


@register(
    "uneven_classes",
    title="uneven classes",
    when=(
        "the largest class has three times the training samples of the smallest or more, and more "
        "than chance explains; never with train.class_weights"
    ),
    remedy="train.class_weights=balanced, for losses that know it",
    why=(
        "A rare class adds so little to the loss that ignoring it is cheap, and the accuracy "
        "hardly shows it. With weights all classes count the same; the macro F1 of evaluate shows "
        "how each does."
    ),
)
def uneven_classes(evidence: Evidence) -> Found | None:
    """Some classes are rare.

    The counts of two classes that are equally likely differ with a standard deviation of the root
    of their sum, and by three of those rarely.
    """
    train = evidence.config.train
    present = [i for i, count in enumerate(evidence.counts) if count]
    if train.class_weights is not None or len(present) < 2:
        return None
    rare = min(present, key=lambda i: evidence.counts[i])
    common = max(present, key=lambda i: evidence.counts[i])
    few, many = evidence.counts[rare], evidence.counts[common]
    if many < _UNEVEN * few or many - few <= 3 * (many + few) ** 0.5:
        return None
    names = [printable(evidence.classes[i], 30) for i in (rare, common)]
    words = (
        f"class {names[0]!r} has {few:,} of {sum(evidence.counts):,} training samples, and "
        f"{names[1]!r} has {many:,}"
    )
    fix = Fix("let all classes count the same", ("train.class_weights=balanced",))
    return words, fix if LOSSES[train.loss].weights_classes else None


@register(
    "not_normalised",
    title="data not normalised",
    when="images reach the network with a mean beyond ±1, or a deviation below 0.3 or above 3",
    remedy="none: import the images again, or begin the layers with BatchNorm2D",
    why=(
        "Weights start at sizes that suit inputs around 0 with a deviation of about 1. With others "
        "the first layers answer far too strongly or hardly at all, and no learning rate suits "
        "all layers."
    ),
)
def not_normalised(evidence: Evidence) -> Found | None:
    """Inputs that are far from mean 0 and deviation 1."""
    if evidence.inputs is None or _kinds(evidence)[:1] == ["BatchNorm2D"]:
        return None
    mean, std = evidence.inputs
    if abs(mean) <= 1 and 0.3 <= std <= 3:
        return None
    return (
        f"the images reach the network with mean {mean:.3g} and deviation {std:.3g}, expected "
        "about 0 and 1; begin the layers with BatchNorm2D, or import the images again",
        None,
    )


@register(
    "small_batches",
    title="batch too small for batch norm",
    when="there is batch norm, and train.batch_size is below 8",
    remedy="train.batch_size=32",
    why=(
        "Batch norm measures mean and deviation on the images of a batch. A handful gives a "
        "different answer every time, so training is noisy, and differs from what the network "
        "does later, with averages."
    ),
)
def small_batches(evidence: Evidence) -> Found | None:
    """Batch norm over a handful of images."""
    size = evidence.config.train.batch_size
    if size >= _SMALL or not any(kind.startswith("BatchNorm") for kind in _kinds(evidence)):
        return None
    return (
        f"batch norm measures over {size} image{'s' * (size > 1)} at a time",
        Fix("take 32 images in a batch", ("train.batch_size=32",)),
    )


def _kinds(evidence: Evidence) -> list[str]:
    """The classes of the network's layers, those inside others too."""
    found: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, dict):  # a layer with its arguments, some of which are layers
            for name, arguments in value.items():
                found.append(name)
                inside = arguments.values() if isinstance(arguments, dict) else ()
                walk([item for item in inside if isinstance(item, list)])
        elif isinstance(value, list):
            for item in value:
                walk(item)

    walk(evidence.config.specs)
    return found
