"""One optimizer step, and one evaluation: the batch split over micro-batches and workers.

How a batch is split, which random numbers each piece gets and in which order the pieces are
summed depends on the batch alone. Any number of workers gives the same bits.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine import metrics
from engine.data import Batches
from engine.errors import RunError
from engine.kernels.meeting import Rank
from engine.kernels.team import Team
from engine.kernels.workers import WORTH_A_TEAM, Workers, micro_batches, tree_sum
from engine.layers import Layer, Sequential
from engine.losses import Loss, SoftmaxCrossEntropy
from engine.optim import Optimizer, clip_grad_norm, global_norm
from engine.seeds import Purpose, stream
from engine.train.flat import FlatParameters, share_buffers
from engine.train.snapshot import Snapshot, dead_shares, take_snapshot

Array = np.ndarray


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


@dataclass(frozen=True)
class _Order:
    """One batch to compute, in words that another process understands."""

    source: int
    epoch: int
    step: int
    train: bool
    inspect: bool = False


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
        self._buffers = share_buffers(model)
        self._replicas: list[Sequential] = []
        self._layers: list[list[Layer]] = []
        self._losses: list[Loss] = []
        self._gradients: list[Array] = []
        self._sources: list[Batches] = []
        self._multiply_adds: list[int] = []  # of one image of each source, forward
        self._team: Team[Any] | None = None

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
            check: called again and again meanwhile, in any thread; may raise to stop at once.

        Raises:
            Diverged: before anything was updated.
        """
        order = _Order(self._source(batches), epoch, step, train=True, inspect=inspect)
        samples = len(batches.batch_indices(epoch, step))
        buffers = [array.copy() for array in self._buffers]
        parts = self._compute(order, samples, check)
        total = math.fsum(loss for loss, _, _ in parts)
        with np.errstate(over="ignore", invalid="ignore"):
            gradient = {"": tree_sum(self._gradients[: len(parts)])}
        norm = global_norm(gradient)
        if not (math.isfinite(total) and math.isfinite(norm)):
            what = "the gradient is not finite" if math.isfinite(total) else f"the loss is {total}"
            source = self._first_non_finite(batches, epoch, step)
            for array, before_step in zip(self._buffers, buffers, strict=True):
                array[...] = before_step
            raise Diverged(what, epoch, step, self.optimizer.lr, source)
        if self.clip_norm is not None:
            clip_grad_norm(gradient, self.clip_norm)
        before = self.parameters.vector.copy() if inspect else None
        self.optimizer.step({"": self.parameters.vector}, gradient)
        result = StepResult(total, sum(n for _, n, _ in parts), samples, norm)
        if before is None:
            return result, None
        dead = parts[0][2]
        return result, take_snapshot(self.model, self.parameters, gradient[""], before, dead)

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
            check: called again and again meanwhile, in any thread; may raise to stop at once.
        """
        parts: list[tuple[Array, Array, float]] = []
        done, total = 0, batches.samples_per_epoch
        source = self._source(batches)
        for step in range(batches.steps_per_epoch):
            samples = len(batches.batch_indices(0, step))
            parts += self._compute(_Order(source, 0, step, train=False), samples, check)
            done += samples
            if on_progress is not None:
                on_progress(done, total)
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

    # -- micro-batches: in this process or in others ------------------------------------------

    def _compute(self, order: _Order, samples: int, check: Callable[[], None]) -> list[Any]:
        """What ``_task`` makes of every micro-batch of a batch, in order."""
        size = len(micro_batches(samples))
        self._grow(size)
        work = samples * self._multiply_adds[order.source]
        if work * (3 if order.train else 1) >= WORTH_A_TEAM and size > 1:
            if self._team is None or self._team.closed:
                self._team = self.workers.team(self._task)
            if self._team is not None:
                return self._team.map(order, size, check)

        def task(i: int, rank: Rank) -> Any:
            check()
            return self._task(order, i, rank)

        return self.workers.map(task, size)

    def _task(self, order: _Order, i: int, rank: Rank) -> Any:
        """One micro-batch. Numbers that are not finite raise no warning: they are looked for."""
        # In here, since what errstate says holds for the thread that says it.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            return self._train(order, i, rank) if order.train else self._evaluate(order, i)

    def _train(
        self, order: _Order, i: int, rank: Rank
    ) -> tuple[float, int, dict[str, float] | None]:
        """Its part of the loss, how many are correct, and, to inspect, the share of dead ReLUs.

        Its gradients are in its replica.
        """
        replica, loss = self._replicas[i].train(), self._losses[i]
        piece, share = self._piece(order, i)
        x, labels = self._begin(order, i, rank, piece)
        logits = replica.forward(x)
        value = loss.forward(logits, self._target(logits, labels))
        replica.backward(loss.backward() * share)
        dead = dead_shares(replica) if order.inspect and i == 0 else None
        replica.release()
        return value * share, int(metrics.correct(logits, labels).sum()), dead

    def _evaluate(self, order: _Order, i: int) -> tuple[Array, Array, float]:
        """Its logits, labels and summed loss."""
        replica = self._replicas[i].eval()
        piece, _ = self._piece(order, i)
        x, labels = self._sources[order.source].load(piece)
        logits = replica.forward(x)
        replica.release()
        loss = self._losses[i].forward(logits, self._target(logits, labels))
        return logits, labels, loss * len(labels)

    def _piece(self, order: _Order, i: int) -> tuple[Array, float]:
        """The samples of a micro-batch, and its share of the batch."""
        indices = self._sources[order.source].batch_indices(order.epoch, order.step)
        piece = indices[micro_batches(len(indices))[i]]
        return piece, len(piece) / len(indices)

    def _begin(self, order: _Order, i: int, rank: Rank, piece: Array) -> tuple[Array, Array]:
        """Images and labels of a training micro-batch, its replica ready for them."""
        where = self.seed, order.epoch, order.step, i
        rng = stream(Purpose.DROPOUT, *where)
        for layer in self._layers[i]:
            layer.rank = rank
            layer.use_rng(rng)
        return self._sources[order.source].load(piece, stream(Purpose.AUGMENT, *where))

    def _target(self, logits: Array, labels: Array) -> Array:
        if isinstance(self._loss, SoftmaxCrossEntropy):
            return labels
        return np.eye(logits.shape[1], dtype=logits.dtype)[labels]

    def _source(self, batches: Batches) -> int:
        """The number by which an order names these batches."""
        for number, known in enumerate(self._sources):
            if known is batches:
                return number
        self._sources.append(batches)
        self._multiply_adds.append(self.model.multiply_adds(batches.image_shape))
        self._disband()
        return len(self._sources) - 1

    def _grow(self, size: int) -> None:
        """Have a replica, a loss and a gradient vector for every micro-batch."""
        while len(self._replicas) < size:
            replica = self.model.replica().train()
            self._gradients.append(self.parameters.gradients_of(replica))
            self._replicas.append(replica)
            self._layers.append(list(replica.walk()))
            self._losses.append(copy.copy(self._loss))
            self._disband()

    def _disband(self) -> None:
        """The next batch needs a team that knows more than this one."""
        if self._team is not None:
            self._team.close()

    def _first_non_finite(self, batches: Batches, epoch: int, step: int) -> str | None:
        """What first is not finite when a training batch is run forward once more."""
        order = _Order(self._source(batches), epoch, step, train=True)
        layers = list(self.model)

        def task(i: int, rank: Rank) -> int:
            piece, _ = self._piece(order, i)
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                x, _ = self._begin(order, i, rank, piece)
                first = len(layers) if np.isfinite(x).all() else -1
                for k, layer in enumerate(self._replicas[i].train()):  # all: others may wait
                    x = layer.forward(x)
                    if not np.isfinite(x).all():
                        first = min(first, k)
            self._replicas[i].release()
            return first

        pieces = micro_batches(len(batches.batch_indices(epoch, step)))
        first = min(self.workers.map(task, len(pieces)))
        if first == len(layers):
            return None
        return f"layer {first} {layers[first]!r}" if first >= 0 else "the images"
