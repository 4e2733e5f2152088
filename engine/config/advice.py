"""Advice on configs that can be run: likely mistakes, reported but never refused."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from engine.config.errors import KeyPath, dotted
from engine.config.schema import Config
from engine.data.batches import held_out
from engine.layers import BatchNorm2D
from engine.losses import LOSSES
from engine.models import build
from engine.optim import OPTIMIZERS
from engine.schedulers import CosineAnnealingLR


@dataclass(frozen=True)
class Advice:
    """A likely mistake in a config, or something to know about it.

    Attributes:
        path: of the key or the value.
        message: what it does, and what to do instead.
        level: a "warning" for a likely mistake, a "note" for something to know.
    """

    path: KeyPath
    message: str
    level: Literal["warning", "note"] = "warning"

    @property
    def key(self) -> str:
        """Path of the key, dotted, as it is shown and typed."""
        return dotted(self.path)

    def __str__(self) -> str:
        return f"{self.key}: {self.message}"


def advise(config: Config) -> list[Advice]:
    """List the advice on a config that can be run."""
    return [advice for rule in RULES for advice in rule(config)]


def _scores(config: Config) -> Iterator[Advice]:
    """An activation that limits the scores, before a loss on logits."""
    if not LOSSES[config.train.loss].takes_logits:
        return
    low, high, last = -math.inf, math.inf, None
    for i, layer in enumerate(build(config.specs, config.dataset_info.image_shape)):
        before = low, high
        low, high = layer.output_range(low, high)
        if (low, high) != before:
            last = i, layer
    if last is None or (low, high) == (-math.inf, math.inf):
        return
    index, layer = last
    name = type(layer).__name__
    where: KeyPath = ("model",) if config.model is not None else ("layers", index, name)
    yield Advice(
        where,
        f"{name} limits the scores to {_words(low, high)}, but {config.train.loss} expects "
        "unlimited scores, as it applies the softmax itself; remove it",
    )


def _words(low: float, high: float) -> str:
    if math.isinf(high):
        return f"{low:.2g} and above"
    return f"{high:.2g} and below" if math.isinf(low) else f"between {low:.2g} and {high:.2g}"


def _validation(config: Config) -> Iterator[Advice]:
    samples = config.data.limit or config.dataset_info.train_size
    count = held_out(samples, config.data.validation)
    classes = len(config.dataset_info.classes)
    if count < classes:
        yield Advice(
            ("data", "validation"),
            f"{count} sample{'s' * (count > 1)} cannot cover all {classes} classes, so val_loss "
            "and val_acc mean little; hold out more",
        )


def _cosine(config: Config) -> Iterator[Advice]:
    scheduler, epochs = config.train.scheduler, config.train.epochs
    if not isinstance(scheduler, CosineAnnealingLR.Options) or scheduler.T_max is None:
        return
    if scheduler.T_max < epochs - 1:
        yield Advice(
            ("train", "scheduler", "T_max"),
            f"the learning rate is at its lowest after epoch {scheduler.T_max} and rises again "
            f"until epoch {epochs}; remove T_max to let it fall until the end",
        )


def _smoothing(config: Config) -> Iterator[Advice]:
    share, classes = config.train.label_smoothing, len(config.dataset_info.classes)
    if share == 0:
        return
    rest = share / classes
    certain = 1 - share + rest
    floor = -certain * math.log(certain) - (classes - 1) * rest * math.log(rest)
    yield Advice(
        ("train", "label_smoothing"),
        f"loss and val_loss cannot fall below {floor:.3f}, even if every prediction is right",
        "note",
    )


def _matrices(config: Config) -> Iterator[Advice]:
    """An optimizer of convolutions, for a network that does not suit it."""
    name = config.train.optimizer
    if not OPTIMIZERS[name].takes_matrices:
        return
    layers = list(build(config.specs, config.dataset_info.image_shape).walk())
    path = ("train", "optimizer")
    if not any(len(layer.param_shapes().get("weight", ())) == 4 for layer in layers):
        yield Advice(path, f"{name} is for convolutions; without any it is sgd, so take that")
    elif not any(isinstance(layer, BatchNorm2D) for layer in layers):
        yield Advice(
            path,
            f"{name} keeps the weights of each convolution at a fixed norm; put BatchNorm2D behind "
            "each, so that their norm does not matter",
        )


RULES = (_scores, _validation, _cosine, _smoothing, _matrices)
