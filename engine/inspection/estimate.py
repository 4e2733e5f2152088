"""Estimates of the time of an epoch and of the memory, before anything is trained."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.config import Config
from engine.data import Batches, Split
from engine.models import build
from engine.models.memory import training_bytes
from engine.parallel.micro_batches import MICRO_BATCH
from engine.parallel.workers import Workers
from engine.train import factory
from engine.train.trainer import Trainer

FORWARD_SHARE = 1 / 3
"""Of the arithmetic of a step; the backward pass is twice the forward one."""

_LARGEST = 4 * MICRO_BATCH


@dataclass(frozen=True)
class Speed:
    """Speed of training a config on this machine, measured on a few batches of noise.

    Attributes:
        samples_per_s: while training.
        epoch_seconds: of a whole epoch, with its validation.
    """

    samples_per_s: float
    epoch_seconds: float

    @classmethod
    def of(cls, per_sample: float, train: int, validation: int) -> "Speed":
        """The speed from the seconds of training on one sample, and the numbers of samples."""
        return cls(1 / per_sample, per_sample * (train + validation * FORWARD_SHARE))


def measure_speed(
    config: Config,
    *,
    budget: float = 0.5,
    cancelled: Callable[[], bool] = lambda: False,
) -> Speed | None:
    """Measure the speed of training on noise, within a budget.

    Args:
        config: the config to be trained.
        budget: seconds to spend, after a first batch.
        cancelled: polled before every batch; true ends the measurement.

    Returns:
        None if it was cancelled.
    """
    info = config.dataset_info
    size = min(config.train.batch_size, _LARGEST)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (size, *info.image_shape), dtype=np.uint8)
    split = Split(images, rng.integers(0, len(info.classes), size))
    batches = Batches(
        split,
        range(size),
        size,
        seed=0,
        shuffle=False,
        mean=info.mean,
        std=info.std,
        micro_batch=config.train.micro_batch,
    )
    with Workers(config.train.workers) as workers:
        trainer = Trainer(
            factory.make_model(config),
            factory.make_loss(config),
            factory.make_optimizer(config),
            seed=0,
            workers=workers,
        )
        trainer.optimizer.lr = 0.0  # only the time counts, and noise must not make it diverge
        seconds, steps = 0.0, 0
        for attempt in range(1_000):
            if cancelled():
                return None
            began = time.perf_counter()
            trainer.step(batches, 0, 0)
            took = time.perf_counter() - began
            if attempt == 0 and took < budget:
                continue  # the first one allocates scratch memory
            seconds, steps = seconds + took, steps + 1
            if seconds >= budget:
                break
    return Speed.of(seconds / (steps * size), *split_sizes(config))


def split_sizes(config: Config) -> tuple[int, int]:
    """The numbers of samples for training and for validation."""
    samples = config.data.limit or config.dataset_info.train_size
    held = config.data.validation
    validation = held if isinstance(held, int) else round(samples * held)
    return samples - validation, validation


def memory_bytes(config: Config) -> int:
    """A rough estimate of the memory of training: data set, weights, their state, one batch.

    The interpreter and its libraries come on top of it.
    """
    info = config.dataset_info
    model = build(config.specs, info.image_shape)
    images = (info.train_size + info.test_size) * math.prod(info.image_shape)
    train = config.train
    return images + training_bytes(
        model, info.image_shape, train.batch_size, train.workers, train.micro_batch
    )
