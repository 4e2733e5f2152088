"""A training run from start to end, resumed as often as it was interrupted.

It runs in the thread that calls ``run``: the main thread of a command, a background thread of
the app. Observers poll ``metric_buffer`` and ``progress``; rare events are pushed to them.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine.callbacks import Callback
from engine.config import Config, config_hash, dump
from engine.data import Dataset
from engine.errors import CheckpointError, Diverged, EngineError, RunError
from engine.events import Ended, EndStatus, Event, Logs, Started, Warned
from engine.layers import Sequential
from engine.parallel.ranks import Leader
from engine.parallel.workers import Workers
from engine.runs import locations
from engine.runs import record as run_record
from engine.runs.directory import RunDir
from engine.runs.groups import Place
from engine.runs.listing import delete_run
from engine.runs.provenance import KEY, Part, RateChange, weights_hash
from engine.runs.results_csv import append_result
from engine.runs.weight_files import WEIGHTS
from engine.train import extending, factory, ranks
from engine.train.controls import Controls
from engine.train.extending import Extension
from engine.train.hinting import Hinting
from engine.train.loop import Loop, Stopped
from engine.train.metric_buffer import MetricBuffer
from engine.train.results import late_divergence
from engine.train.run_state import Progress, RunState
from engine.train.saver import Saver
from engine.train.trainer import make_trainer


class TrainingSession:
    """A run with its data, network, run directory and checkpoints.

    Args:
        config: what to train.
        resume: the directory of a run, to resume it.
        extension: what the config changes in that run; None if nothing.
        place: of a new run in its group; None for a run by itself.
        on_event: called with every event, in the thread that trains.
        on_progress: called there with what is being done, and the progress: bytes, then the
            batches of the whole run, then samples of an evaluation.
        extra_callbacks: called after those of the config; they are not saved.
        leader: gives orders to the other ranks that train with this process; None without any.

    Attributes:
        controls: pause, resume, step, stop, learning rate, snapshots; from any thread.
        metric_buffer: the metrics of every step, to be polled.
        history: the logs of every epoch done.
        progress: the counters of the run.
        hinting: the hints that hold, from ``Started`` on.
        phase: "loading", "downloading", "training", "paused", "validating", "testing" or "ended".
        rates_before: learning rates set by hand before it was resumed.
        done, total: progress within the phase: bytes, batches of the epoch, or samples.
    """

    run_dir: RunDir
    sources: factory.Sources
    state: RunState
    hinting: Hinting

    def __init__(
        self,
        config: Config,
        *,
        resume: Path | None = None,
        extension: Extension | None = None,
        adopt: bool = False,
        place: Place | None = None,
        on_event: Callable[[Event], None] = lambda event: None,
        on_progress: Callable[[str, int, int], None] = lambda label, done, total: None,
        extra_callbacks: Sequence[Callback] = (),
        leader: Leader | None = None,
    ) -> None:
        self.config = config
        self.controls = Controls()
        self.metric_buffer = MetricBuffer()
        self.history: list[Logs] = []
        self.phase = "loading"
        self.progress = Progress()
        self.steps_per_epoch, self.done, self.total = 0, 0, 0
        self.rates_before: tuple[RateChange, ...] = ()
        self._resume, self._extension, self._adopt = resume, extension, adopt
        self._recorded: dict[str, Any] = {run_record.GROUP: place.to_json()} if place else {}
        self._own, self._began = True, False
        self._emit, self._on_progress = on_event, on_progress
        self._extra, self._leader = list(extra_callbacks), leader

    def run(self) -> Ended:
        """Train to the end, or until a stop is asked for.

        Returns:
            How it ended; the same is emitted as an event.

        Raises:
            ConfigError, DataError, CheckpointError, RunError: before anything was trained. There is
                then no new run directory.
            Cancelled: a stop was asked for while the data was loaded.
        """
        try:
            factory.check_arithmetic(self.config)
            if self._resume is None:
                factory.check_files(self.config)
            ranks.compare(self._leader, self.config)
            dataset = factory.load_dataset(
                self.config,
                progress=self._downloading,
                cancelled=lambda: self.controls.stop_reason is not None,
            )
            with Workers(self.config.train.workers, leader=self._leader) as workers:
                self._prepare(dataset, workers)
                return self._run_in_directory()
        finally:
            self.phase = "ended"
            self.controls.close()

    def _prepare(self, dataset: Dataset, workers: Workers) -> None:
        """Make the objects of the run, in memory."""
        for problem in dataset.passed_over:
            self.warn(problem)
        self.sources = factory.make_sources(self.config, dataset)
        self.steps_per_epoch = self.sources.train.steps_per_epoch
        resumed = self._resume is not None
        trainer = make_trainer(self.config, self.sources, workers, resumed=resumed)
        ranks.prepare(self._leader, self.config, self.sources, trainer.program)
        scheduler = factory.make_scheduler(self.config, self.steps_per_epoch)
        callbacks = factory.make_callbacks(self.config)
        self.state = RunState(trainer, scheduler, callbacks, self.progress, self.history)
        self.hinting = Hinting(
            self.config, self.sources, self.history, self.state.looks, self._emit
        )
        self.callbacks = [*callbacks, *self._extra]
        for callback in self.callbacks:
            callback.run = self
            callback.on_train_begin()

    def _run_in_directory(self) -> Ended:
        if self._resume is None:
            self.run_dir = RunDir.create(self.config.runs_dir, self.config.name)
        else:
            self.run_dir = RunDir.open(self._resume)
        with suppress(RunError):  # a damaged record is replaced
            self._recorded |= self.run_dir.read_record()
        if self._resume is not None:
            self._own = locations.is_own(self.run_dir.path, self._recorded)
            if self._adopt and not self._own:
                self._own = True
                self._record_origin()
        self._saver = Saver(
            self.config,
            self.state,
            self.run_dir,
            self.steps_per_epoch,
            self._emit,
            self._keep_directory,
        )
        loop = Loop(
            config=self.config,
            state=self.state,
            sources=self.sources,
            callbacks=self.callbacks,
            controls=self.controls,
            saver=self._saver,
            run_dir=self.run_dir,
            metric_buffer=self.metric_buffer,
            emit=self._emit,
            show=self._show,
            on_progress=self._on_progress,
            give_hints=self.hinting.after_epoch,
        )
        try:
            if self._resume is None:
                self._write_config(self.config)
                if self.config.train.init_from is not None:
                    self.state.provenance.start = weights_hash(self.model.state_dict())
                    self._saver.keep_start()
            else:
                self._restore()
            record = self._write_record("running")
            self._began = True
            self.state.provenance.begin(
                Part(
                    self.progress.global_step,
                    record["config_hash"],
                    record["environment"],
                    self.sources.digests,
                )
            )
            return self._train(loop)
        except BaseException as error:
            self._give_up(error)
            raise
        finally:
            try:
                loop.answer_snapshots()
            finally:
                self.run_dir.close()

    def _write_config(self, config: Config) -> None:
        self.run_dir.write_config(dump(config))
        if self._own:
            self._record_origin()

    def _record_origin(self) -> None:
        path = self.run_dir.path
        with suppress(OSError):  # without a working folder, what is relative is lost
            folder = locations.folder_of(self.config, path, self._recorded)
            self._recorded[locations.KEY] = locations.origin(path, self.config, folder)

    def _restore(self) -> None:
        found = self.run_dir.store.latest(self.state.table())
        if found is None:
            raise CheckpointError(f"{self.run_dir.path}: there is no checkpoint to resume from")
        path, saved, skipped = found
        self.state.restore(saved)
        self.rates_before = tuple(self.state.provenance.rates)
        for problem in skipped:
            self.warn(f"skipped a checkpoint: {problem}; resuming from {path.name}")
        extension = self._extension
        before = self.config
        if extension is not None:
            before = extension.before
            changes = self._recorded.get(extending.KEY) or []
            self._recorded[extending.KEY] = [*changes, *extending.apply(extension, self.state)]
        if saved.meta.get("config_hash") != config_hash(before):
            self.warn("the config was changed since; the result is not that of either one alone")
        parts = self.state.provenance.parts
        for name in parts[-1].other_data(self.sources.digests) if parts else ():
            self.warn(
                f"the {name} samples are not the ones that this run began with; "
                "the result is not that of either alone"
            )
        if locations.writes_inside(self.config, self.run_dir.path):
            self.warn(
                f"the run was not started here, or its config was changed since: its reports and "
                f"callbacks write into {self.run_dir.path / locations.FILES}; "
                "to let them write where the config says: cnn-tui resume RUN --allow-outside-paths"
            )
        if extension is not None:
            # Before the config: whatever ends the process, the checkpoint knows of the extension.
            self._saver.checkpoint(silent=True)
            self._write_config(extension.after)
        self._saver.rewind_film()
        left_over = self.run_dir.truncate_metrics(self.progress.epoch)
        if left_over is not None:
            self.warn(left_over)

    def _keep_directory(self) -> None:
        """Make the run directory again, with all that is known, if it was deleted."""
        if not self.run_dir.is_gone:
            return
        self.run_dir.recreate()
        self._write_config(self.config)
        self._saver.write_start()
        self.run_dir.truncate_metrics(0)
        for epoch, logs in enumerate(self.history, 1):
            self.run_dir.append_metrics({"epoch": epoch, **logs})
        self._write_record("running")
        self.warn(f"{self.run_dir.path}: deleted under the run; made again")

    def _give_up(self, error: BaseException) -> None:
        """Record the error that ends the run; remove the run if nothing was trained."""
        with suppress(EngineError):
            if self._began and self.progress.global_step > 0:
                self._write_record("failed", reason=f"{type(error).__name__}: {error}")
            elif self._resume is None:
                self.run_dir.close()
                delete_run(self.run_dir.path)

    def _train(self, loop: Loop) -> Ended:
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
                dataset=self.sources.dataset.name,
                seed=self.config.seed,
                finished=self.progress.done,
            )
        )
        self.hinting.begin()
        status: EndStatus = "finished"
        reason = ""
        test: Logs = {}
        try:
            loop.run()
            reason = self.progress.stop_reason or ""
            self.state.provenance.final = weights_hash(self.model.state_dict())
            self.save_weights(self.run_dir.path / WEIGHTS)
            test = loop.test()
            classes = len(self.sources.dataset.classes)
            exploded = late_divergence(self.history, test["test_acc"], classes)
            if exploded is not None:
                status, reason = "diverged", exploded
        except Stopped:
            status, reason = "stopped", self.controls.stop_reason or "stopped"
            self._saver.checkpoint()
        except Diverged as error:
            status, reason = "diverged", str(error)
        if status != "diverged" and self._saver.problem is not None:
            status, reason = "failed", self._saver.problem
        self.hinting.end(reason if status == "diverged" else "")
        return self._end(status, reason, test)

    def _end(self, status: EndStatus, reason: str, test: Logs) -> Ended:
        progress = self.progress
        ended = Ended(
            run=self.run_dir.id,
            run_dir=self.run_dir.path,
            status=status,
            reason=reason,
            epochs_done=progress.epoch,
            seconds=progress.seconds,
            samples_per_s=progress.trained / max(progress.seconds, 1e-9),
            logs=self.history[-1] if self.history else {},
            best=progress.best,
            test=test,
        )
        traffic = None if self._leader is None else self._leader.traffic
        if traffic is not None:
            self._emit(traffic)
        row = run_record.result_row(self.config, ended, self.history, self.model.count_parameters())
        for write in (
            lambda: self._write_record(
                status,
                **run_record.outcome(ended, traffic),
                hints=self.hinting.to_json(),
                **{KEY: self.state.provenance.to_json()},
            ),
            lambda: append_result(self.config.reports_dir, row),
        ):
            try:
                write()
            except RunError as error:
                self.warn(str(error))
        self._emit(ended)
        return ended

    def _write_record(self, status: str, **more: Any) -> dict[str, Any]:
        record = run_record.run_record(
            self.config,
            status,
            parameters=self.model.count_parameters(),
            workers=self.state.trainer.workers.count,
            digests=self.sources.digests,
        )
        kept = {key: self._recorded[key] for key in run_record.KEPT if key in self._recorded}
        self.run_dir.write_record(record | kept | more)
        return record

    def _show(self, phase: str, done: int, total: int) -> None:
        self.phase, self.done, self.total = phase, done, total

    def _downloading(self, name: str, done: int, total: int) -> None:
        self._show("downloading", done, total)
        self._on_progress(f"downloading {name}", done, total)

    @property
    def model(self) -> Sequential:
        """The network; only for use in the thread that trains."""
        return self.state.trainer.model

    @property
    def stop_reason(self) -> str | None:
        """The reason to end after this batch or epoch, or None."""
        return self.progress.stop_reason

    @stop_reason.setter
    def stop_reason(self, reason: str | None) -> None:
        self.progress.stop_reason = reason

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return self.run_dir.path

    def warn(self, message: str) -> None:
        """Report a problem that training survives."""
        self._emit(Warned(message))

    def save_weights(self, path: Path, latest_of: Path | None = None) -> bool:
        """Write the current weights, with all that is needed to use them; see ``Saver.weights``.

        Returns:
            False if they could not be written: it is said, and the run ends as failed.
        """
        return self._saver.weights(path, latest_of)
