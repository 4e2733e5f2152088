"""Measure how fast networks train and predict on this machine."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from engine.arrays import Shape
from engine.data import DATASETS, Batches
from engine.errors import ConfigError
from engine.inspection.profiler import (
    LayerTime,
    frozen_trainer,
    layer_times,
    median_seconds,
    noise,
    product_peak,
    product_share,
)
from engine.layers import Sequential
from engine.models import PRESETS, build, preset
from engine.models.inference import Predictor
from engine.parallel.micro_batches import MICRO_BATCH
from engine.parallel.workers import Workers, usable_cores
from engine.runs.environment import environment

CLASSES = 10
INFERENCE = (1, 32, 512)
"""Batch sizes of inference."""
GROWTH = (16, 64, 256, 1024)
"""Batch sizes that show how the cost of a training sample changes."""


@dataclass(frozen=True)
class Machine:
    """The machine, and the peak FLOP/s of its matrix product by number of threads."""

    environment: dict[str, Any]
    peak: dict[int, float]


@dataclass(frozen=True)
class Network:
    """A preset, before it is measured."""

    preset: str
    image_shape: Shape
    parameters: int


@dataclass(frozen=True)
class TrainingSpeed:
    """Training samples a second by number of workers.

    Attributes:
        product_share: share of a step on one worker that matrix products take.
        product_flops: FLOP/s of these products.
    """

    preset: str
    batch: int
    samples_per_s: dict[int, float]
    product_share: float
    product_flops: float


@dataclass(frozen=True)
class InferenceSpeed:
    """Predicted samples a second by batch size."""

    preset: str
    samples_per_s: dict[int, float]


@dataclass(frozen=True)
class LayerSpeeds:
    """Seconds of every layer, for a micro-batch on one worker."""

    preset: str
    samples: int
    layers: Sequence[LayerTime]


@dataclass(frozen=True)
class Growth:
    """Seconds of a training sample by batch size."""

    preset: str
    seconds: dict[int, float]


Measurement = Machine | Network | TrainingSpeed | InferenceSpeed | LayerSpeeds | Growth


def benchmark(
    presets: Sequence[str] | None = None,
    *,
    batch: int = 128,
    workers: int | None = None,
    budget: float = 0.4,
    progress: Callable[[str, int, int], None] = lambda label, done, total: None,
    check: Callable[[], None] = lambda: None,
) -> Iterator[Measurement]:
    """Measure presets on noise: training, inference, each layer, and the peak to compare with.

    Args:
        presets: names of ``engine.models.PRESETS``; None for all.
        batch: samples of a training step.
        workers: micro-batches computed at once; None for the number of usable cores.
        budget: approximate seconds for each figure.
        progress: called before every figure, with its name, the figures done, and the total.
        check: called before every figure; may raise to stop.

    Raises:
        ConfigError: a preset or a number is not valid.
    """
    workers = usable_cores() if workers is None else workers
    for name, value, least in (("batch", batch, 2), ("workers", workers, 1)):
        if value < least:
            raise ConfigError(f"{name}: got {value}, expected at least {least}")
    networks = {name: make_network(name) for name in presets or PRESETS}
    each = len({1, workers}) + 1 + len(INFERENCE) + 1 + len(GROWTH)
    total, done = 1 + each * len(networks), 0

    def begin(figure: str) -> None:
        nonlocal done
        check()
        progress(figure, done, total)
        done += 1

    yield _machine(workers, budget, begin)
    for name, (model, shape) in networks.items():
        yield Network(name, shape, model.count_parameters())
        run = _Benchmark(name, model, shape, batch, workers, budget, begin)
        yield run.training()
        yield run.inference()
        yield run.layers()
        yield run.growth()


def make_network(name: str) -> tuple[Sequential, Shape]:
    """A preset with fresh weights, and the shape of its images.

    Raises:
        ConfigError: there is no preset of that name.
    """
    specs = preset(name, CLASSES)
    shape = DATASETS["cifar10" if name.endswith("cifar10") else "mnist"].image_shape
    return build(specs, shape).initialise(np.random.default_rng(0)), shape


def _machine(workers: int, budget: float, begin: Callable[[str], None]) -> Machine:
    begin("matrix products")
    peaks = {}
    for threads in sorted({1, workers}):
        with threadpool_limits(threads, user_api="blas"):
            peaks[threads] = product_peak(budget)
    return Machine(environment(), peaks)


@dataclass(frozen=True)
class _Benchmark:
    """The figures of one preset; ``begin`` is called before each."""

    name: str
    model: Sequential
    shape: Shape
    batch: int
    workers: int
    budget: float
    begin: Callable[[str], None]

    def training(self) -> TrainingSpeed:
        batches = noise(self.shape, CLASSES, self.batch)
        rates = {}
        for count in sorted({1, self.workers}):
            self.begin(f"{self.name}: training, workers {count}")
            rates[count] = self.batch / self._step_seconds(batches, count)
        self.begin(f"{self.name}: matrix products of a step")
        share = product_share(self.model, batches, self.budget)
        return TrainingSpeed(self.name, self.batch, rates, share.share, share.flops_per_s)

    def inference(self) -> InferenceSpeed:
        rates = {}
        with Workers(self.workers) as workers:
            predictor = Predictor(self.model, workers)
            for n in INFERENCE:
                self.begin(f"{self.name}: inference, batch {n}")
                x = np.random.default_rng(0).standard_normal((n, *self.shape), np.float32)
                rates[n] = n / median_seconds(partial(predictor.logits, x), self.budget)
        return InferenceSpeed(self.name, rates)

    def layers(self) -> LayerSpeeds:
        self.begin(f"{self.name}: layers")
        n = min(self.batch, MICRO_BATCH)
        x, labels = noise(self.shape, CLASSES, self.batch).load(np.arange(n))
        with Workers(1):
            return LayerSpeeds(self.name, n, layer_times(self.model, x, labels, self.budget))

    def growth(self) -> Growth:
        seconds = {}
        for batch in GROWTH:
            self.begin(f"{self.name}: batch {batch}")
            batches = noise(self.shape, CLASSES, batch)
            seconds[batch] = self._step_seconds(batches, self.workers) / batch
        return Growth(self.name, seconds)

    def _step_seconds(self, batches: Batches, count: int) -> float:
        with Workers(count) as workers:
            trainer = frozen_trainer(self.model, workers)
            return median_seconds(lambda: trainer.step(batches, 0, 0), self.budget)
