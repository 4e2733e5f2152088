"""One optimizer step, and one evaluation: the batch split over micro-batches and workers.

How a batch is split, which random numbers each piece gets and in which order the pieces are
summed depends on the batch alone. Any number of workers gives the same bits.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from engine import metrics
from engine.data import Batches
from engine.errors import RunError
from engine.kernels.workers import Rank, Workers, micro_batches, tree_sum
from engine.layers import Layer, Sequential
from engine.losses import Loss, SoftmaxCrossEntropy
from engine.optim import Optimizer, clip_grad_norm, global_norm
from engine.seeds import Purpose, stream
from engine.train.flat import FlatParameters
from engine.train.snapshot import Snapshot, take_snapshot

Array = np.ndarray
T = TypeVar("T")


class Diverged(RunError):
    """The loss or the gradient is no longer a finite number; no parameter was changed.

    Args:
        what: what is not finite.
        epoch, step: where, both from 0; no step if it was seen after the epoch's last one.
        lr: the learning rate of that step.
        source: what first was not finite, ``layer 3 Conv2D(6→16, k=5)`` or ``the images``; None
            if only gradients are not, or nobody knows.
    """

    def __init__(
        self, what: str, epoch: int, step: int | None, lr: float, source: str | None = None
    ) -> None:
        self.epoch, self.step, self.lr, self.source = epoch, step, lr, source
        batch = "after its last batch" if step is None else f"batch {step + 1}"
        first = f"; first not finite: {source}" if source else ""
        super().__init__(
            f"diverged in epoch {epoch + 1}, {batch}, at learning rate {lr:g}: "
            f"{what}{first}. Try a smaller lr, or train.clip_norm"
        )


@dataclass(frozen=True)
class StepResult:
    """What one optimizer step tells.

    Attributes:
        loss: mean over the batch, before the step.
        correct: how many samples were classified correctly, before the step.
        samples: how many there were.
        grad_norm: of all gradients together, before clipping.
    """

    loss: float
    correct: int
    samples: int
    grad_norm: float


@dataclass(frozen=True)
class Evaluation:
    """What a network makes of a set of samples.

    Attributes:
        loss: mean over the samples.
        acc: share of samples classified correctly.
        predictions: class indices (N,), ``metrics.NO_PREDICTION`` where a logit is NaN.
        labels: class indices (N,).
        top5: share of samples whose class is among the five likeliest.
    """

    loss: float
    acc: float
    predictions: Array
    labels: Array
    top5: float


class Trainer:
    """Trains one network; knows nothing of epochs, files or screens.

    Args:
        model: an initialised network. Its parameters become views of one vector.
        loss: a fresh loss; every micro-batch works with a copy.
        optimizer: what to do with the gradients.
        seed: of the dropout and augmentation streams.
        workers: how many micro-batches compute at once.
        clip_norm: largest norm of all gradients together, or None.
    """

    def __init__(
        self,
        model: Sequential,
        loss: Loss,
        optimizer: Optimizer,
        *,
        seed: int,
        workers: Workers,
        clip_norm: float | None = None,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.seed = seed
        self.workers = workers
        self.clip_norm = clip_norm
        self.parameters = FlatParameters(model)
        model.layers[0].needs_dx = False
        self._loss = loss
        self._buffers = list(model.named_buffers().values())
        self._replicas: list[Sequential] = []
        self._layers: list[list[Layer]] = []
        self._losses: list[Loss] = []
        self._gradients: list[Array] = []

    def step(
        self,
        batches: Batches,
        epoch: int,
        step: int,
        *,
        inspect: bool = False,
        check: Callable[[], None] = lambda: None,
    ) -> tuple[StepResult, Snapshot | None]:
        """Train on one batch.

        Args:
            batches: where the samples come from.
            epoch, step: which batch; they also key its random streams.
            inspect: also take a snapshot of weights, gradients and activations.
            check: called before every micro-batch, in the threads; may raise to stop at once.

        Raises:
            Diverged: before anything was updated.
        """
        indices = batches.batch_indices(epoch, step)
        pieces = micro_batches(len(indices))
        self._grow(len(pieces))
        buffers = [array.copy() for array in self._buffers]

        def task(i: int, rank: Rank) -> tuple[float, int]:
            check()
            replica, loss = self._replicas[i], self._losses[i]
            piece = indices[pieces[i]]
            x, labels = self._begin(i, rank, batches, piece, epoch, step)
            logits = replica.forward(x)
            value = loss.forward(logits, self._target(logits, labels))
            share = len(piece) / len(indices)
            replica.backward(loss.backward() * share)
            if not inspect:
                replica.release()
            return value * share, int(metrics.correct(logits, labels).sum())

        parts = self._map(task, len(pieces))
        total = math.fsum(loss for loss, _ in parts)
        with np.errstate(over="ignore", invalid="ignore"):
            gradient = {"": tree_sum(self._gradients[: len(pieces)])}
        norm = global_norm(gradient)
        if not (math.isfinite(total) and math.isfinite(norm)):
            what = "the gradient is not finite" if math.isfinite(total) else f"the loss is {total}"
            source = self._first_non_finite(batches, indices, epoch, step)
            for array, before_step in zip(self._buffers, buffers, strict=True):
                array[...] = before_step
            raise Diverged(what, epoch, step, self.optimizer.lr, source)
        if self.clip_norm is not None:
            clip_grad_norm(gradient, self.clip_norm)
        before = self.parameters.vector.copy() if inspect else None
        self.optimizer.step({"": self.parameters.vector}, gradient)
        result = StepResult(total, sum(n for _, n in parts), len(indices), norm)
        if before is None:
            return result, None
        snapshot = take_snapshot(
            self.model, self._replicas[0], self.parameters, gradient[""], before
        )
        for replica in self._replicas:
            replica.release()
        return result, snapshot

    def evaluate(
        self,
        batches: Batches,
        on_progress: Callable[[int, int], None] | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> Evaluation:
        """Loss and predictions for samples in their order; no parameter or buffer changes.

        Args:
            batches: the samples, not shuffled.
            on_progress: called with samples done and in all; may raise to stop.
            check: called before every micro-batch, in the threads; may raise to stop at once.
        """
        parts: list[tuple[Array, Array, float]] = []
        done, total = 0, batches.samples_per_epoch
        try:
            for step in range(batches.steps_per_epoch):
                indices = batches.batch_indices(0, step)
                parts += self._evaluate_batch(batches, indices, check)
                done += len(indices)
                if on_progress is not None:
                    on_progress(done, total)
        finally:
            for replica in self._replicas:
                replica.train()
        logits = np.concatenate([part[0] for part in parts])
        labels = np.concatenate([part[1] for part in parts])
        predictions = metrics.predict(logits)
        return Evaluation(
            loss=math.fsum(loss for _, _, loss in parts) / total,
            acc=float((predictions == labels).mean()),
            predictions=predictions,
            labels=labels,
            top5=metrics.top_k_accuracy(logits, labels, min(5, logits.shape[1])),
        )

    def _evaluate_batch(
        self, batches: Batches, indices: Array, check: Callable[[], None]
    ) -> list[tuple[Array, Array, float]]:
        """Logits, labels and summed loss of every micro-batch."""
        pieces = micro_batches(len(indices))
        self._grow(len(pieces))

        def task(i: int, rank: Rank) -> tuple[Array, Array, float]:
            check()
            replica = self._replicas[i].eval()
            x, labels = batches.load(indices[pieces[i]])
            logits = replica.forward(x)
            replica.release()
            loss = self._losses[i].forward(logits, self._target(logits, labels))
            return logits, labels, loss * len(labels)

        return self._map(task, len(pieces))

    def _begin(
        self, i: int, rank: Rank, batches: Batches, piece: Array, epoch: int, step: int
    ) -> tuple[Array, Array]:
        """Images and labels of a training micro-batch, its replica ready for them."""
        rng = stream(Purpose.DROPOUT, self.seed, epoch, step, i)
        for layer in self._layers[i]:
            layer.rank = rank
            layer.use_rng(rng)
        return batches.load(piece, stream(Purpose.AUGMENT, self.seed, epoch, step, i))

    def _map(self, task: Callable[[int, Rank], T], size: int) -> list[T]:
        """``Workers.map`` without warnings of numbers that are not finite: they are looked for."""

        def quiet(i: int, rank: Rank) -> T:
            # In here, since what errstate says holds for the thread that says it.
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                return task(i, rank)

        return self.workers.map(quiet, size)

    def _target(self, logits: Array, labels: Array) -> Array:
        if isinstance(self._loss, SoftmaxCrossEntropy):
            return labels
        return np.eye(logits.shape[1], dtype=logits.dtype)[labels]

    def _grow(self, size: int) -> None:
        """Have a replica, a loss and a gradient vector for every micro-batch."""
        while len(self._replicas) < size:
            replica = self.model.replica().train()
            self._gradients.append(self.parameters.gradients_of(replica))
            self._replicas.append(replica)
            self._layers.append(list(replica.walk()))
            self._losses.append(copy.copy(self._loss))

    def _first_non_finite(
        self, batches: Batches, indices: Array, epoch: int, step: int
    ) -> str | None:
        """What first is not finite when a training batch is run forward once more."""
        pieces = micro_batches(len(indices))
        layers = list(self.model)

        def task(i: int, rank: Rank) -> int:
            x, _ = self._begin(i, rank, batches, indices[pieces[i]], epoch, step)
            first = len(layers) if np.isfinite(x).all() else -1
            for k, layer in enumerate(self._replicas[i]):  # to the end: others may wait for it
                x = layer.forward(x)
                if not np.isfinite(x).all():
                    first = min(first, k)
            self._replicas[i].release()
            return first

        first = min(self._map(task, len(pieces)))
        if first == len(layers):
            return None
        return f"layer {first} {layers[first]!r}" if first >= 0 else "the images"
