"""The one training of the app: a session on a background thread, and its events so far.

It belongs to the app, not to a screen, so that it continues whichever screen is shown. All
that is here is changed in the app's thread only; the training thread posts messages.
"""

import gc
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from textual.message_pump import MessagePump

from engine.config import Config
from engine.errors import Cancelled, EngineError
from engine.events import (
    CheckpointSaved,
    Ended,
    EpochEnded,
    Event,
    Hinted,
    LearningRateChanged,
    Logs,
    Noted,
    Started,
    Warned,
)
from engine.hints import Hint
from engine.inspection.estimate import Speed, split_sizes
from engine.train.metric_buffer import Curve, MetricBuffer
from engine.train.session import TrainingSession
from engine.train.snapshot import Snapshot
from tui.messages import (
    Kind,
    LogEntry,
    SnapshotTaken,
    TrainingEvent,
    TrainingFinished,
    TrainingView,
    progress_view,
)
from tui.state.seed_progress import SeedProgress
from tui.text import clean, metric, significant

log = logging.getLogger("cnn_tui")

LR_FACTOR = 10**0.1
"""One press changes the learning rate by this; ten presses make ten times."""


class Training:
    """The current training, or the last one.

    Attributes:
        config: its config; None before the first.
        session: the engine's session; None before the first.
        started, ended: the events, once they came.
        error: why it could not begin, if so.
        history: the logs of every epoch done.
        lr_changes: optimizer step and new rate, for every change by hand.
        entries: what happened, oldest first.
        seeds: its place among several seeds; None for a run by itself.
        version: grows with everything that happened, for polling.

    Args:
        pump: gets the messages: the app, which hands them to ``on_training_event`` and
            ``on_training_finished``.
    """

    def __init__(self, pump: MessagePump) -> None:
        self._pump = pump
        self._thread: threading.Thread | None = None
        self._running = False
        self.version = 0
        self._clear(None, None)

    def _clear(self, config: Config | None, session: TrainingSession | None) -> None:
        self.config, self.session = config, session
        self.started: Started | None = None
        self.ended: Ended | None = None
        self.error: Exception | None = None
        self.history: list[Logs] = []
        self.lr_changes: list[tuple[int, float]] = []
        self.entries: list[LogEntry] = []
        self.seeds: SeedProgress | None = None
        self._what = ""
        self._began = time.monotonic()
        self._wanted_lr: float | None = None

    # -- beginning and ending -----------------------------------------------------------------

    def start(
        self, config: Config, resume: Path | None = None, seeds: SeedProgress | None = None
    ) -> None:
        """Train a config, or resume an interrupted run; refused while one is running."""
        assert not self._running, "one training at a time"
        session = TrainingSession(
            config,
            resume=resume,
            place=seeds.place if seeds else None,
            on_event=self._post_event,
            on_progress=self._progressed,
        )
        again = self.session is not None
        self._clear(config, session)
        self.seeds = seeds
        self._running = True
        if again:  # what belonged to the training before would stay for ever
            gc.unfreeze()
        gc.collect()
        self.spare_from_collection()
        of = f", {seeds.words}: {config.seed}" if seeds else ""
        self._note("info", f"{'resuming' if resume else 'starting'} {config.name}{of}")
        self._thread = threading.Thread(
            target=self._run, args=(session,), name="cnn-tui-training", daemon=True
        )
        self._thread.start()

    def spare_from_collection(self) -> None:
        """Let Python's collector look no more at what there is now, until the next training.

        Looking through all that the screens are made of takes a tenth of a second, in which
        neither the app does anything nor the training.
        """
        if self._running:
            gc.freeze()

    @property
    def running(self) -> bool:
        """From ``start`` until the thread is through."""
        return self._running

    @property
    def thread_alive(self) -> bool:
        """Whether the thread still is at work, saving for instance."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop and has not ended yet."""
        return (
            self._running
            and self.session is not None
            and self.session.controls.stop_reason is not None
        )

    @property
    def run_dir(self) -> Path | None:
        """Where the run is on disk, once it is."""
        return self.started.run_dir if self.started else None

    def _run(self, session: TrainingSession) -> None:
        problem: Exception | None = None
        try:
            session.run()
        except Exception as error:  # whatever it is, the app lives on and shows it
            problem = error
        self._pump.post_message(TrainingFinished(session, problem))

    def _post_event(self, event: Event) -> None:
        session = self.session
        assert session is not None
        self._pump.post_message(TrainingEvent(session, event))

    def _progressed(self, label: str, done: int, total: int) -> None:
        self._what = label  # an assignment, safe from another thread

    # -- messages, in the app's thread ----------------------------------------------------------

    def on_training_event(self, message: TrainingEvent) -> None:
        """Take note of an event."""
        if message.session is not self.session:
            return
        match message.event:
            case Started() as event:
                self._on_started(event)
            case EpochEnded() as event:
                self._on_epoch(event)
            case CheckpointSaved() as event:
                if not event.best and event.step:
                    self._note("info", f"checkpoint saved: {event.path.name}")
            case LearningRateChanged() as event:
                self.lr_changes.append((event.step, event.lr))
                self._wanted_lr = None
                self._note("info", f"learning rate set to {significant(event.lr)}")
            case Warned() as event:
                log.warning("%s", event.message)
                self._note("warning", event.message)
            case Noted() as event:
                self._note("info", event.message)
            case Hinted() as event:
                if not event.at_end:
                    self._note("warning", f"{event.title}: {event.message}")
            case Ended() as event:
                self._on_ended(event)
        self.version += 1

    def _on_started(self, event: Started) -> None:
        session = self.session
        assert session is not None
        self.started = event
        # The session may be further by now; messages about that will follow.
        self.history = [dict(logs) for logs in session.history[: event.epoch]]
        steps = event.steps_per_epoch
        self.lr_changes = [
            (change.epoch * steps + change.step, change.lr) for change in session.rates_before
        ]
        self._note("info", f"run {event.run}{', ' if event.resumed else ''}{event.resumed}")

    def _on_epoch(self, event: EpochEnded) -> None:
        before = max((logs["val_acc"] for logs in self.history), default=-1.0)
        self.history.append(dict(event.logs))
        best = event.logs["val_acc"] > before
        self._note(
            "good" if best else "info",
            f"epoch {event.epoch} val {metric(event.logs['val_loss'])}"
            f" {metric(event.logs['val_acc'])}{' ★' if best else ''}",
        )

    def _on_ended(self, event: Ended) -> None:
        self.ended = event
        kind: Kind = "good" if event.status == "finished" else "info"
        text = event.status if not event.reason else f"{event.status}: {event.reason}"
        if event.status in ("diverged", "failed"):
            kind = "error"
            log.error("%s: %s", event.run, text)
        self._note(kind, text)
        if event.test:
            views = event.test.get("test_acc_views")
            words = "" if views is None else f", {metric(views)} as the mean of views"
            self._note("good", f"test_acc {metric(event.test['test_acc'])} test set{words}")

    def on_training_finished(self, message: TrainingFinished) -> None:
        """Take note of the end of the thread."""
        if message.session is not self.session:
            return
        self._running = False
        self.version += 1
        error = message.error
        if isinstance(error, Cancelled):
            self.error = error
            self._note("info", "download stopped; complete files are kept")
        elif error is not None:
            self.error = error
            self._note("error", str(error) or type(error).__name__)
            log.error("training did not begin", exc_info=error)
            if not isinstance(error, EngineError | MemoryError):
                self._note("error", f"internal error ({type(error).__name__}); see the log")

    def _note(self, kind: Kind, text: str) -> None:
        self.entries.append(LogEntry(time.monotonic() - self._began, kind, clean(text)))
        del self.entries[:-500]
        self.version += 1

    # -- controls -----------------------------------------------------------------------------

    @property
    def paused(self) -> bool:
        return self._running and self.session is not None and self.session.controls.paused

    def toggle_pause(self) -> None:
        """Pause before the next batch, or resume."""
        if self.session is not None:
            controls = self.session.controls
            (controls.resume if controls.paused else controls.pause)()
            self._note("info", "paused" if controls.paused else "resumed")

    def step(self) -> None:
        """Train one batch, then pause."""
        if self.session is not None:
            self.session.controls.step()
            self.version += 1

    def stop(self, reason: str = "stopped") -> None:
        """Save a checkpoint and end."""
        if self._running and self.session is not None:
            self.session.controls.stop(reason)
            self.version += 1

    def checkpoint(self) -> None:
        """Save a checkpoint before the next batch."""
        if self.session is not None:
            self.session.controls.checkpoint_now()

    def scale_lr(self, factor: float) -> float:
        """Multiply the learning rate; the rest of the schedule scales with it.

        Returns:
            The rate that was asked for.
        """
        session = self.session
        assert session is not None
        now = self._wanted_lr
        self._wanted_lr = (self._current_lr(session) if now is None else now) * factor
        session.controls.set_lr(self._wanted_lr)
        return self._wanted_lr

    def request_snapshot(self, callback: Callable[[Snapshot], None]) -> bool:
        """Have ``callback`` called, in the app's thread, with a look inside after the next batch.

        Returns:
            False if nothing is training; it is never called then.
        """
        session = self.session
        if not self._running or session is None or self.started is None or self.ended is not None:
            return False

        def taken(future: Future[Snapshot]) -> None:
            if not future.cancelled():
                self._pump.post_message(SnapshotTaken(callback, future.result()))

        session.controls.request_snapshot().add_done_callback(taken)
        return True

    # -- looking ------------------------------------------------------------------------------

    @property
    def hints(self) -> tuple[Hint, ...]:
        """The hints that hold, in the running training or at the end of the last one."""
        if self.session is None or self.started is None:
            return ()
        return self.session.hinting.current

    @property
    def metric_buffer(self) -> MetricBuffer | None:
        """The metrics of every step, to be polled."""
        return self.session.metric_buffer if self.session else None

    def curve(self) -> Curve | None:
        """The metrics of every step so far."""
        return self.session.metric_buffer.curve() if self.session else None

    @property
    def phase(self) -> str:
        """As in ``TrainingView``."""
        if self.session is None:
            return "idle"
        if self._running:
            return self.session.phase if self.session.phase != "ended" else "saving"
        if self.ended is not None:
            return self.ended.status
        return "stopped" if isinstance(self.error, Cancelled) else "failed"

    @property
    def sample_seconds(self) -> float | None:
        """Seconds that training on a sample takes in this run; None before there is one."""
        progress = self.session.progress if self.session is not None and self.started else None
        return progress.seconds / progress.trained if progress and progress.trained else None

    @property
    def epoch_seconds(self) -> float:
        """Seconds of an epoch of this run, with its validation; NaN while that is not known."""
        sample = self.sample_seconds
        if sample is None or self.config is None:
            return float("nan")
        return Speed.of(sample, *split_sizes(self.config)).epoch_seconds

    def view(self) -> TrainingView:
        """Where it is, now."""
        session, phase = self.session, self.phase
        if session is None or self.started is None:
            done, total = (session.done, session.total) if session else (0, 0)
            return TrainingView(phase, what=self._what, done=done, total=total)
        return progress_view(
            phase,
            session,
            epochs=self.started.epochs,
            last=self.history[-1] if self.history else {},
            epoch_seconds=self.epoch_seconds,
            lr=self._current_lr(session),
            runs_after=self.seeds.runs_after if self.seeds else 0,
        )

    def _current_lr(self, session: TrainingSession) -> float:
        """That of the last batch, or the one that was set since."""
        if self.lr_changes and self.lr_changes[-1][0] >= session.progress.global_step:
            return self.lr_changes[-1][1]
        return session.state.trainer.optimizer.lr
