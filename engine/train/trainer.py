"""Optimizer steps, and evaluations: each batch split over micro-batches and workers.

How a batch is split, which random numbers each piece gets and in which order the pieces are
summed depends on the batch alone. Any number of workers gives the same bits.

The workers go from one batch to the next by themselves: each sums up the gradients, and updates
the parameters, of its part of the vector. Whoever gave the order is not needed between two
batches, and may be late: its thread shares the interpreter lock with the screen.
"""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from engine import metrics
from engine.arrays import Array
from engine.data import Batches
from engine.errors import Diverged
from engine.layers import Layer, Sequential
from engine.losses import Loss
from engine.optim import Optimizer
from engine.optim.clipping import DOT_LENGTH, clip_factor, norm_of, square_sums
from engine.optim.parameters import FlatParameters, share_buffers, share_slots
from engine.parallel.group import ProcessGroup, in_order
from engine.parallel.micro_batches import micro_batches, tree_sum
from engine.parallel.processes import WorkerPool
from engine.parallel.threads import Group
from engine.parallel.workers import WORTH_PROCESSES, Workers
from engine.rng import Purpose, stream
from engine.train.results import Evaluation, StepResult
from engine.train.snapshot import Snapshot, dead_shares, take_snapshot


@dataclass(frozen=True)
class _Order:
    """Batches to compute, in words that another process understands.

    Attributes:
        source: where they come from.
        epoch, first: the first of them.
        rates: the learning rate of each batch that is trained on; none for one to evaluate.
        t: optimizer steps before the first.
        inspect: also look for dead ReLUs.
    """

    source: int
    epoch: int
    first: int
    rates: tuple[float, ...] = ()
    t: int = 0
    inspect: bool = False


@dataclass
class _Trained:
    """What comes of an order to train.

    Attributes:
        results: of the batches that were trained on.
        bad: the loss of the batch after them, if it or its gradient is not finite.
        dead: the share of dead channels of every ReLU in the last batch, if it was asked for.
    """

    results: list[StepResult] = field(default_factory=list)
    bad: float | None = None
    dead: dict[str, float] = field(default_factory=dict)


