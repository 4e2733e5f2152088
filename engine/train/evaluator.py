"""Loss, accuracy and predictions of a network for a set of samples, on all workers."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine import metrics
from engine.arrays import Array
from engine.data import Batches
from engine.layers import Sequential
from engine.losses import Loss
from engine.parallel.group import in_order
from engine.parallel.processes import WorkerPool
from engine.parallel.workers import WORTH_PROCESSES, Workers
from engine.train.results import Evaluation
from engine.train.worker_program import Order, WorkerProgram

_BLOCK = 1 << 20
"""Logits that are looked at together: what is computed of them takes little memory beside them."""


class Evaluator:
    """Evaluation of one network, which is not changed.

    Args:
        model: an initialised network. Its parameters become views of one vector.
        loss: a fresh loss; every micro-batch works with a copy.
        workers: how many micro-batches compute at once.
        program: the workers' program, if it is there already.

    Attributes:
        program: what the workers carry out orders with.
    """

    def __init__(
        self,
        model: Sequential,
        loss: Loss,
        *,
        workers: Workers,
        program: WorkerProgram | None = None,
    ) -> None:
        self.model = model
        self.workers = workers
        self._loss = loss
        self.program = program or WorkerProgram(model, loss)
        self._pool: WorkerPool[Any] | None = None
        self._version = 0

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
            check: called again and again, in any thread; may raise to stop at once.
        """
        parts: list[tuple[Array, Array, float]] = []
        done, total = 0, batches.samples_per_epoch
        source = self.program.source(batches)
        for step in range(batches.steps_per_epoch):
            parts += in_order(*self._carry_out(Order(source, 0, step), check))
            done += len(batches.batch_indices(0, step))
            if on_progress is not None:
                on_progress(done, total)
        logits = np.concatenate([part[0] for part in parts])
        labels = np.concatenate([part[1] for part in parts])
        predictions = metrics.predict(logits)
        size = max(_BLOCK // logits.shape[1], 1)
        blocks = [slice(start, start + size) for start in range(0, len(logits), size)]
        return Evaluation(
            loss=math.fsum(loss for _, _, loss in parts) / total,
            acc=float((predictions == labels).mean()),
            predictions=predictions,
            labels=labels,
            top5=metrics.top_k_accuracy(logits, labels, min(5, logits.shape[1])),
            losses=np.concatenate([self._losses(logits[rows], labels[rows]) for rows in blocks]),
            confidences=np.concatenate([metrics.confidence(logits[rows]) for rows in blocks]),
        )

    def views_accuracy(
        self,
        views: Sequence[tuple[Batches, float]],
        on_progress: Callable[[int, int], None] | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> float:
        """Share of samples classified correctly by the mean logits of several views of them.

        Args:
            views: the same samples in the same order, and the share of each view in the mean.
            on_progress: called with batches done and in all; may raise to stop.
            check: called again and again, in any thread; may raise to stop at once.
        """
        total = sum(batches.steps_per_epoch for batches, _ in views)
        mean: Array = np.zeros(1, np.float32)
        done = 0
        sources = [self.program.source(batches) for batches, _ in views]  # before workers start
        for source, (batches, share) in zip(sources, views, strict=True):
            rows = []
            for step in range(batches.steps_per_epoch):
                rows += in_order(*self._carry_out(Order(source, 0, step), check))
                done += 1
                if on_progress is not None:
                    on_progress(done, total)
            mean = mean + np.float32(share) * np.concatenate([row[0] for row in rows])
            labels = np.concatenate([row[1] for row in rows])
        return float((metrics.predict(mean) == labels).mean())

    def _losses(self, logits: Array, labels: Array) -> Array:
        """The loss of every sample, (N,)."""
        loss = self._loss.unweighted()
        return loss.per_sample(logits, loss.target(labels, logits.shape[1], logits.dtype))

    def _carry_out(self, order: Order, check: Callable[[], None]) -> list[Any]:
        """The results of an order, from every worker that takes part."""
        program = self.program
        size = program.prepare(order)
        if self.workers.leader is not None:
            threads = self.workers.threads
            return self.workers.leader.run(program, order, threads, check, len(order.rates))
        if self._pool is not None and self._version != program.version:
            self._pool.close()
        if program.work(order) >= WORTH_PROCESSES and size > 1:
            if self._pool is None or self._pool.closed:
                self._pool = self.workers.pool(program.run)
                self._version = program.version
            if self._pool is not None:
                return self._pool.run(order, size, check)
        return [program.run(order, self.workers.group, check)]
