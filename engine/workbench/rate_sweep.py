"""The learning rate range test: a short training whose rate grows with every batch.

At first the rate is too small to change anything, then the loss falls, and at last it rises: the
network diverges. Between lie the rates to train with.

Sources: L. N. Smith, "Cyclical Learning Rates for Training Neural Networks" (2017), section 3.3;
S. Gugger, "How Do You Find A Good Learning Rate" (2018), for the exponential growth, the smoothing
and the end.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from engine.arrays import Array
from engine.config import Config
from engine.data import Dataset
from engine.errors import ConfigError
from engine.parallel.workers import Workers
from engine.train import factory
from engine.train.trainer import Trainer

LEAST_STEPS, MOST_STEPS = 20, 10_000
STOP_AT = 4.0
"""How many times the lowest smoothed loss ends the sweep."""
MARGIN = 10.0
"""How far below the rate of the lowest loss the suggestion is."""
_NEAR = 0.02
"""Share of the fall that may be missing where the loss counts as lowest: a plateau has no minimum
but for chance, and its beginning is meant."""
_LEAST_FALL = 0.02
_NOISE = 4.0
"""A fall counts if it is this share of the loss, and so many times the noise of the curve."""


@dataclass(frozen=True)
class RateRange:
    """The rates of a sweep: from ``low`` to ``high`` in ``steps`` equal factors.

    Raises:
        ConfigError: a number is out of its range.
    """

    low: float = 1e-6
    high: float = 10.0
    steps: int = 100

    def __post_init__(self) -> None:
        if not 0 < self.low < math.inf:
            raise ConfigError(f"from: expected a learning rate above 0, got {self.low:g}")
        if not self.low < self.high < math.inf or self.high / self.low < MARGIN:
            raise ConfigError(
                f"to: expected at least {MARGIN:g} times the first rate, {self.low:g}; "
                f"got {self.high:g}"
            )
        if not LEAST_STEPS <= self.steps <= MOST_STEPS:
            raise ConfigError(
                f"steps: expected {LEAST_STEPS} to {MOST_STEPS:,} batches, got {self.steps:,}"
            )

    def rate(self, step: int) -> float:
        """The learning rate of a batch, counted from 0."""
        return self.low * (self.high / self.low) ** (step / (self.steps - 1))

    @property
    def memory(self) -> float:
        """How much of the smoothed loss is kept at a batch: it averages a tenth of the sweep."""
        return 1 - LEAST_STEPS / self.steps


@dataclass(frozen=True)
class RatePoint:
    """One batch of a sweep.

    Attributes:
        lr: its learning rate.
        loss: of the batch, before the step at this rate.
        smoothed: the exponential mean of all losses so far, with Adam's correction for its start.
    """

    lr: float
    loss: float
    smoothed: float


def sweep(
    config: Config,
    dataset: Dataset,
    workers: Workers,
    rates: RateRange,
    check: Callable[[], None] = lambda: None,
) -> Iterator[RatePoint]:
    """Train the config's first weights on its own batches, with a rate that grows.

    Model, loss, augmentation, optimizer, clipping, batch size and seed are the config's, and a
    step is the ``Trainer``'s, so that any number of workers gives the same bits. Schedule and
    warm-up are left out: they are rates, too. After the last batch of the data set comes the
    second epoch. Nothing is written.

    Args:
        config: what would be trained.
        dataset: the config's.
        workers: how many micro-batches compute at once.
        rates: of the sweep.
        check: called again and again, in any thread; may raise to stop.

    Yields:
        A point for every batch, until the loss is ``STOP_AT`` times the lowest.

    Raises:
        Diverged: loss or gradient are not finite numbers any more.
        ConfigError: there are too few samples.
        CheckpointError: the weights to begin with cannot be had.
    """
    batches, _ = factory.training_batches(config, dataset)
    optimizer = factory.make_optimizer(config)
    trainer = Trainer(
        factory.make_starting_model(config, batches),
        factory.make_loss(config, batches.class_counts(len(dataset.classes))),
        optimizer,
        seed=config.seed,
        workers=workers,
        clip_norm=config.train.clip_norm,
    )
    mean, best = 0.0, math.inf
    for step in range(rates.steps):
        optimizer.lr = rates.rate(step)
        result, _ = trainer.step(batches, *divmod(step, batches.steps_per_epoch), check=check)
        mean += (1 - rates.memory) * (result.loss - mean)
        smoothed = mean / (1 - rates.memory ** (step + 1))
        yield RatePoint(optimizer.lr, result.loss, smoothed)
        if step > 1 and smoothed > best + (STOP_AT - 1) * abs(best):
            return
        best = min(best, smoothed)


@dataclass(frozen=True)
class Reading:
    """What a sweep says about its rates.

    Attributes:
        start: the mean loss of the first batches.
        lowest: the smoothed loss at its lowest.
        fell: whether it fell by more than chance.
        lowest_lr: the first rate at which the loss is as good as lowest.
        steepest_lr: where it falls most for the same factor of the rate; None if that cannot be
            told, since the fall is over at once.
        still_falling: whether that is at the end of the range, so that larger rates may be better.
    """

    start: float
    lowest: float
    fell: bool
    lowest_lr: float
    steepest_lr: float | None
    still_falling: bool

    @property
    def ceiling(self) -> float:
        """The highest loss that is worth showing: a little above that of the beginning."""
        return self.start + max(0.3 * (self.start - self.lowest), 0.05 * abs(self.start))

    @property
    def suggestion(self) -> float:
        """A tenth of ``lowest_lr``, in two digits.

        The rate of the lowest loss is on the verge of diverging, and a sweep is at each rate for
        a few batches only, while a training stays there.
        """
        return float(f"{self.lowest_lr / MARGIN:.1e}")


def read(points: Sequence[RatePoint], rates: RateRange) -> Reading | None:
    """Read the curve of a sweep; None if it has fewer than three points.

    Args:
        points: of the sweep; all of them are finite.
        rates: that it was made with.
    """
    if len(points) < 3:
        return None
    smoothed = np.array([point.smoothed for point in points])
    bottom = int(smoothed.argmin())
    losses = np.array([point.loss for point in points[: bottom + 1]])
    head = losses[: rates.steps // 10]
    start, lowest = float(head.mean()), float(smoothed[bottom])
    fall = start - lowest
    near = int((smoothed <= lowest + _NEAR * max(fall, 0.0)).argmax())
    # Both the start and the lowest smoothed loss are means of batches, which differ by chance.
    share = (1 - rates.memory) / (1 + rates.memory)
    noise = _noise(losses) * math.sqrt(share + 1 / len(head))
    slopes = _slopes(smoothed[: bottom + 1], max(rates.steps // 20, 1))
    return Reading(
        start,
        lowest,
        fall > max(_LEAST_FALL * abs(start), _NOISE * noise),
        points[near].lr,
        points[int(slopes.argmin())].lr if slopes.min() < 0 else None,
        near >= rates.steps - 1 - rates.steps // 20,
    )


def _noise(losses: Array) -> float:
    """The standard deviation of a batch's loss, from the median step between two batches.

    A step is the difference of two such losses, so that its deviation is √2 as large; the median
    of a normal distribution's absolute values is 0.6745 of the deviation.
    """
    if len(losses) < 2:
        return 0.0
    return float(np.median(np.abs(np.diff(losses)))) / (0.6745 * math.sqrt(2))


def _slopes(values: Array, reach: int) -> Array:
    """The slope of the least-squares line through each value and ``reach`` neighbours each side.

    The offsets from a value sum to 0, so the slope is Σ k·y / Σ k², (N,); near the ends, where
    neighbours are missing, it is 0.
    """
    slopes = np.zeros(len(values))
    offsets = np.arange(-reach, reach + 1)
    if len(values) >= len(offsets):
        windows = np.lib.stride_tricks.sliding_window_view(values, len(offsets))
        slopes[reach : len(values) - reach] = windows @ offsets / (offsets @ offsets)
    return slopes
