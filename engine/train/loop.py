"""The training loop: epochs, batches, and what happens between two batches."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Protocol

from engine.callbacks import Callback
from engine.config import Config
from engine.data import Batches
from engine.errors import RunError
from engine.events import EpochEnded, Event, LearningRateChanged, Logs, Warned
from engine.hints import Look
from engine.numbers import metric
from engine.runs.provenance import RateChange, weights_hash
from engine.train.controls import Controls
from engine.train.factory import Sources
from engine.train.metric_buffer import MetricBuffer
from engine.train.results import Evaluation, StepResult
from engine.train.run_state import RunState
from engine.train.snapshot import Snapshot, layer_stats, weights_snapshot

TURN = 0.1
"""Seconds of training between two checks of the controls; a batch may take longer."""


class Stopped(Exception):
    """The controls asked for a stop; the state is that of a batch boundary."""


class Keeper(Protocol):
    """What the loop asks of whoever keeps the state: ``Saver``, or nobody."""

    @property
    def batches_until_due(self) -> int | None:
        """Batches until something is to be kept; None if that does not depend on them."""
        ...

    def checkpoint(self, *, best: bool = False) -> None:
        """Keep the whole state."""
        ...

    def checkpoint_if_due(self) -> None:
        """Keep it inside an epoch, if it is time."""
        ...

    def frame(self, logs: Logs) -> None:
        """Keep the weights at the end of an epoch."""
        ...

    def frame_if_due(self) -> None:
        """Keep them inside an epoch, if it is time."""
        ...


class Table(Protocol):
    """What the loop asks of whoever keeps the metrics: ``RunDir``, or nobody."""

    def append_metrics(self, row: Mapping[str, int | float | None]) -> str | None:
        """Keep the metrics of an epoch; returns in a line why it failed."""
        ...


@dataclass
class Loop:
    """The training loop, from the present state to the end of the last epoch.

    Attributes:
        config: what to train.
        state: the state of the run, which changes.
        sources: batches to train on, to validate with, to test on.
        callbacks: called at every hook, in order.
        controls: checked before every batch, or where batches are short, every ``TURN``.
        saver: writes checkpoints.
        run_dir: gets the metrics of every epoch.
        metric_buffer: gets the metrics of every step.
        emit: called with every event.
        show: called with the phase, and how much of it is done: batches of an epoch, or samples.
        on_progress: called with a text, and how far the run, or an evaluation, is.
        give_hints: called after every epoch.
    """

    config: Config
    state: RunState
    sources: Sources
    callbacks: Sequence[Callback]
    controls: Controls
    saver: Keeper
    run_dir: Table
    metric_buffer: MetricBuffer
    emit: Callable[[Event], None]
    show: Callable[[str, int, int], None]
    on_progress: Callable[[str, int, int], None]
    give_hints: Callable[[], None]
    _last_snapshot: tuple[int, Snapshot] | None = None
    _snapshot_requests: list[Future[Snapshot]] = field(default_factory=list)
    _sample_seconds: float = math.inf

    def run(self) -> None:
        """Train all epochs that are left.

        Raises:
            Stopped: the controls asked for it.
            Diverged: a number is not finite; the weights still are those before it.
        """
        self.saver.frame_if_due()
        while not self._epochs_over:
            self._epoch()
        self._finish()

    def test(self) -> Logs:
        """Measure on the test set.

        Raises:
            Stopped: the controls asked for it.
        """
        result = self._evaluate("testing", self.sources.test)
        logs = {"test_loss": result.loss, "test_acc": result.acc}
        if self.sources.views:
            logs["test_acc_views"] = self.state.trainer.views_accuracy(
                self.sources.views, *self._watch("testing views")
            )
        return logs

    def answer_snapshots(self) -> None:
        """Answer all requests for a snapshot with the present state."""
        self._snapshot_requests += self.controls.take().snapshots
        self._answer_requests()

    @property
    def _epochs_over(self) -> bool:
        """Whether all epochs are trained, or a callback ended training after one of them."""
        progress = self.state.progress
        early = progress.stop_reason is not None and progress.step == 0
        return early or progress.epoch >= self.config.train.epochs

    def _epoch(self) -> None:
        progress = self.state.progress
        epoch, steps = progress.epoch, self.sources.train.steps_per_epoch
        for callback in self.callbacks:
            callback.on_epoch_begin(epoch)
        while progress.step < steps and progress.stop_reason is None:
            self._turn(epoch)
        self._hold_or_stop()
        logs = {**progress.training_logs(), "lr": self.state.trainer.optimizer.lr}
        with self.state.trainer.averaged():
            logs |= self._validate()
            logs["seconds"] = progress.epoch_seconds
            logs["samples_per_s"] = progress.samples / max(progress.epoch_seconds, 1e-9)
            best = self._close_epoch(epoch, logs)
        self.state.provenance.weights.append(weights_hash(self.state.trainer.model.state_dict()))
        self.saver.checkpoint(best=best)
        self.emit(EpochEnded(progress.epoch, self.config.train.epochs, logs))
        self.give_hints()

    def _turn(self, epoch: int) -> None:
        """Train on one batch, or on several if nothing observes each of them."""
        self._hold_or_stop()
        progress, trainer = self.state.progress, self.state.trainer
        epochs, steps = self.config.train.epochs, self.sources.train.steps_per_epoch
        self.show("training", progress.step, steps)
        self.controls.take_step()
        asked = bool(self._snapshot_requests) or self.controls.paused
        look = progress.step == self._look_step
        inspect = asked or look
        count = 1 if inspect or self._is_watched else self._batches()
        rates = [self._scheduled_lr(i) * progress.lr_scale for i in range(count)]
        started = time.monotonic()
        if inspect:
            trainer.optimizer.lr = rates[0]
            result, snapshot = trainer.step(self.sources.train, epoch, progress.step, inspect=True)
            results = [result]
            assert snapshot is not None
            if asked:
                self._last_snapshot = progress.global_step + 1, snapshot
            if look:
                self.state.keep_look(Look(epoch + 1, layer_stats(snapshot)))
        else:
            results = trainer.steps(self.sources.train, epoch, progress.step, rates)
        took = max(time.monotonic() - started, 1e-6)
        self._sample_seconds = took / sum(result.samples for result in results)
        for lr, result in zip(rates, results, strict=False):
            self._count(result, lr, took / len(results))
        self._answer_requests()
        self.show("training", progress.step, steps)
        self.on_progress(
            f"epoch {epoch + 1}/{epochs}  loss {metric(results[-1].loss)}",
            progress.global_step,
            epochs * steps,
        )
        self.saver.frame_if_due()
        self.saver.checkpoint_if_due()

    @property
    def _look_step(self) -> int:
        """The batch of every epoch whose layers are looked at: late, and never a smaller one."""
        return max(self.sources.train.steps_per_epoch - 2, 0)

    @property
    def _is_watched(self) -> bool:
        """Whether a callback observes every batch, and so needs the network after each."""
        return any(
            getattr(callback.on_train_batch_end, "__func__", None)
            is not Callback.on_train_batch_end
            for callback in self.callbacks
        )

    def _batches(self) -> int:
        """How many batches to train on before the next check of the controls."""
        batch_seconds = self._sample_seconds * self.config.train.batch_size
        step, look = self.state.progress.step, self._look_step
        limits = [
            int(TURN / batch_seconds),
            (look if step < look else self.sources.train.steps_per_epoch) - step,
            self.saver.batches_until_due,
        ]
        return max(1, min(limit for limit in limits if limit is not None))

    def _count(self, result: StepResult, lr: float, seconds: float) -> None:
        """Count a batch, and report it to buffer and callbacks."""
        progress = self.state.progress
        progress.add(result, seconds)
        logs = {
            "loss": result.loss,
            "acc": result.correct / result.samples,
            "lr": lr,
            "grad_norm": result.grad_norm,
        }
        self.metric_buffer.append(progress.global_step, **logs)
        for callback in self.callbacks:
            callback.on_train_batch_end(progress.step - 1, logs)

    def _scheduled_lr(self, ahead: int = 0) -> float:
        """The schedule's learning rate for the next batch, or some batches ahead."""
        progress = self.state.progress
        return self.state.scheduler.lr(progress.epoch, progress.global_step + ahead)

    def _validate(self) -> Logs:
        result = self._evaluate("validating", self.sources.validation)
        return {"val_loss": result.loss, "val_acc": result.acc}

    def _evaluate(self, phase: str, batches: Batches) -> Evaluation:
        return self.state.trainer.evaluate(batches, *self._watch(phase))

    def _watch(self, phase: str) -> tuple[Callable[[int, int], None], Callable[[], None]]:
        """What an evaluation calls with its progress, and to be stopped."""

        def check() -> None:
            if self.controls.stop_reason is not None:
                raise Stopped

        def on_progress(done: int, total: int) -> None:
            self.show(phase, done, total)
            self.on_progress(phase, done, total)
            check()

        return on_progress, check

    def _close_epoch(self, epoch: int, logs: Logs) -> bool:
        """Count an epoch with the network that was validated; whether it is the best so far."""
        progress, config = self.state.progress, self.config
        for callback in self.callbacks:
            callback.on_epoch_end(epoch, logs)
        monitored = getattr(config.train.scheduler, "monitor", None)
        if monitored is not None:
            self.state.scheduler.observe(logs[monitored])
        self.state.history.append(logs)
        best = logs["val_acc"] > progress.best.get("val_acc", -1.0)
        if best:
            progress.best = {"epoch": epoch + 1, **logs}
        progress.next_epoch()
        try:
            problem = self.run_dir.append_metrics({"epoch": progress.epoch, **logs})
        except RunError as error:  # the directory is another process' by now
            problem = str(error)
        if problem is not None:
            self.emit(Warned(problem))
        self.saver.frame(logs)  # first: what a resume goes back to has its frame
        return best

    def _finish(self) -> None:
        """End the last epoch; a callback may still restore better weights."""
        if not self.state.progress.done:
            self.state.progress.done = True
            self.saver.checkpoint()
        if self.state.trainer.slow is not None:  # training may have ended before its last step
            self.state.trainer.slow.take_over()
        for callback in self.callbacks:
            callback.on_train_end()
        self._last_snapshot = None

    def _hold_or_stop(self) -> None:
        """Carry out pending requests; while paused, wait here."""
        progress = self.state.progress
        while True:
            pending = self.controls.take()
            self._snapshot_requests += pending.snapshots
            if pending.lr is not None:
                self._change_lr(pending.lr)
            if pending.checkpoint:
                self.saver.checkpoint()
            if pending.stop is not None:
                raise Stopped
            if not pending.paused:
                return
            self.show("paused", progress.step, self.sources.train.steps_per_epoch)
            self._answer_requests()
            self.controls.wait(0.5)

    def _change_lr(self, lr: float) -> None:
        scheduled = self._scheduled_lr()
        if scheduled == 0:
            self.emit(Warned("the schedule is at 0 now, which cannot be scaled to another rate"))
            return
        progress = self.state.progress
        progress.lr_scale = lr / scheduled
        self.state.provenance.rates.append(RateChange(progress.epoch, progress.step, lr))
        self.emit(LearningRateChanged(progress.global_step, lr))

    def _answer_requests(self) -> None:
        requests, self._snapshot_requests = self._snapshot_requests, []
        if not requests:
            return
        try:
            snapshot = self._snapshot()
        except BaseException:
            for future in requests:
                future.cancel()
            raise
        for future in requests:
            if future.set_running_or_notify_cancel():
                future.set_result(snapshot)

    def _snapshot(self) -> Snapshot:
        """The snapshot of the last batch, or the weights alone if they have changed since."""
        fresh = self._last_snapshot
        if fresh is not None and fresh[0] == self.state.progress.global_step:
            return fresh[1]
        trainer = self.state.trainer
        return replace(weights_snapshot(trainer.model), optimizer=trainer.optimizer_state())
