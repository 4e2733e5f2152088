"""Messages from the training thread to the app, and the training's progress in numbers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from textual.message import Message

from engine.events import Event, Logs
from engine.train.session import TrainingSession
from engine.train.snapshot import Snapshot

Kind = Literal["info", "good", "warning", "error"]


class TrainingEvent(Message):
    """An event of the session."""

    bubble = False

    def __init__(self, session: TrainingSession, event: Event) -> None:
        super().__init__()
        self.session, self.event = session, event


class TrainingFinished(Message):
    """The end of the thread; ``error`` is set where it failed before an ``Ended`` event."""

    bubble = False

    def __init__(self, session: TrainingSession, error: Exception | None) -> None:
        super().__init__()
        self.session, self.error = session, error


class SnapshotTaken(Message):
    """A requested snapshot, and the callback that gets it."""

    bubble = False

    def __init__(self, callback: Callable[[Snapshot], None], snapshot: Snapshot) -> None:
        super().__init__()
        self.callback, self.snapshot = callback, snapshot


@dataclass(frozen=True)
class LogEntry:
    """One line of the log that the Train screen shows."""

    seconds: float
    kind: Kind
    text: str


@dataclass(frozen=True)
class TrainingView:
    """Progress of the training in numbers.

    Attributes:
        phase: ``idle``, ``loading``, ``downloading``, ``training``, ``paused``, ``validating``,
            ``testing``, or how it ended: ``finished``, ``stopped``, ``diverged``, ``failed``.
        what: the file that is being downloaded; else empty.
        done, total: within the phase: bytes, batches of the epoch, or samples.
        epoch, epochs: the running epoch from 1, and how many there are to be.
        step, steps_per_epoch: batches done of the running epoch.
        fraction: of all batches, from 0 to 1.
        samples_per_s: while training; 0 before the first batch.
        seconds: time spent training.
        eta_epoch, eta_total: seconds that are left, the runs of the other seeds included; NaN
            where there is nothing to tell from.
        lr: the current learning rate, or NaN.
    """

    phase: str
    what: str = ""
    done: int = 0
    total: int = 0
    epoch: int = 0
    epochs: int = 0
    step: int = 0
    steps_per_epoch: int = 0
    fraction: float = 0.0
    samples_per_s: float = 0.0
    seconds: float = 0.0
    eta_epoch: float = float("nan")
    eta_total: float = float("nan")
    lr: float = float("nan")


def progress_view(
    phase: str,
    session: TrainingSession,
    *,
    epochs: int,
    last: Logs,
    epoch_seconds: float,
    lr: float,
    runs_after: int = 0,
) -> TrainingView:
    """The progress of a session that has started.

    Args:
        phase: as in ``TrainingView``.
        session: the session.
        epochs: how many there are to be.
        last: the logs of the epoch before; empty in the first one.
        epoch_seconds: that an epoch takes, with its validation; NaN where that is not known.
        lr: the current learning rate.
        runs_after: runs of the same length that follow.
    """
    progress, steps = session.progress, session.steps_per_epoch
    epoch = min(progress.epoch + 1, epochs)
    rate = progress.samples / progress.epoch_seconds if progress.step else 0.0
    left = epoch_seconds * (1 - progress.step / max(steps, 1))
    return TrainingView(
        phase,
        done=session.done,
        total=session.total,
        epoch=epoch,
        epochs=epochs,
        step=progress.step,
        steps_per_epoch=steps,
        fraction=min(1.0, progress.global_step / max(epochs * steps, 1)),
        samples_per_s=rate or last.get("samples_per_s", 0.0),
        seconds=progress.seconds,
        eta_epoch=left,
        eta_total=left + (epochs - epoch + runs_after * epochs) * epoch_seconds,
        lr=lr,
    )
