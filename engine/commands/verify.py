"""Is it true? ``cnn-tui runs verify`` trains a run again, and compares the weights' hashes."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from engine.checkpoints import checkpoint
from engine.commands.output import Output
from engine.commands.runs import find
from engine.commands.signals import Signals
from engine.config import CheckpointEvery, Config, config_hash
from engine.errors import CheckpointError, RunError
from engine.events import EpochEnded, Event
from engine.runs.directory import RunDir
from engine.runs.progress import read_recorded
from engine.runs.provenance import KEY, Part, Provenance, RateChange, weights_hash
from engine.train import factory
from engine.train.callbacks import Callback, Logs
from engine.train.session import WEIGHTS, TrainingSession

_NEVER_MATTERS = {"cores"}
"""Recorded facts on which the bits do not depend."""
_WRITERS = {"checkpoint", "csv_logger"}
"""Callbacks that only write files of the user's, and change nothing."""
_ENOUGH = "compared"


@dataclass(frozen=True)
class Compared:
    """A recorded hash beside that of the same training here; ``epoch`` is None for the end's."""

    epoch: int | None
    recorded: str
    derived: str

    @property
    def same(self) -> bool:
        return self.recorded == self.derived

    @property
    def what(self) -> str:
        return "finished weights" if self.epoch is None else f"epoch {self.epoch}"


def verify(root: Path, name: str, out: Output, *, epochs: int | None = None) -> int:
    """Train a run again from its own config, in a temporary folder, and compare.

    Args:
        root: the folder of the runs.
        name: see ``runs.find``.
        out: gets a line an epoch.
        epochs: compare so many epochs only; None compares all, and the finished weights.

    Returns:
        0 if every hash is the recorded one, 1 if not.

    Raises:
        CheckpointError: there is no such run, or it has nothing recorded to compare with.
        EngineError: it could not be trained here.
        Interrupted: by a signal.
    """
    path = find(root, name).path
    config = factory.config_of(path)
    recorded = read_provenance(path)
    count = len(recorded.weights) if epochs is None else min(epochs, len(recorded.weights))
    to_the_end = bool(recorded.final) and count == len(recorded.weights)
    if not any(recorded.weights[:count]) and not to_the_end:
        raise CheckpointError(f"{path}: no hash of its weights is recorded; nothing to compare")
    out.say(f"training {path.name} again, to compare it with what is recorded")
    compared, parts = _train_again(config, recorded, count, to_the_end, out)
    verified = all(one.same for one in compared)
    differs = [] if verified else _differences(config, recorded.parts, parts[0])
    facts = [fact._asdict() for fact in differs]
    out.json({"event": "end", "run": path.name, "verified": verified, "differs": facts})
    if verified:
        out.text(f"verified: {len(compared)} of {len(compared)} hashes are the same")
        return 0
    out.text(f"not verified: the first difference is in {compared[-1].what}")
    for fact in differs:
        out.text(f"  {fact.fact}: recorded {fact.recorded}, here {fact.here}")
    if not differs:
        out.text("  no recorded fact differs: not NumPy, BLAS, CPU, Python, engine, data or config")
    return 1


def read_provenance(path: Path) -> Provenance:
    """What a run directory says about where its weights come from.

    Raises:
        CheckpointError, RunError: it cannot be read.
    """
    record = RunDir.view(path).read_record()
    try:
        found = read_recorded(path)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path}: what is recorded cannot be read: {error!r}") from None
    # A run of an earlier version has no hash of its finished weights.
    if record.get(KEY) is None and record["status"] == "finished" and not found.final:
        found.final = _hash_of_file(path / WEIGHTS)
    return found


def _hash_of_file(path: Path) -> str:
    prefix = "model/"
    arrays = checkpoint.load(path, only=prefix).arrays
    return weights_hash({name.removeprefix(prefix): array for name, array in arrays.items()})


