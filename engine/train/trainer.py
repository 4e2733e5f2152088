"""Optimizer steps: gradients of a batch on all workers, their sum, and the update."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from engine.config import Config
from engine.data import Batches
from engine.errors import Diverged
from engine.layers import Sequential
from engine.losses import Loss
from engine.optim import Optimizer
from engine.optim.slow_weights import SlowWeights
from engine.parallel.workers import Workers
from engine.train import factory
from engine.train.evaluator import Evaluator
from engine.train.factory import Sources
from engine.train.results import StepResult
from engine.train.snapshot import OptimizerState, Snapshot, take_snapshot
from engine.train.worker_program import Order, Trained, WorkerProgram


def make_trainer(config: Config, sources: Sources, workers: Workers, *, resumed: bool) -> "Trainer":
    """The trainer of a config.

    Args:
        config: what to train.
        sources: its samples.
        workers: how many micro-batches compute at once.
        resumed: whether the weights come from elsewhere.
    """
    return Trainer(
        factory.model_of_run(config, sources.train, resumed=resumed),
        factory.make_loss(config, sources.class_counts),
        factory.make_optimizer(config),
        seed=config.seed,
        workers=workers,
        clip_norm=config.train.clip_norm,
        slow=factory.make_slow_weights(config, sources.train.steps_per_epoch),
    )


class Trainer(Evaluator):
    """Trains one network batch by batch, and evaluates it.

    Args:
        model: an initialised network. Its parameters become views of one vector.
        loss: a fresh loss; every micro-batch works with a copy.
        optimizer: the update rule.
        seed: of the dropout and augmentation streams.
        workers: how many micro-batches compute at once.
        clip_norm: largest norm of all gradients together, or None.
        slow: slow weights that follow the parameters, or None.

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
        slow: SlowWeights | None = None,
    ) -> None:
        program = WorkerProgram(model, loss, optimizer, seed=seed, clip_norm=clip_norm, slow=slow)
        super().__init__(model, loss, workers=workers, program=program)
        self.optimizer = optimizer
        self.slow = slow
        self.parameters = program.parameters

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
            check: called again and again, in any thread; may raise to stop at once. The
                parameters may be half updated then.

        Raises:
            Diverged: before anything was updated.
        """
        before = self.parameters.vector.copy() if inspect else None
        done = self._order_training(batches, epoch, step, [self.optimizer.lr], check, inspect)
        if before is None:
            return done.results[0], None
        gradient = self.program.gradients[0]
        snapshot = take_snapshot(self.model, self.parameters, gradient, before, done.dead)
        return done.results[0], replace(snapshot, optimizer=self.optimizer_state())

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The network with the average of its weights in their place for a while, if it has one.

        Nothing may be trained meanwhile. With a lookahead, the weights stay: training has stepped
        back to the slow ones a few batches ago.
        """
        slow = self.slow
        if slow is None or slow.steps_back:
            yield
            return
        slow.swap()
        try:
            yield
        finally:
            slow.swap()

    def optimizer_state(self) -> OptimizerState:
        """A copy of the optimizer's memory."""
        optimizer, split = self.optimizer, self.parameters.split
        slots = {slot: split(vectors[""].copy()) for slot, vectors in optimizer.slots.items()}
        return OptimizerState(optimizer.t, optimizer.lr, slots)

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

    def _order_training(
        self,
        batches: Batches,
        epoch: int,
        first: int,
        rates: Sequence[float],
        check: Callable[[], None] = lambda: None,
        inspect: bool = False,
    ) -> Trained:
        optimizer = self.optimizer
        t = optimizer.t
        order = Order(self.program.source(batches), epoch, first, tuple(rates), t, inspect)
        done: Trained = self._carry_out(order, check)[0]
        # Worker processes have an optimizer of their own.
        optimizer.t, optimizer.lr = t + len(done.results), rates[max(len(done.results) - 1, 0)]
        if done.bad is not None and not done.results:
            source = self.program.first_non_finite(order, self.workers.group)
            finite = math.isfinite(done.bad)
            what = "the gradient is not finite" if finite else f"the loss is {done.bad}"
            raise Diverged(what, epoch, first, rates[0], source)
        return done
