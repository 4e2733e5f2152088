"""The program of a worker: orders to train or evaluate, carried out micro-batch by micro-batch.

How a batch is split, which random numbers each piece gets and in which order the pieces are
summed depends on the batch alone. Any number of workers gives the same bits.

The workers of a group go from one batch to the next by themselves: each sums up the gradients,
and updates the parameters, of its part of the vector. The process that gave the order is not
needed between two batches, and may be late: its thread shares the interpreter lock with the
screen.
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
from engine.data.mixing import Mix
from engine.layers import Layer, Sequential
from engine.losses import Loss
from engine.optim import Optimizer
from engine.optim.clipping import DOT_LENGTH, clip_factor, norm_of, square_sums
from engine.optim.groups import whole_matrices
from engine.optim.parameters import FlatParameters, share_buffers, share_slots, spans_of
from engine.optim.slow_weights import SlowWeights
from engine.parallel.group import ProcessGroup, in_order
from engine.parallel.threads import MicroBatchGroup
from engine.rng import Purpose, stream
from engine.train.results import StepResult
from engine.train.snapshot import dead_shares


@dataclass(frozen=True)
class Order:
    """Batches to compute, as values that can be sent to another process.

    Attributes:
        source: the number of their source.
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
class Trained:
    """The result of an order to train.

    Attributes:
        results: of the batches that were trained on.
        bad: the loss of the batch after them, if it or its gradient is not finite.
        dead: the share of dead channels of every ReLU in the last batch, if it was asked for.
    """

    results: list[StepResult] = field(default_factory=list)
    bad: float | None = None
    dead: dict[str, float] = field(default_factory=dict)


