"""Training on the command line: the narration of a session, and its exit code."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.config import Config
from engine.errors import ExitCode
from engine.events import (
    CheckpointSaved,
    Ended,
    EpochEnded,
    Event,
    Hinted,
    LearningRateChanged,
    Noted,
    Started,
    Traffic,
    Warned,
)
from engine.numbers import duration, metric, significant, size
from engine.paths import quote
from engine.runs.weight_files import WEIGHTS
from engine.services.resume import resume_command
from engine.train.extending import Extension
from engine.train.session import TrainingSession
from tui.cli.interruption import interruptible
from tui.cli.output import Output
from tui.cli.ranks import lead

_EVENT_NAMES = {
    Started: "start",
    EpochEnded: "epoch",
    CheckpointSaved: "checkpoint",
    LearningRateChanged: "lr",
    Warned: "warning",
    Noted: "note",
    Hinted: "hint",
    Traffic: "ranks",
    Ended: "end",
}


def run_session(
    config: Config,
    out: Output,
    *,
    resume: Path | None = None,
    extension: Extension | None = None,
    adopt: bool = False,
) -> int:
    """Train a config, or resume a run, and narrate it.

    Args:
        config, resume, extension, adopt: as for ``TrainingSession``.
        out: gets every event.

    Returns:
        0 done, 1 diverged or not saved; 130, 143 or 129 after a signal.

    Raises:
        EngineError: it could not begin.
    """
    leader = lead(config)
    session = TrainingSession(
        config,
        resume=resume,
        extension=extension,
        adopt=adopt,
        on_event=Narrator(out).on_event,
        on_progress=out.progress.update,
        leader=leader,
    )
    with interruptible(out, session.controls.stop_from_signal) as signals:
        if leader is not None:
            leader.on_signal = signals.relay
        ended = session.run()
    if ended.status == "stopped":
        return signals.exit_code or ExitCode.FAILED
    return ExitCode.DONE if ended.status == "finished" else ExitCode.FAILED


class Narrator:
    """Writes the events of a session.

    Args:
        out: gets them.
        more: added to every line of JSON.
        resume_with: the command that resumes it once it was stopped; None for that of the run.
    """

    def __init__(
        self, out: Output, more: Mapping[str, Any] | None = None, resume_with: str | None = None
    ) -> None:
        self.out, self._more, self._resume_with = out, more or {}, resume_with

    def on_event(self, event: Event) -> None:
        self.out.json({"event": _EVENT_NAMES[type(event)], **_fields(event), **self._more})
        match event:
            case Started():
                self._started(event)
            case EpochEnded():
                self.out.text(epoch_line(event))
            case Warned():
                self.out.complain(f"warning: {event.message}")
            case Noted():
                self.out.say(f"note: {event.message}")
            case Hinted():
                self._hinted(event)
            case Traffic():
                self._tell_traffic(event)
            case Ended():
                self._ended(event)

    def _started(self, event: Started) -> None:
        self.out.say(
            f"{event.dataset}: {event.samples:,} samples, {event.parameters:,} parameters, "
            f"seed {event.seed}"
        )
        self.out.say(f"run {event.run_dir}")
        if event.resumed:
            self.out.say(event.resumed)

    def _hinted(self, event: Hinted) -> None:
        if not event.at_end:
            self.out.say(f"hint: {event.title}: {event.message}")
            return
        self.out.progress.close()
        for line in hint_lines(event.title, event.message, event.why, event.fix, event.fix_label):
            self.out.say(line)

    def _tell_traffic(self, event: Traffic) -> None:
        self.out.progress.close()
        machines = "1 machine" if event.machines == 1 else f"{event.machines} machines"
        self.out.say(
            f"{event.ranks} ranks on {machines} sent each other {size(event.bytes_per_step)} a step"
        )

    def _ended(self, event: Ended) -> None:
        out = self.out
        out.progress.close()
        if event.status in ("diverged", "failed"):
            out.complain(event.reason)
        elif event.status == "stopped":
            out.complain(
                f"stopped ({event.reason}) after epoch {event.epochs_done}; resume with:"
                f"  {self._resume_with or resume_command(event.run_dir)}"
            )
        elif event.reason:
            out.say(event.reason)
        if event.test:
            out.text(
                f"test_loss {metric(event.test['test_loss'])}  "
                f"test_acc {metric(event.test['test_acc'])}  {views_words(event.test)}"
                f"{duration(event.seconds)}  {event.samples_per_s:,.0f} samples/s"
            )
        if event.status == "finished":
            out.say(f"weights {event.run_dir / WEIGHTS}")


def views_words(test: Mapping[str, float]) -> str:
    """The accuracy of the mean of several views of each image, where it was measured."""
    acc = test.get("test_acc_views")
    return "" if acc is None else f"test_acc_views {metric(acc)}  "


def hint_lines(
    title: str, message: str, why: str, fix: Sequence[str], fix_label: str
) -> Iterator[str]:
    """A hint that holds at the end, with its fix as options of the command line, and its reason."""
    yield f"{title}: {message}"
    if fix:
        options = " ".join(f"--set {quote(override)}" for override in fix)
        yield f"  fix: {fix_label}: {options}"
    yield f"  why: {why}"


def epoch_line(event: EpochEnded) -> str:
    """The metrics of an epoch in a line."""
    logs = event.logs
    width = len(str(event.epochs))
    return (
        f"epoch {event.epoch:{width}}/{event.epochs}"
        f"  loss {metric(logs['loss'])}  acc {metric(logs['acc'])}"
        f"  val_loss {metric(logs['val_loss'])}  val_acc {metric(logs['val_acc'])}"
        f"  lr {significant(logs['lr'])}  {duration(logs['seconds'])}"
        f"  {logs['samples_per_s']:,.0f} samples/s"
    )


def _fields(event: Event) -> dict[str, Any]:
    """An event as JSON; an epoch's metrics stand beside its number."""
    fields = asdict(event)
    if isinstance(event, EpochEnded):
        return fields | fields.pop("logs")
    return fields
