"""A first config for a data set: a small network that fits its images and classes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.config import inline
from engine.data import DatasetInfo
from engine.errors import ConfigError, EngineError
from engine.models import PRESETS, LayerSpec, build, preset
from engine.optim import OPTIMIZERS
from engine.suggest import suggestion

_SMALLEST = 4
"""Pixels of a side that are left in front of the dense layer, at least."""

_CHANNELS = (16, 32, 64)
"""Of the convolutions; the last number holds for all that follow."""

_UPDATES = 1500
"""Steps of training that are aimed at: enough to see what the data allow."""

_RATES = {"sgd": 0.05, "momentum": 0.01, "muon": 0.05}
"""Learning rates to begin with, of optimizers that do not adapt their steps."""


@dataclass(frozen=True)
class Choices:
    """What a first config says otherwise than it would by itself; None for what fits.

    Attributes:
        model: a preset instead of layers that are written out.
        epochs: passes over the training images.
        batch_size: images of an update.
        lr: learning rate, above 0.
        optimizer: its name in configs.
    """

    model: str | None = None
    epochs: int | None = None
    batch_size: int | None = None
    lr: float | None = None
    optimizer: str = "adam"

    def check(self) -> None:
        """Check what can be wrong whatever the data set.

        Raises:
            ConfigError: there is no such preset or optimizer, or the rate is not above 0.
        """
        if self.model is not None:
            preset(self.model, 2)
        if self.optimizer not in OPTIMIZERS:
            hint = suggestion(self.optimizer, OPTIMIZERS)
            raise ConfigError(
                f"unknown optimizer '{self.optimizer}'; there are {', '.join(OPTIMIZERS)}.{hint}"
            )
        if self.lr is not None and not 0 < self.lr < float("inf"):
            raise ConfigError(f"expected a learning rate above 0, got {self.lr:g}")


def starter_config(
    info: DatasetInfo, root: Path | None = None, choices: Choices | None = None
) -> str:
    """Write a config in YAML, with comments: convolutions and pools, then a dense layer.

    Args:
        info: the data set.
        root: the folder of the data sets, where it is not the default one.
        choices: what is to be otherwise, if anything.

    Raises:
        ConfigError: a choice is wrong, or the chosen preset does not fit the images.
    """
    chosen = choices or Choices()
    chosen.check()
    channels, height, width = info.image_shape
    batch = chosen.batch_size or (32 if info.train_size >= 1000 else 16)
    share = _validation(info)
    steps = max(1, round(info.train_size * (1 - share) / batch))
    epochs = chosen.epochs or min(max(_UPDATES // steps, 8), 60)
    rate = chosen.lr or _RATES.get(chosen.optimizer, 0.001)
    shift = max(height, width) // 14 if min(height, width) >= 14 else 0
    folder = [f"  root: {inline(str(root))}"] if root is not None else []
    return "\n".join(
        [
            f"# A first network for {info.name}: {len(info.classes):,} classes, images of "
            f"{height}x{width} in {'grey' if channels == 1 else 'colour'}.",
            "",
            f"dataset: {inline(info.name)}",
            *_network(info, chosen.model),
            "",
            "data:",
            *folder,
            f"  validation: {share:<12}  # share of the training images to measure accuracy on",
            "  augment:                  # random changes, new ones every epoch",
            f"    shift: {shift:<15}  # by up to so many pixels",
            "    flip: false             # true where left and right do not matter",
            "",
            "train:",
            f"  epochs: {epochs:<16}  # passes over the training images",
            f"  batch_size: {batch:<12}  # images per update",
            f"  optimizer: {chosen.optimizer}",
            f"  lr: {inline(rate):<20}  # learning rate; 'cnn-tui lr-find' looks for one",
            "  scheduler: {name: cosine} # from lr down to 0 over all epochs",
            "",
        ]
    )


def _network(info: DatasetInfo, model: str | None) -> Iterator[str]:
    """The lines of the network: a preset by its name, or layers that fit the images."""
    if model is not None:
        _expect_fit(info, model)
        about = (PRESETS[model].__doc__ or "").split("\n", 1)[0].rstrip(".")
        yield f"# {about}."
        yield f"model: {model}"
        return
    yield "layers:                     # each pool halves the image; the last layer has a score"
    yield "                            # for every class"
    yield from (f"  - {inline(layer)}" for layer in starter_layers(info))


def fitting_presets(info: DatasetInfo) -> list[str]:
    """The presets that can be built for the images of a data set."""
    found = []
    for name in PRESETS:
        try:
            _expect_fit(info, name)
        except ConfigError:
            continue
        found.append(name)
    return found


def _expect_fit(info: DatasetInfo, model: str) -> None:
    try:
        build(preset(model, len(info.classes)), info.image_shape)
    except EngineError as error:
        shape = "x".join(map(str, info.image_shape))
        raise ConfigError(f"{model} does not fit images of {shape}: {error}") from None


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
