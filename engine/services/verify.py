"""Verify a run: train it again, and compare the hashes of its weights with the recorded ones."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from engine.callbacks import Callback, Logs
from engine.checkpoints import checkpoint
from engine.config import CheckpointEvery, Config, config_hash
from engine.errors import Cancelled, CheckpointError, RunError
from engine.events import EpochEnded, Event
from engine.runs.directory import RunDir
from engine.runs.progress import read_recorded
from engine.runs.provenance import KEY, Part, Provenance, RateChange, weights_hash
from engine.runs.weight_files import START, WEIGHTS
from engine.train import factory
from engine.train.controls import Controls
from engine.train.session import TrainingSession

_NEVER_MATTERS = {"cores"}
"""Recorded facts on which the bits do not depend."""
_ENOUGH = "compared"


@dataclass(frozen=True)
class Comparison:
    """A recorded hash beside that of the same training here.

    Attributes:
        epoch: counted from 1; None for the finished weights.
        recorded: the hash in the run's record.
        derived: the hash here.
    """

    epoch: int | None
    recorded: str
    derived: str

    @property
    def same(self) -> bool:
        return self.recorded == self.derived

    @property
    def what(self) -> str:
        return "finished weights" if self.epoch is None else f"epoch {self.epoch}"


class Fact(NamedTuple):
    """A recorded fact that the bits may depend on, and that differs here."""

    fact: str
    recorded: str
    here: str


@dataclass(frozen=True)
class Watch:
    """Who is told how far a verification is.

    Attributes:
        on_begin: called before it trains, with the controls that can stop it.
        on_compared: called with every comparison as soon as it is made.
        progress: called with what is being done, how much of it is done, and the total.
    """

    on_begin: Callable[[Controls], None] = lambda controls: None
    on_compared: Callable[[Comparison], None] = lambda one: None
    progress: Callable[[str, int, int], None] = lambda label, done, total: None


@dataclass(frozen=True)
class Verdict:
    """What a verification found.

    Attributes:
        compared: all comparisons, up to the first that differs.
        differs: facts that may explain a difference; empty if there is none.
    """

    compared: tuple[Comparison, ...]
    differs: tuple[Fact, ...]

    @property
    def verified(self) -> bool:
        return all(one.same for one in self.compared)


def verify(
    run: Path,
    *,
    epochs: int | None = None,
    watch: Watch = Watch(),
) -> Verdict:
    """Train a run again from its own config, in a temporary folder, up to the first difference.

    Args:
        run: its directory.
        epochs: compare only the first epochs; None compares all, and the finished weights.
        watch: is told how far it is.

    Raises:
        CheckpointError: the run has nothing recorded to compare with.
        EngineError: it could not be trained here.
        Cancelled: it was stopped through its controls.
    """
    config = factory.config_of(run)
    recorded = read_provenance(run)
    if epochs is not None and epochs < len(recorded.weights):
        recorded.weights, recorded.final = recorded.weights[:epochs], ""
    if not any(recorded.weights) and not recorded.final:
        raise CheckpointError(f"{run}: no hash of its weights is recorded; nothing to compare")
    start = _start_of(run, config, recorded)
    try:
        return compare(config, recorded, watch, start=start)
    except Cancelled:
        raise Cancelled(f"{run}: verifying was cancelled") from None


def compare(
    config: Config, recorded: Provenance, watch: Watch, *, start: Path | None = None
) -> Verdict:
    """Train a config in a temporary folder, up to the first hash that is not the recorded one.

    Args:
        config: what to train.
        recorded: the hashes: of its first epochs, and perhaps of its finished weights; the learning
            rates that were set by hand; the facts that may explain a difference.
        watch: is told how far it is.
        start: the file of the weights to begin with; None begins with fresh ones.

    Raises:
        EngineError: it could not be trained here.
        Cancelled: it was stopped through its controls.
    """
    count = len(recorded.weights)
    compared: list[Comparison] = []
    rates = _RecordedRates(recorded.rates)

    def note(epoch: int | None, was: str, derived: str) -> None:
        if was:  # a run of an earlier version has fewer hashes
            compared.append(Comparison(epoch, was, derived))
            watch.on_compared(compared[-1])

    def see(event: Event) -> None:
        if not isinstance(event, EpochEnded):
            return
        if event.epoch <= count:
            derived = session.state.provenance.weights[-1]
            note(event.epoch, recorded.weights[event.epoch - 1], derived)
        differs = bool(compared) and not compared[-1].same
        if differs or (event.epoch >= count and not recorded.final):
            session.controls.stop(_ENOUGH)

    with tempfile.TemporaryDirectory(prefix="cnn-tui-verify-") as folder:
        session = TrainingSession(
            _writing_only_to(Path(folder), config, start),
            on_event=see,
            on_progress=watch.progress,
            extra_callbacks=[rates],
        )
        rates.session = session
        watch.on_begin(session.controls)
        ended = session.run()
    if ended.status == "stopped" and ended.reason != _ENOUGH:
        raise Cancelled("verifying was cancelled")
    if ended.status == "failed":
        raise RunError(f"the run could not be trained again: {ended.reason}")
    derived = session.state.provenance
    if ended.status == "diverged" and len(derived.weights) < count:
        note(len(derived.weights) + 1, "finite", ended.reason)
    elif recorded.final and ended.reason != _ENOUGH:
        note(None, recorded.final, derived.final)
    same = all(one.same for one in compared)
    differs = [] if same else differing_facts(config, recorded.parts, derived.parts[0])
    return Verdict(tuple(compared), tuple(differs))


def read_provenance(path: Path) -> Provenance:
    """What a run directory records about the origin of its weights.

    Raises:
        CheckpointError, RunError: it cannot be read.
    """
    record = RunDir.view(path).read_record()
    try:
        found = read_recorded(path)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path}: its provenance cannot be read: {error!r}") from None
    # A run of an earlier version has no hash of its finished weights.
    if record.get(KEY) is None and record["status"] == "finished" and not found.final:
        found.final = _hash_of_file(path / WEIGHTS)
    return found


def _hash_of_file(path: Path) -> str:
    prefix = "model/"
    arrays = checkpoint.load(path, only=prefix).arrays
    return weights_hash({name.removeprefix(prefix): array for name, array in arrays.items()})


class _RecordedRates(Callback):
    """Sets the learning rates that were set by hand, at the same batches."""

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


def _start_of(run: Path, config: Config, recorded: Provenance) -> Path | None:
    """The run's own file of the weights that it began with; None where they were fresh.

    Raises:
        CheckpointError: it is missing or damaged, or holds other weights.
    """
    if config.train.init_from is None:
        return None
    path = run / START
    if _hash_of_file(path) != recorded.start:
        raise CheckpointError(f"{path}: not the weights that the run began with")
    return path


def _writing_only_to(folder: Path, config: Config, start: Path | None) -> Config:
    """The same training from the same weights, with all its files in one folder."""
    train = config.train.model_copy(
        update={
            "checkpoint_every": CheckpointEvery(steps=None, seconds=None),
            "film": False,
            "init_from": start,
            "init_except": (),
        }
    )
    return config.model_copy(
        update={
            "runs_dir": folder / "runs",
            "reports_dir": folder / "reports",
            "train": train,
            "callbacks": tuple(item for item in config.callbacks if not item.options.writes()),
        }
    )


def differing_facts(config: Config, parts: Sequence[Part], here: Part) -> list[Fact]:
    """The recorded facts of a run's parts that differ from those here."""
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
                found.append(Fact(f"{name}{since}", _in_a_line(was), _in_a_line(value)))
    return found


def _in_a_line(value: Any) -> str:
    """A fact as text: ``openblas 0.3.30 Haswell 1``."""
    if isinstance(value, dict):
        return " ".join(_in_a_line(item) for item in value.values() if item is not None)
    if isinstance(value, list):
        return ", ".join(map(_in_a_line, value)) or "none"
    return str(value)
