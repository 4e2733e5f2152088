"""Profiler: time of a network's layers and matrix products, measured on noise."""

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.arrays import Array, Shape
from engine.data import Batches, Split
from engine.layers import Layer, Sequential
from engine.losses import SoftmaxCrossEntropy
from engine.optim import Momentum
from engine.parallel.micro_batches import MICRO_BATCH
from engine.parallel.workers import Workers
from engine.train.trainer import Trainer

PRODUCT_SIZE = 1536
"""Rows, columns and depth of the product that the peak is measured with: 9 MB an operand."""


def median_seconds(run: Callable[[], object], budget: float) -> float:
    """The median duration of ``run``, after a first call that only warms up.

    Args:
        run: the function to time.
        budget: seconds to spend, more or less; it runs at least once more.
    """
    run()
    times: list[float] = []
    while sum(times) < budget or not times:
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def noise(
    in_shape: Shape, classes: int, batch: int, steps: int = 1, micro_batch: int = MICRO_BATCH
) -> Batches:
    """Batches of random images (C, H, W) with random labels."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (batch * steps, *in_shape), dtype=np.uint8)
    middle = (0.5,) * in_shape[0]
    return Batches(
        Split(images, rng.integers(0, classes, len(images))),
        np.arange(len(images)),
        batch,
        seed=0,
        shuffle=False,
        mean=middle,
        std=middle,
        micro_batch=micro_batch,
    )


def frozen_trainer(model: Sequential, workers: Workers) -> Trainer:
    """A trainer with a learning rate of 0: all the work of a step, but no weight changes."""
    optimizer = Momentum(lr=1.0)
    optimizer.lr = 0.0
    return Trainer(model, SoftmaxCrossEntropy(), optimizer, seed=0, workers=workers)


@dataclass
class LayerTime:
    """Time and operations of one layer without those inside it: a ``Residual`` only its sums.

    Attributes:
        name: full name in the network (``3.body.0``).
        layer: class and arguments.
        forward, backward: seconds, medians.
        forward_flops, backward_flops: floating-point operations of its matrix products by their
            definition; 0 for a layer without any. (Winograd's convolution does with fewer.)
    """

    name: str
    layer: str
    forward: float
    backward: float
    forward_flops: int
    backward_flops: int


def layer_times(
    model: Sequential, x: Array, labels: Array, budget: float = 0.5
) -> tuple[LayerTime, ...]:
    """Time every layer while training on one micro-batch in this thread, again and again.

    Args:
        model: an initialised network; its running statistics move.
        x: images (N, C, H, W).
        labels: class indices (N,).
        budget: seconds to spend, more or less.
    """
    twin = model.replica().train()
    twin.set_rng(np.random.default_rng(0))
    twin.end_backward_early()
    watch = _Watch()
    named = [
        (name, layer) for name, layer in twin.named_layers() if not isinstance(layer, Sequential)
    ]
    seen = {name: _Seen() for name, _ in named}
    for name, layer in named:
        vars(layer)["forward"] = watch.around(layer.forward, seen[name].forward, seen[name].shapes)
        vars(layer)["backward"] = watch.around(layer.backward, seen[name].backward)
    loss = SoftmaxCrossEntropy()

    def step() -> None:
        loss.forward(twin.forward(x), labels)
        twin.backward(loss.backward())
        twin.release()

    median_seconds(step, budget)
    return tuple(_layer_time(name, layer, seen[name], len(x)) for name, layer in named)


def _layer_time(name: str, layer: Layer, seen: "_Seen", n: int) -> LayerTime:
    flops = 0
    if any(len(shape) > 1 for shape in layer.param_shapes().values()):
        flops = 2 * n * layer.multiply_adds(seen.shapes[0])
    return LayerTime(
        name,
        repr(layer),
        statistics.median(seen.forward[1:]),  # the first one makes the work spaces
        statistics.median(seen.backward[1:] or [0.0]),  # none before the first that is trained
        flops,
        flops * (2 if layer.needs_dx else 1),
    )


@dataclass
class _Seen:
    """Self times of a layer's calls, and the shapes of its inputs without the batch."""

    forward: list[float] = field(default_factory=list)
    backward: list[float] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)


class _Watch:
    """Self times of nested calls."""

    def __init__(self) -> None:
        self._inside = [0.0]

    def around(
        self, method: Callable[[Array], Any], times: list[float], shapes: list[Shape] | None = None
    ) -> Callable[[Array], Any]:
        def timed(argument: Array) -> Any:
            self._inside.append(0.0)
            began = time.perf_counter()
            result = method(argument)
            took = time.perf_counter() - began
            times.append(took - self._inside.pop())
            self._inside[-1] += took
            if shapes is not None:
                shapes.append(argument.shape[1:])
            return result

        return timed


@dataclass
class Products:
    """Count, seconds and operations of matrix products."""

    calls: int = 0
    seconds: float = 0.0
    flops: int = 0


@contextmanager
def counted_products() -> Iterator[Products]:
    """Count and time every ``np.matmul`` of the process inside a ``with``."""
    products, lock, matmul = Products(), threading.Lock(), np.matmul

    def timed(a: Array, b: Array, *args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        out = matmul(a, b, *args, **kwargs)
        took = time.perf_counter() - began
        with lock:
            products.calls += 1
            products.seconds += took
            products.flops += 2 * np.size(out) * np.shape(a)[-1]
        return out

    np.matmul = timed  # type: ignore[assignment]
    try:
        yield products
    finally:
        np.matmul = matmul


@dataclass(frozen=True)
class ProductShare:
    """The matrix products of a training step on one worker.

    Attributes:
        share: of the step's time, from 0 to 1.
        flops_per_s: while they are computed.
    """

    share: float
    flops_per_s: float


def product_share(model: Sequential, batches: Batches, budget: float = 0.5) -> ProductShare:
    """The share of a training step on one worker that is spent in matrix products."""
    with Workers(1) as workers:
        trainer = frozen_trainer(model, workers)
        trainer.step(batches, 0, 0)
        with counted_products() as products:
            began = time.perf_counter()
            median_seconds(lambda: trainer.step(batches, 0, 0), budget)
            took = time.perf_counter() - began
    return ProductShare(products.seconds / took, products.flops / max(products.seconds, 1e-9))


def product_peak(budget: float = 0.5) -> float:
    """Floating-point operations a second of a large float32 matrix product; the best of several.

    On as many threads as BLAS has at the moment.
    """
    a, b = np.random.default_rng(0).standard_normal((2, PRODUCT_SIZE, PRODUCT_SIZE), np.float32)
    out = np.empty_like(a)
    np.matmul(a, b, out=out)
    best, spent = float("inf"), 0.0
    while spent < budget or best == float("inf"):
        began = time.perf_counter()
        np.matmul(a, b, out=out)
        took = time.perf_counter() - began
        best, spent = min(best, took), spent + took
    return 2 * PRODUCT_SIZE**3 / best
