"""A first config for a data set: a small network that fits its images and classes."""

from collections.abc import Iterator
from pathlib import Path

from engine.config import inline
from engine.data import DatasetInfo
from engine.models import LayerSpec

_SMALLEST = 4
"""Pixels of a side that are left in front of the dense layer, at least."""

_CHANNELS = (16, 32, 64)
"""Of the convolutions; the last number holds for all that follow."""

_UPDATES = 1500
"""Steps of training that are aimed at: enough to see what the data allow."""


def starter_config(info: DatasetInfo, root: Path | None = None) -> str:
    """Write a config in YAML, with comments: convolutions and pools, then a dense layer.

    Args:
        info: the data set.
        root: the folder of the data sets, where it is not the default one.
    """
    channels, height, width = info.image_shape
    batch = 32 if info.train_size >= 1000 else 16
    share = _validation(info)
    steps = max(1, round(info.train_size * (1 - share) / batch))
    epochs = min(max(_UPDATES // steps, 8), 60)
    shift = max(height, width) // 14 if min(height, width) >= 14 else 0
    folder = [f"  root: {inline(str(root))}"] if root is not None else []
    return "\n".join(
        [
            f"# A first network for {info.name}: {len(info.classes):,} classes, images of "
            f"{height}x{width} in {'grey' if channels == 1 else 'colour'}.",
            "",
            f"dataset: {inline(info.name)}",
            "layers:                     # each pool halves the image; the last layer has a score",
            "                            # for every class",
            *(f"  - {inline(layer)}" for layer in starter_layers(info)),
            "",
            "data:",
            *folder,
            f"  validation: {share:<12}  # share of the training images to measure accuracy on",
            "  augment:                  # random changes, new ones every epoch",
            f"    shift: {shift:<15}  # by up to so many pixels",
            "    flip: false             # true where left and right do not matter",
            "",
            "train:",
            f"  epochs: {epochs}",
            f"  batch_size: {batch}",
            "  optimizer: adam",
            "  lr: 0.001",
            "  scheduler: {name: cosine} # from lr down to 0 over all epochs",
            "",
        ]
    )


def _validation(info: DatasetInfo) -> float:
    """A tenth of the training images, or more where that were fewer than there are classes."""
    for share in (0.1, 0.2, 0.3):
        if info.train_size * share >= 2 * len(info.classes):
            break
    return share


def starter_layers(info: DatasetInfo) -> Iterator[LayerSpec]:
    """The layers of a first network for a data set.

    Convolution, ReLU and pool, as often as the image can be halved; then a dense layer.
    """
    _, height, width = info.image_shape
    side, turn = min(height, width), 0
    while turn == 0 or side >= 2 * _SMALLEST:
        out = _CHANNELS[min(turn, len(_CHANNELS) - 1)]
        yield {"Conv2D": {"out_channels": out, "kernel_size": 3, "padding": "same"}}
        yield "ReLU"
        if side >= 2:
            yield {"MaxPool2D": {"kernel_size": 2}}
        side, turn = side // 2, turn + 1
    yield "Flatten"
    yield {"Dense": {"out_features": len(info.classes)}}
