"""Train headless: ``cnn-tui train``, ``cnn-tui --no-ui`` and ``cnn-tui resume``."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine import paths
from engine.commands.output import Output
from engine.commands.signals import Signals
from engine.config import Config, config_hash, inline
from engine.errors import EngineError
from engine.events import (
    CheckpointSaved,
    Ended,
    EpochEnded,
    Event,
    LearningRateChanged,
    Remarked,
    Started,
    Warned,
)
from engine.numbers import duration, metric, significant
from engine.runs.listing import RunInfo, list_unfinished
from engine.train import extending, factory
from engine.train.extending import Extension
from engine.train.session import WEIGHTS, TrainingSession

_EVENT_NAMES = {
    Started: "start",
    EpochEnded: "epoch",
    CheckpointSaved: "checkpoint",
    LearningRateChanged: "lr",
    Warned: "warning",
    Remarked: "remark",
    Ended: "end",
}


def train(config: Config, out: Output) -> int:
    """Train a config from its start.

    Returns:
        0 done, 1 diverged or not saved, 130, 143 or 129 after a signal.

    Raises:
        EngineError: it could not begin.
    """
    teller = _Teller(out)
    session = TrainingSession(config, on_event=teller.tell, on_progress=out.progress.update)
    return _run(session, out)


def train_or_resume(config: Config, out: Output) -> int:
    """Go on with the newest unfinished run of this very config, or train it from its start.

    Returns, raises: as ``train``.
    """
    for info in list_unfinished(config.runs_dir):
        if _is_of(info, config):
            out.say(f"resuming the unfinished run {info.id}")
            return _resume(config, info.path, out)
    out.say(f"no unfinished run of this config in {config.runs_dir}: training from the start")
    return train(config, out)


def _is_of(info: RunInfo, config: Config) -> bool:
    """Whether a run has this config, but for what never changes the result."""
    if (info.name, info.record.get("config_hash")) != (config.name, config_hash(config)):
        return False
    try:
        own = factory.config_of(info.path)
    except EngineError:
        return False
    # A checkpoint holds what its callbacks remember, in their order: also those that only write.
    return [type(item) for item in own.callbacks] == [type(item) for item in config.callbacks]


def resume_command(run: Path) -> str:
    """What to type to resume a run."""
    return f"cnn-tui resume {paths.quote(str(run))}"


def resume(
    run: Path, out: Output, overrides: Sequence[str] = (), *, allow_outside: bool = False
) -> int:
    """Resume a run, as if it had never stopped.

    Args:
        run: its directory.
        out: gets what happens.
        overrides: what is changed in its config, see ``extending``.
        allow_outside: see ``places.settle``.

    Returns, raises: as ``train``.
    """
    extension = extending.plan(run, overrides) if overrides else None
    config = factory.config_of(run, overrides, allow_outside=allow_outside)
    for key, (old, new) in extension.changed.items() if extension else ():
        out.say(f"{key}: {inline(old)} → {inline(new)}")
    return _resume(config, run, out, extension, adopt=allow_outside)


def _resume(
    config: Config,
    run: Path,
    out: Output,
    extension: Extension | None = None,
    *,
    adopt: bool = False,
) -> int:
    teller = _Teller(out)
    session = TrainingSession(
        config,
        resume=run,
        extension=extension,
        adopt=adopt,
        on_event=teller.tell,
        on_progress=out.progress.update,
    )
    return _run(session, out)


def _run(session: TrainingSession, out: Output) -> int:
    with Signals(session.controls.stop_from_signal, out.progress.abandon) as signals:
        try:
            ended = session.run()
        finally:
            out.progress.close()
    if ended.status == "stopped":
        return signals.exit_code or 1
    return 0 if ended.status == "finished" else 1


class _Teller:
    """Says what a session does."""

    def __init__(self, out: Output) -> None:
        self.out = out

    def tell(self, event: Event) -> None:
        self.out.json({"event": _EVENT_NAMES[type(event)], **_plain(event)})
        match event:
            case Started():
                self._started(event)
            case EpochEnded():
                self.out.text(epoch_line(event))
            case Warned():
                self.out.complain(f"warning: {event.message}")
            case Remarked():
                self.out.say(f"remark: {event.message}")
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

    def _ended(self, event: Ended) -> None:
        out = self.out
        out.progress.close()
        if event.status in ("diverged", "failed"):
            out.complain(event.reason)
        elif event.status == "stopped":
            out.complain(
                f"stopped ({event.reason}) after epoch {event.epochs_done}; resume with:"
                f"  {resume_command(event.run_dir)}"
            )
        elif event.reason:
            out.say(event.reason)
        if event.test:
            out.text(
                f"test_loss {metric(event.test['test_loss'])}  "
                f"test_acc {metric(event.test['test_acc'])}  "
                f"{duration(event.seconds)}  {event.samples_per_s:,.0f} samples/s"
            )
        if event.status == "finished":
            out.say(f"weights {event.run_dir / WEIGHTS}")


def epoch_line(event: EpochEnded) -> str:
    """One line with an epoch's metrics."""
    logs = event.logs
    width = len(str(event.epochs))
    return (
        f"epoch {event.epoch:{width}}/{event.epochs}"
        f"  loss {metric(logs['loss'])}  acc {metric(logs['acc'])}"
        f"  val_loss {metric(logs['val_loss'])}  val_acc {metric(logs['val_acc'])}"
        f"  lr {significant(logs['lr'])}  {duration(logs['seconds'])}"
        f"  {logs['samples_per_s']:,.0f} samples/s"
    )


def _plain(event: Event) -> dict[str, Any]:
    """An event's fields, with an epoch's metrics beside its number."""
    fields = asdict(event)
    if isinstance(event, EpochEnded):
        return fields | fields.pop("logs")
    return fields