class WorkerProgram:
    """One network, and the orders that workers carry out with it.

    Worker processes are forked with all of this; later changes do not reach them, but for the
    parameters, buffers and slots, which are in shared memory, and what is in an order.

    Args:
        model: an initialised network. Its parameters become views of one vector.
        loss: a fresh loss; every micro-batch works with a copy.
        optimizer: the update rule; None to evaluate only.
        seed: of the dropout and augmentation streams.
        clip_norm: largest norm of all gradients together, or None.
        slow: slow weights that follow the parameters, or None.

    Attributes:
        parameters: the vector under the network.
        gradients: a vector for every micro-batch; the first has their sum after a step.
        buffers: the network's, in shared memory.
        version: counts the changes that workers have to be forked anew for.
    """

    def __init__(
        self,
        model: Sequential,
        loss: Loss,
        optimizer: Optimizer | None = None,
        *,
        seed: int = 0,
        clip_norm: float | None = None,
        slow: SlowWeights | None = None,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.seed = seed
        self.clip_norm = clip_norm
        self.parameters = FlatParameters(model)
        self.gradients: list[Array] = []
        self.version = 0
        self._needs_sync = any(layer.needs_sync and not layer.frozen for layer in model.walk())
        self._loss = loss
        self.buffers = share_buffers(model)
        if optimizer is not None:
            model.end_backward_early()
            share_slots(optimizer, self.parameters)
            self._spans = spans_of(
                model, self.parameters, optimizer.groups, matrices=optimizer.takes_matrices
            )
        self._slow = slow
        if slow is not None:
            slow.attach(self.parameters, self.buffers)
        self._replicas: list[Sequential] = []
        self._layers: list[list[Layer]] = []
        self._losses: list[Loss] = []
        self._sources: list[Batches] = []
        self._multiply_adds: list[int] = []  # of one image of each source, forward

    @property
    def state(self) -> list[Array]:
        """The vectors that change with every step: parameters, optimizer's slots, slow weights."""
        found = [self.parameters.vector]
        if self.optimizer is not None:
            found += [vectors[""] for vectors in self.optimizer.slots.values()]
        return found if self._slow is None else [*found, self._slow.vector]

    def source(self, batches: Batches) -> int:
        """The number by which an order names these batches."""
        for number, known in enumerate(self._sources):
            if known is batches:
                return number
        self._sources.append(batches)
        self._multiply_adds.append(self.model.multiply_adds(batches.image_shape))
        self.version += 1
        return len(self._sources) - 1

    def work(self, order: Order) -> int:
        """The multiply-adds of an order's first batch."""
        forward = len(self._samples(order, order.first)) * self._multiply_adds[order.source]
        return forward * (3 if order.rates else 1)

    def prepare(self, order: Order) -> int:
        """Make a replica and a loss for every micro-batch, and a gradient vector to train.

        Returns:
            How many micro-batches there are in the order's first batch.
        """
        size = len(self._split(order, order.first)[1])
        while len(self._replicas) < size:
            replica = self.model.replica().train()
            if self.optimizer is not None:
                self.gradients.append(self.parameters.gradients_of(replica))
            self._replicas.append(replica)
            self._layers.append(list(replica.walk()))
            self._losses.append(copy.copy(self._loss))
            self.version += 1
        return size

    def run(
        self, order: Order, group: ProcessGroup, check: Callable[[], None] = lambda: None
    ) -> Any:
        """Carry out an order as a member of a group.

        Returns:
            ``Trained``, or of an order to evaluate, logits, labels and summed loss of this
            member's micro-batches, numbered.
        """
        if order.rates:
            return self._train(order, group, check)
        _, pieces = self._split(order, order.first)
        return group.map(partial(self._evaluate, order, check), len(pieces))

    def first_non_finite(self, order: Order, group: ProcessGroup) -> str | None:
        """The first layer with an output that is not finite, from another forward pass.

        Args:
            order: its first batch is the input.
            group: its only member is this process.
        """
        layers = list(self.model)
        buffers = [array.copy() for array in self.buffers]

        def task(i: int, threads: MicroBatchGroup) -> int:
            piece, _ = self._piece(order, order.first, i)
            with ignore_fp_errors():
                x, _, _ = self._begin(order, order.first, i, threads, piece)
                first = len(layers) if np.isfinite(x).all() else -1
                for k, layer in enumerate(self._replicas[i].train()):  # all: some all-gather
                    x = layer.forward(x)
                    if not np.isfinite(x).all():
                        first = min(first, k)
            self._replicas[i].release()
            return first

        _, pieces = self._split(order, order.first)
        first = min(in_order(group.map(task, len(pieces), sync=True)))
        self._put_back(buffers)
        if first == len(layers):
            return None
        return f"layer {first} {layers[first]!r}" if first >= 0 else "the images"

    def _train(self, order: Order, group: ProcessGroup, check: Callable[[], None]) -> Trained:
        """Train on the order's batches: gradients of micro-batches, their sum, the update."""
        done = Trained()
        optimizer, vector = self.optimizer, self.parameters.vector
        trained, gradient = self.parameters.trained, self.gradients[0]
        assert optimizer is not None  # without one, there are no orders to train
        optimizer.t = order.t
        own = group.own_part(-(-trained // DOT_LENGTH))
        part = slice(own.start * DOT_LENGTH, min(own.stop * DOT_LENGTH, trained))
        updated = whole_matrices(part, self._spans)
        for step, lr in enumerate(order.rates, order.first):
            optimizer.lr = lr
            samples, pieces = self._split(order, step)
            buffers = [array.copy() for array in self.buffers]
            learn = partial(self._learn, order, step, check)
            parts = in_order(group.all_gather(group.map(learn, len(pieces), sync=self._needs_sync)))
            total = math.fsum(loss for loss, _, _ in parts)
            with np.errstate(over="ignore", invalid="ignore"):
                own_sum = group.sum_of(self.gradients[: len(pieces)], part)
            norm = norm_of(group.gather_of_parts(square_sums(own_sum)))
            if not (math.isfinite(total) and math.isfinite(norm)):
                if group.index == 0:
                    self._put_back(buffers)
                done.bad = total
                break
            if self.clip_norm is not None and (factor := clip_factor(norm, self.clip_norm)) < 1:
                gradient[updated] *= factor
            optimizer.step({"": vector}, {"": gradient}, updated, self._spans, order.epoch)
            if self._slow is not None:
                self._slow.follow(optimizer.t, updated, with_buffers=group.index == 0)
            done.results.append(StepResult(total, sum(n for _, n, _ in parts), len(samples), norm))
            done.dead = parts[0][2]
            group.finish_step()
        return done

    def _learn(
        self, order: Order, step: int, check: Callable[[], None], i: int, group: MicroBatchGroup
    ) -> tuple[float, int, dict[str, float]]:
        """Forward and backward pass of a micro-batch; the gradients are in its replica.

        Returns:
            Its part of the loss, the number of correct predictions, the shares of dead ReLUs.
        """
        check()
        replica, loss = self._replicas[i].train(), self._losses[i]
        # In here, since errstate holds for the thread that sets it.
        with ignore_fp_errors():
            piece, share = self._piece(order, step, i)
            x, labels, mix = self._begin(order, step, i, group, piece)
            logits = replica.forward(x)
            target = loss.target(labels, logits.shape[1], logits.dtype, mix)
            value = loss.forward(logits, target)
            replica.backward(loss.backward() * share)
            dead = dead_shares(replica) if order.inspect and i == 0 else {}
            replica.release()
        return value * share, int(metrics.correct(logits, labels).sum()), dead

    def _evaluate(
        self, order: Order, check: Callable[[], None], i: int, group: MicroBatchGroup
    ) -> tuple[Array, Array, float]:
        """Forward pass of a micro-batch: logits, labels and summed loss."""
        check()
        replica = self._replicas[i].eval()
        with ignore_fp_errors():
            piece, _ = self._piece(order, order.first, i)
            x, labels = self._sources[order.source].load(piece)
            logits = replica.forward(x)
            replica.release()
            loss = self._losses[i].unweighted()
            target = loss.target(labels, logits.shape[1], logits.dtype)
            value = loss.forward(logits, target)
        return logits, labels, value * len(labels)

    def _put_back(self, buffers: Sequence[Array]) -> None:
        for array, before in zip(self.buffers, buffers, strict=True):
            array[...] = before

    def _samples(self, order: Order, step: int) -> Array:
        """The indices of a batch."""
        return self._sources[order.source].batch_indices(order.epoch, step)

    def _split(self, order: Order, step: int) -> tuple[Array, list[slice]]:
        """The indices of a batch, and its micro-batches."""
        samples = self._samples(order, step)
        return samples, self._sources[order.source].pieces(len(samples))

    def _piece(self, order: Order, step: int, i: int) -> tuple[Array, float]:
        """The samples of a micro-batch, and its share of the batch."""
        indices, pieces = self._split(order, step)
        piece = indices[pieces[i]]
        return piece, len(piece) / len(indices)

    def _begin(
        self, order: Order, step: int, i: int, group: MicroBatchGroup, piece: Array
    ) -> tuple[Array, Array, Mix | None]:
        """Images and labels of a training micro-batch, its replica ready for them."""
        where = self.seed, order.epoch, step, i
        rng = stream(Purpose.DROPOUT, *where)
        for layer in self._layers[i]:
            layer.group = group
            layer.use_rng(rng)
        rng = stream(Purpose.AUGMENT, *where)
        return self._sources[order.source].load_mixed(piece, rng, order.epoch)


def ignore_fp_errors() -> np.errstate:
    """Raise no warning for numbers that are not finite: they are looked for."""
    return np.errstate(over="ignore", invalid="ignore", divide="ignore")