class Trainer:
    """Trains one network; knows nothing of epochs, files or screens.

    Args:
        model: an initialised network. Its parameters become views of one vector.
        loss: a fresh loss; every micro-batch works with a copy.
        optimizer: what to do with the gradients.
        seed: of the dropout and augmentation streams.
        workers: how many micro-batches compute at once.
        clip_norm: largest norm of all gradients together, or None.

    Worker processes know all of this as it is when training begins; later only the optimizer's
    ``lr`` and ``t`` reach them.
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
        self._needs_sync = any(layer.needs_sync for layer in model.walk())
        self._loss = loss
        self._buffers = share_buffers(model)
        share_slots(optimizer, self.parameters)
        self._replicas: list[Sequential] = []
        self._layers: list[list[Layer]] = []
        self._losses: list[Loss] = []
        self._gradients: list[Array] = []
        self._sources: list[Batches] = []
        self._multiply_adds: list[int] = []  # of one image of each source, forward
        self._pool: WorkerPool[Any] | None = None

    def step(
        self,
        batches: Batches,
        epoch: int,
        step: int,
        *,
        inspect: bool = False,
        check: Callable[[], None] = lambda: None,
    ) -> tuple[StepResult, Snapshot | None]:
        """Train on one batch, at the optimizer's learning rate.

        Args:
            batches: where the samples come from.
            epoch, step: which batch; they also key its random streams.
            inspect: also take a snapshot of weights, gradients and activations.
            check: called again and again meanwhile, in any thread; may raise to stop at once. The
                parameters may be half updated then.

        Raises:
            Diverged: before anything was updated.
        """
        before = self.parameters.vector.copy() if inspect else None
        done = self._order_training(batches, epoch, step, [self.optimizer.lr], check, inspect)
        if before is None:
            return done.results[0], None
        snapshot = take_snapshot(self.model, self.parameters, self._gradients[0], before, done.dead)
        return done.results[0], snapshot

    def steps(
        self, batches: Batches, epoch: int, first: int, rates: Sequence[float]
    ) -> list[StepResult]:
        """Train on some batches in a row.

        Args:
            batches: where the samples come from.
            epoch, first: the first batch.
            rates: the learning rate of each.

        Returns:
            The results of the batches that were trained on, at least one. It may be fewer than
            there are rates: a batch of another size is left for the next call, as is one that
            diverges, which that call then says.

        Raises:
            Diverged: in the first batch, before anything was updated.
        """
        size = len(batches.batch_indices(epoch, first))
        count = 1
        while count < len(rates) and len(batches.batch_indices(epoch, first + count)) == size:
            count += 1
        return self._order_training(batches, epoch, first, rates[:count]).results

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
            parts += in_order(*self._carry_out(_Order(source, 0, step), check))
            done += len(batches.batch_indices(0, step))
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

    # -- orders: carried out in this process or in others ---------------------------------------

    def _order_training(
        self,
        batches: Batches,
        epoch: int,
        first: int,
        rates: Sequence[float],
        check: Callable[[], None] = lambda: None,
        inspect: bool = False,
    ) -> _Trained:
        optimizer = self.optimizer
        t = optimizer.t
        order = _Order(self._source(batches), epoch, first, tuple(rates), t, inspect)
        done: _Trained = self._carry_out(order, check)[0]
        # The workers had their own.
        optimizer.t, optimizer.lr = t + len(done.results), rates[max(len(done.results) - 1, 0)]
        if done.bad is not None and not done.results:
            source = self._first_non_finite(order)
            finite = math.isfinite(done.bad)
            what = "the gradient is not finite" if finite else f"the loss is {done.bad}"
            raise Diverged(what, epoch, first, rates[0], source)
        return done

    def _carry_out(self, order: _Order, check: Callable[[], None]) -> list[Any]:
        """What ``_task`` makes of an order, from everybody who carries it out."""
        samples = self._samples(order, order.first)
        size = len(micro_batches(len(samples)))
        self._grow(size)
        work = len(samples) * self._multiply_adds[order.source]
        if work * (3 if order.rates else 1) >= WORTH_PROCESSES and size > 1:
            if self._pool is None or self._pool.closed:
                self._pool = self.workers.pool(self._task)
            if self._pool is not None:
                return self._pool.run(order, size, check)
        return [self._task(order, self.workers.group, check)]

    def _task(
        self, order: _Order, group: ProcessGroup, check: Callable[[], None] = lambda: None
    ) -> Any:
        """An order as every member of a group carries it out."""
        if order.rates:
            return self._train(order, group, check)
        pieces = micro_batches(len(self._samples(order, order.first)))
        return group.map(partial(self._evaluate, order, check), len(pieces))

    def _train(self, order: _Order, group: ProcessGroup, check: Callable[[], None]) -> _Trained:
        """Train on batch after batch: gradients of the micro-batches, their sum, the update."""
        done = _Trained()
        optimizer, vector = self.optimizer, self.parameters.vector
        optimizer.t = order.t
        own = group.share(-(-vector.size // DOT_LENGTH))
        part = slice(own.start * DOT_LENGTH, own.stop * DOT_LENGTH)
        for step, lr in enumerate(order.rates, order.first):
            optimizer.lr = lr
            samples = self._samples(order, step)
            pieces = micro_batches(len(samples))
            buffers = [array.copy() for array in self._buffers]
            learn = partial(self._learn, order, step, check)
            parts = in_order(group.all_gather(group.map(learn, len(pieces), sync=self._needs_sync)))
            total = math.fsum(loss for loss, _, _ in parts)
            with np.errstate(over="ignore", invalid="ignore"):
                gradient = tree_sum([vector[part] for vector in self._gradients[: len(pieces)]])
            norm = norm_of(group.all_gather(square_sums(gradient)))
            if not (math.isfinite(total) and math.isfinite(norm)):
                if group.index == 0:
                    self._put_back(buffers)
                done.bad = total
                break
            if self.clip_norm is not None and (factor := clip_factor(norm, self.clip_norm)) < 1:
                gradient *= factor
            optimizer.step({"": vector}, {"": self._gradients[0]}, part)
            done.results.append(StepResult(total, sum(n for _, n, _ in parts), len(samples), norm))
            done.dead = parts[0][2]
            group.all_gather([])  # nobody goes on before all parameters are updated
        return done

    def _learn(
        self, order: _Order, step: int, check: Callable[[], None], i: int, group: Group
    ) -> tuple[float, int, dict[str, float]]:
        """One micro-batch: its part of the loss, how many are correct, the share of dead ReLUs.

        Its gradients are in its replica.
        """
        check()
        replica, loss = self._replicas[i].train(), self._losses[i]
        # In here, since what errstate says holds for the thread that says it.
        with _numbers_of_any_kind():
            piece, share = self._piece(order, step, i)
            x, labels = self._begin(order, step, i, group, piece)
            logits = replica.forward(x)
            value = loss.forward(logits, loss.target(labels, logits.shape[1], logits.dtype))
            replica.backward(loss.backward() * share)
            dead = dead_shares(replica) if order.inspect and i == 0 else {}
            replica.release()
        return value * share, int(metrics.correct(logits, labels).sum()), dead

    def _evaluate(
        self, order: _Order, check: Callable[[], None], i: int, group: Group
    ) -> tuple[Array, Array, float]:
        """One micro-batch: its logits, labels and summed loss."""
        check()
        replica = self._replicas[i].eval()
        with _numbers_of_any_kind():
            piece, _ = self._piece(order, order.first, i)
            x, labels = self._sources[order.source].load(piece)
            logits = replica.forward(x)
            replica.release()
            loss = self._losses[i]
            target = loss.target(labels, logits.shape[1], logits.dtype)
            value = loss.forward(logits, target)
        return logits, labels, value * len(labels)

    def _put_back(self, buffers: Sequence[Array]) -> None:
        for array, before in zip(self._buffers, buffers, strict=True):
            array[...] = before

    def _samples(self, order: _Order, step: int) -> Array:
        """The indices of a batch."""
        return self._sources[order.source].batch_indices(order.epoch, step)

    def _piece(self, order: _Order, step: int, i: int) -> tuple[Array, float]:
        """The samples of a micro-batch, and its share of the batch."""
        indices = self._samples(order, step)
        piece = indices[micro_batches(len(indices))[i]]
        return piece, len(piece) / len(indices)

    def _begin(
        self, order: _Order, step: int, i: int, group: Group, piece: Array
    ) -> tuple[Array, Array]:
        """Images and labels of a training micro-batch, its replica ready for them."""
        where = self.seed, order.epoch, step, i
        rng = stream(Purpose.DROPOUT, *where)
        for layer in self._layers[i]:
            layer.group = group
            layer.use_rng(rng)
        return self._sources[order.source].load(piece, stream(Purpose.AUGMENT, *where))

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
        """The next batch needs a pool that knows more than this one."""
        if self._pool is not None:
            self._pool.close()

    def _first_non_finite(self, order: _Order) -> str | None:
        """What first is not finite when its first batch is run forward once more."""
        layers = list(self.model)
        buffers = [array.copy() for array in self._buffers]

        def task(i: int, group: Group) -> int:
            piece, _ = self._piece(order, order.first, i)
            with _numbers_of_any_kind():
                x, _ = self._begin(order, order.first, i, group, piece)
                first = len(layers) if np.isfinite(x).all() else -1
                for k, layer in enumerate(self._replicas[i].train()):  # all: others may wait
                    x = layer.forward(x)
                    if not np.isfinite(x).all():
                        first = min(first, k)
            self._replicas[i].release()
            return first

        pieces = micro_batches(len(self._samples(order, order.first)))
        first = min(in_order(self.workers.group.map(task, len(pieces), sync=True)))
        self._put_back(buffers)
        if first == len(layers):
            return None
        return f"layer {first} {layers[first]!r}" if first >= 0 else "the images"


def _numbers_of_any_kind() -> np.errstate:
    """Numbers that are not finite raise no warning: they are looked for."""
    return np.errstate(over="ignore", invalid="ignore", divide="ignore")