class _Levers(Callback):
    """Sets the learning rates that were set by hand, at the same moments."""

    session: TrainingSession

    def __init__(self, rates: Sequence[RateChange]) -> None:
        self.rates = rates

    def _set(self, epoch: int, step: int) -> None:
        for change in self.rates:
            if (change.epoch, change.step) == (epoch, step):
                self.session.controls.set_lr(change.lr)

    def on_epoch_begin(self, epoch: int) -> None:
        self._set(epoch, 0)

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        self._set(self.session.progress.epoch, batch + 1)


def _train_again(
    config: Config, recorded: Provenance, count: int, to_the_end: bool, out: Output
) -> tuple[list[Compared], list[Part]]:
    """Compare until the first difference; also gives the facts of this place."""
    compared: list[Compared] = []
    levers = _Levers(recorded.rates)

    def compare(epoch: int | None, was: str, derived: str) -> None:
        if was:  # a run of an earlier version knows fewer
            one = Compared(epoch, was, derived)
            compared.append(one)
            fields = {"recorded": was, "derived": derived, "same": one.same}
            out.json({"event": "epoch" if epoch else "final", "epoch": epoch, **fields})
            out.text(f"{one.what}: {'same' if one.same else 'differs'}  {derived[:16]}")

    def tell(event: Event) -> None:
        if not isinstance(event, EpochEnded):
            return
        if event.epoch <= count:
            derived = session.state.provenance.weights[-1]
            compare(event.epoch, recorded.weights[event.epoch - 1], derived)
        differs = bool(compared) and not compared[-1].same
        if differs or (event.epoch >= count and not to_the_end):
            session.controls.stop(_ENOUGH)

    with tempfile.TemporaryDirectory(prefix="cnn-tui-verify-") as folder:
        session = TrainingSession(
            _elsewhere(config, Path(folder)),
            on_event=tell,
            on_progress=out.progress.update,
            extra_callbacks=[levers],
        )
        levers.session = session
        with Signals(session.controls.stop_from_signal, out.progress.abandon) as signals:
            try:
                ended = session.run()
            finally:
                out.progress.close()
        signals.check()
    if ended.status == "failed":
        raise RunError(f"the run could not be trained again: {ended.reason}")
    derived = session.state.provenance
    if ended.status == "diverged" and len(derived.weights) < count:
        compare(len(derived.weights) + 1, "finite", ended.reason)
    elif to_the_end and ended.reason != _ENOUGH:
        compare(None, recorded.final, derived.final)
    return compared, derived.parts


def _elsewhere(config: Config, folder: Path) -> Config:
    """The same training, writing nowhere but into ``folder``."""
    train = config.train.model_copy(
        update={"checkpoint_every": CheckpointEvery(steps=None, seconds=None)}
    )
    return config.model_copy(
        update={
            "runs_dir": folder / "runs",
            "reports_dir": folder / "reports",
            "train": train,
            "callbacks": tuple(
                item for item in config.callbacks if not _WRITERS & item.model_dump().keys()
            ),
        }
    )


class Fact(NamedTuple):
    """Something the bits may depend on, that is not what it was."""

    fact: str
    recorded: str
    here: str


def _differences(config: Config, parts: Sequence[Part], here: Part) -> list[Fact]:
    """What is recorded of the places the run was trained in, and is not so here."""
    found = []
    for part in parts:
        since = f" (from step {part.step} on)" if part.step else ""
        if part.config_hash != config_hash(config):
            found.append(Fact(f"config{since}", part.config_hash[:16], config_hash(config)[:16]))
        for name in part.other_data(here.data):
            samples = f"{name} samples{since}"
            found.append(Fact(samples, part.data[name][:16], here.data[name][:16]))
        for name, value in here.environment.items():
            was = part.environment.get(name, "nothing")
            if was != value and name not in _NEVER_MATTERS:
                found.append(Fact(f"{name}{since}", _shown(was), _shown(value)))
    return found


def _shown(value: Any) -> str:
    """A fact in one line: ``openblas 0.3.30 Haswell 1``."""
    if isinstance(value, dict):
        return " ".join(_shown(item) for item in value.values() if item is not None)
    if isinstance(value, list):
        return ", ".join(map(_shown, value)) or "none"
    return str(value)
