"""A run from its first batch to its last, wherever it is cut in between.

The session runs in the thread that calls ``run``: the caller's in a headless command, a
background thread in the app. Whoever watches polls ``ring`` and ``view``, and gets rare events.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import engine
from engine.config import Config, config_hash, dump, loads
from engine.data import Batches, Dataset
from engine.errors import CheckpointError, EngineError, RunError
from engine.kernels.workers import Workers
from engine.layers import Sequential
from engine.train import checkpoint, durable, setup
from engine.train.callbacks import Callback
from engine.train.controls import Controls
from engine.train.environment import environment
from engine.train.events import (
    CheckpointSaved,
    Ended,
    EpochEnded,
    Event,
    LearningRateChanged,
    Logs,
    Started,
    Status,
    Warned,
)
from engine.train.results import append_result
from engine.train.ring import MetricRing
from engine.train.rundir import RunDir
from engine.train.snapshot import Snapshot, weights_snapshot
from engine.train.state import Progress, RunState
from engine.train.trainer import Diverged, Evaluation, Trainer

WEIGHTS = "weights.npz"
"""The finished network of a run, in its directory."""


class _Stop(Exception):
    """Leave the loops: the session was told to stop."""


class TrainingSession:
    """Owns a run: data, network, run directory and checkpoints.

    Args:
        config: what to train.
        resume: an interrupted run's directory, to go on with it; its own config counts.
        on_event: called with every event, in the thread that trains.
        on_progress: called there too, with what is being done, and how far: files, then the
            batches of the whole run, then samples that are evaluated.
        extra_callbacks: called after those of the config; they are not saved.

    Attributes:
        controls: pause, resume, step, stop, learning rate, snapshots; from any thread.
        ring: the metrics of every step, to be polled.
        history: the logs of every epoch done.
        phase: "loading", "downloading", "training", "paused", "validating", "testing" or "ended".
        done, total: progress within the phase: bytes, batches of the epoch, or samples.
    """

    def __init__(
        self,
        config: Config,
        *,
        resume: Path | None = None,
        on_event: Callable[[Event], None] = lambda event: None,
        on_progress: Callable[[str, int, int], None] = lambda label, done, total: None,
        extra_callbacks: Sequence[Callback] = (),
    ) -> None:
        self.config = config
        self.controls = Controls()
        self.ring = MetricRing()
        self.history: list[dict[str, float]] = []
        self.phase = "loading"
        self.done, self.total = 0, 0
        self.progress = Progress()
        self.steps_per_epoch = 0
        self.run_dir: RunDir | None = None
        self._resume = resume
        self._emit = on_event
        self._on_progress = on_progress
        self._extra = list(extra_callbacks)
        self._save_failed: str | None = None
        self._last_snapshot: tuple[int, Snapshot] | None = None
        self._wanted: tuple[Future[Snapshot], ...] = ()

    @classmethod
    def resumed(cls, run: Path, **watchers: Any) -> "TrainingSession":
        """A session that goes on with the run in this directory.

        Args:
            run: the run directory.
            watchers: ``on_event``, ``on_progress``, ``extra_callbacks``.

        Raises:
            RunError, ConfigError: it is not a run, or its config cannot be read.
        """
        config = loads(RunDir.view(run).read_config(), source=str(run / "config.yaml"))
        return cls(config, resume=run, **watchers)

    # -- the run ----------------------------------------------------------------------------

    def run(self) -> Ended:
        """Train to the end, or until told to stop.

        Returns:
            How it ended; the same is emitted as an event.

        Raises:
            DataError, CheckpointError, RunError: before anything was trained.
        """
        dataset = setup.load_dataset(
            self.config,
            progress=self._downloaded,
            cancelled=lambda: self.controls.stop_reason is not None,
        )
        with Workers(self.config.train.workers) as workers:
            self.sources = setup.make_sources(self.config, dataset)
            self.steps_per_epoch = self.sources.train.steps_per_epoch
            self.state = self._make_state(workers)
            self._open_run_dir(dataset)
            assert self.run_dir is not None
            try:
                return self._train(dataset)
            finally:
                self.phase = "ended"
                self._answer_snapshots()
                self.run_dir.close()

    def _downloaded(self, name: str, done: int, total: int) -> None:
        self._report("downloading", done, total, f"downloading {name}")

    def _report(self, phase: str, done: int, total: int, label: str = "") -> None:
        self.phase, self.done, self.total = phase, done, total
        self._on_progress(label or phase, done, total)

    @property
    def model(self) -> Sequential:
        """The network; only for the thread that trains."""
        return self.state.trainer.model

    def _make_state(self, workers: Workers) -> RunState:
        trainer = Trainer(
            setup.make_model(self.config),
            setup.make_loss(self.config),
            setup.make_optimizer(self.config),
            seed=self.config.seed,
            workers=workers,
            clip_norm=self.config.train.clip_norm,
        )
        scheduler = setup.make_scheduler(self.config, self.steps_per_epoch)
        callbacks = setup.make_callbacks(self.config)
        self.callbacks = [*callbacks, *self._extra]
        for callback in self.callbacks:
            callback.run = self
        state = RunState(trainer, scheduler, callbacks, self.progress, self.history)
        for callback in self.callbacks:
            callback.on_train_begin()
        return state

    def _open_run_dir(self, dataset: Dataset) -> None:
        if self._resume is None:
            self.run_dir = RunDir.create(self.config.runs_dir, self.config.name)
            self.run_dir.write_config(dump(self.config))
        else:
            self.run_dir = RunDir.open(self._resume)
            self._restore(self.run_dir)
        self._write_record("running")

    def _restore(self, run_dir: RunDir) -> None:
        try:
            found = run_dir.store.latest(self.state.table())
            if found is None:
                raise CheckpointError(f"{run_dir.path}: there is no checkpoint to go on from")
            path, saved, skipped = found
            self.state.restore(saved)
        except EngineError:
            run_dir.close()
            raise
        self.progress = self.state.progress
        for problem in skipped:
            self.warn(f"skipped a checkpoint: {problem}; going on from {path.name}")
        run_dir.truncate_metrics(self.progress.epoch)

    def _train(self, dataset: Dataset) -> Ended:
        assert self.run_dir is not None
        self._emit(
            Started(
                run=self.run_dir.id,
                run_dir=self.run_dir.path,
                epoch=self.progress.epoch,
                step=self.progress.step,
                epochs=self.config.train.epochs,
                steps_per_epoch=self.steps_per_epoch,
                samples=self.sources.train.samples_per_epoch,
                parameters=self.model.count_parameters(),
                dataset=dataset.name,
                seed=self.config.seed,
            )
        )
        status: Status = "finished"
        reason = ""
        test: Logs = {}
        try:
            self._last_save = time.monotonic()
            while not self.progress.done:
                self._epoch()
            reason = self.progress.stop_reason or ""
            test = self._test()
        except _Stop:
            status, reason = "stopped", self.controls.stop_reason or "stopped"
            self._save()
        except Diverged as error:
            status, reason = "diverged", str(error)
        if status != "diverged" and self._save_failed is not None:
            status, reason = "failed", self._save_failed
        return self._end(status, reason, test)

    def _epoch(self) -> None:
        epoch = self.progress.epoch
        for callback in self.callbacks:
            callback.on_epoch_begin(epoch)
        while self.progress.step < self.steps_per_epoch:
            self._step(epoch)
            if self.progress.stop_reason is not None:
                break
        self._hold_or_stop()
        logs = {**self.progress.training_logs(), "lr": self.state.trainer.optimizer.lr}
        logs |= self._validate()
        logs["seconds"] = self.progress.epoch_seconds
        logs["samples_per_s"] = self.progress.samples / max(self.progress.epoch_seconds, 1e-9)
        self._close_epoch(epoch, logs)

    def _step(self, epoch: int) -> None:
        self._hold_or_stop()
        progress, trainer = self.progress, self.state.trainer
        self.phase = "training"
        trainer.optimizer.lr = self.state.scheduler.lr(epoch, progress.global_step)
        started = time.monotonic()
        inspect = bool(self._wanted) or self.controls.paused
        result, snapshot = trainer.step(self.sources.train, epoch, progress.step, inspect=inspect)
        progress.add(result, time.monotonic() - started)
        self.ring.append(
            progress.global_step,
            result.loss,
            result.correct / result.samples,
            trainer.optimizer.lr,
            result.grad_norm,
        )
        if snapshot is not None:
            self._last_snapshot = progress.global_step, snapshot
            self._answer_snapshots()
        self.controls.take_step()
        self.done, self.total = progress.step, self.steps_per_epoch
        epochs = self.config.train.epochs
        self._on_progress(
            f"epoch {epoch + 1}/{epochs}  loss {result.loss:.4f}",
            progress.global_step,
            epochs * self.steps_per_epoch,
        )
        if self.callbacks:
            logs = {"loss": result.loss, "lr": trainer.optimizer.lr}
            for callback in self.callbacks:
                callback.on_train_batch_end(progress.step - 1, logs)
        self._save_if_due()

    def _validate(self) -> Logs:
        result = self._evaluate("validating", self.sources.validation)
        return {"val_loss": result.loss, "val_acc": result.acc}

    def _test(self) -> Logs:
        result = self._evaluate("testing", self.sources.test)
        return {"test_loss": result.loss, "test_acc": result.acc}

    def _evaluate(self, phase: str, batches: Batches) -> Evaluation:
        def on_progress(done: int, total: int) -> None:
            self._report(phase, done, total)
            if self.controls.stop_reason is not None:
                raise _Stop

        return self.state.trainer.evaluate(batches, on_progress)

    def _close_epoch(self, epoch: int, logs: Logs) -> None:
        progress, config = self.progress, self.config
        monitored = getattr(config.train.scheduler, "monitor", None)
        if monitored is not None:
            self.state.scheduler.observe(logs[monitored])
        for callback in self.callbacks:
            callback.on_epoch_end(epoch, logs)
        self.history.append(logs)
        best = logs["val_acc"] > progress.best.get("val_acc", -1.0)
        if best:
            progress.best = {"epoch": epoch + 1, **logs}
        progress.next_epoch()
        if progress.epoch >= config.train.epochs or progress.stop_reason is not None:
            progress.done = True
            for callback in self.callbacks:
                callback.on_train_end()
            assert self.run_dir is not None
            self.save_weights(self.run_dir.path / WEIGHTS)
        assert self.run_dir is not None
        problem = self.run_dir.append_metrics({"epoch": progress.epoch, **logs})
        if problem is not None:
            self.warn(problem)
        self._save(best=best)
        self._emit(EpochEnded(progress.epoch, config.train.epochs, logs))

    def _end(self, status: Status, reason: str, test: Logs) -> Ended:
        assert self.run_dir is not None
        progress = self.progress
        logs = self.history[-1] if self.history else {}
        ended = Ended(
            run=self.run_dir.id,
            run_dir=self.run_dir.path,
            status=status,
            reason=reason,
            epochs_done=progress.epoch,
            seconds=progress.seconds,
            samples_per_s=progress.trained / max(progress.seconds, 1e-9),
            logs=logs,
            best=progress.best,
            test=test,
        )
        try:
            self._write_record(status, ended)
            append_result(self.config.reports_dir, self._result_row(ended))
        except RunError as error:
            self.warn(str(error))
        self._emit(ended)
        return ended

    # -- orders from outside ----------------------------------------------------------------

    def _hold_or_stop(self) -> None:
        """Carry out what the controls say; while paused, stay here."""
        while True:
            orders = self.controls.take()
            self._wanted += orders.snapshots
            if orders.lr is not None:
                self._change_lr(orders.lr)
            if orders.checkpoint:
                self._save()
            if orders.stop is not None:
                raise _Stop
            if not orders.paused:
                return
            self.phase = "paused"
            self._answer_snapshots()
            self.controls.wait(0.5)

    def _change_lr(self, lr: float) -> None:
        scheduler, progress = self.state.scheduler, self.progress
        current = scheduler.lr(progress.epoch, progress.global_step)
        scheduler.set_base_lr(scheduler.base_lr * lr / current if current > 0 else lr)
        self._emit(LearningRateChanged(progress.global_step, lr))

    def _answer_snapshots(self) -> None:
        if not self._wanted:
            return
        fresh = self._last_snapshot
        if fresh is not None and fresh[0] == self.progress.global_step:
            snapshot = fresh[1]
        else:
            snapshot = weights_snapshot(self.model)
        for future in self._wanted:
            future.set_result(snapshot)
        self._wanted = ()

    # -- what callbacks see -----------------------------------------------------------------

    @property
    def stop_reason(self) -> str | None:
        """Why training ends after this epoch, or None."""
        return self.progress.stop_reason

    @stop_reason.setter
    def stop_reason(self, reason: str | None) -> None:
        self.progress.stop_reason = reason

    def warn(self, message: str) -> None:
        """Say that something went wrong that training survives."""
        self._emit(Warned(message))

    def save_weights(self, path: Path) -> None:
        """Write the current weights, with all that is needed to use them.

        A file that cannot be written is no reason to stop: it is said, and the run ends as failed.
        """
        try:
            durable.make_folder(path.parent)
            checkpoint.save(
                path,
                {f"model/{name}": a for name, a in self.model.state_dict().items()},
                weights_meta(self.config, self.model),
            )
        except (EngineError, OSError) as error:
            self._saving_failed(error)

    # -- saving -----------------------------------------------------------------------------

    def _save_if_due(self) -> None:
        every = self.config.train.checkpoint_every
        by_step = every.steps is not None and self.progress.global_step % every.steps == 0
        waited = time.monotonic() - self._last_save
        if by_step or (every.seconds is not None and waited >= every.seconds):
            self._save()

    def _save(self, *, best: bool = False) -> None:
        assert self.run_dir is not None
        meta = self.state.meta() | weights_meta(self.config, self.model) | {"kind": "run"}
        try:
            path = self.run_dir.store.save(
                self.progress.global_step, self.state.arrays(), meta, best=best
            )
        except CheckpointError as error:
            self._saving_failed(error)
            return
        finally:
            self._last_save = time.monotonic()
        self._save_failed = None
        self._emit(CheckpointSaved(path, self.progress.epoch, self.progress.step, best))

    def _saving_failed(self, error: Exception) -> None:
        self._save_failed = str(error)
        self.warn(f"a checkpoint was not written, training goes on: {error}")

    def _write_record(self, status: str, ended: Ended | None = None) -> None:
        assert self.run_dir is not None
        record = {
            "status": status,
            "name": self.config.name,
            "version": engine.__version__,
            "config_hash": config_hash(self.config),
            "seed": self.config.seed,
            "dataset": self.config.dataset,
            "model": self.config.model or "custom",
            "parameters": self.model.count_parameters(),
            "workers": self.state.trainer.workers.count,
            "environment": environment(),
        }
        if ended is not None:
            record |= {
                "reason": ended.reason,
                "epochs": ended.epochs_done,
                "seconds": ended.seconds,
                "samples_per_s": ended.samples_per_s,
                "final": ended.logs,
                "best": ended.best,
                "test": ended.test,
            }
        self.run_dir.write_record(record)

    def _result_row(self, ended: Ended) -> dict[str, str | int | float | None]:
        config = self.config
        return {
            "run": ended.run,
            "config_hash": config_hash(config),
            "seed": config.seed,
            "dataset": config.dataset,
            "model": config.model or "custom",
            "parameters": self.model.count_parameters(),
            "epochs": ended.epochs_done,
            "best_val_acc": ended.best.get("val_acc"),
            "best_val_loss": min((logs["val_loss"] for logs in self.history), default=None),
            **{key: ended.logs.get(key) for key in ("loss", "acc", "val_loss", "val_acc")},
            **ended.test,
            "seconds": ended.seconds,
            "samples_per_s": ended.samples_per_s,
            "version": engine.__version__,
            "status": ended.status,
        }


def weights_meta(config: Config, model: Sequential) -> dict[str, object]:
    """What weights need to be used again: the network, its data, and nothing of the moment."""
    return {
        "kind": "weights",
        "dataset": config.dataset,
        "layers": model.spec(),
        "config_hash": config_hash(config),
        "seed": config.seed,
        "version": engine.__version__,
    }
