"""Results of a sweep's trials: their table, sorted by a metric, and the spread over seeds."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from engine.errors import RunError
from engine.numbers import exact
from engine.options import maximises
from engine.runs.groups import Spread, results_of, spread
from engine.runs.listing import RunInfo
from engine.storage import atomic
from engine.sweeps.grid import SEED
from engine.sweeps.plan import Trial

METRICS = ("val_acc", "val_loss", "test_acc", "test_loss", "loss", "seconds")
"""What a sweep can be sorted by; ``val_acc`` is that of the best epoch, ``val_loss`` and ``loss``
are those of the last one."""


@dataclass(frozen=True)
class Outcome:
    """What has become of a trial.

    Attributes:
        trial: which.
        status: of its run; ``not begun`` before it has one, ``killed`` after too many deaths,
            ``pruned`` where it was stopped for others did better.
        run: the directory of the run, if there is one.
        reason: why it ended, in a line; empty if there is nothing to say.
        results: by the names in ``METRICS``, as far as there are any.
    """

    trial: Trial
    status: str
    run: Path | None = None
    reason: str = ""
    results: Mapping[str, float] = field(default_factory=dict)

    @property
    def index(self) -> int:
        """The number of the trial, from 1."""
        return self.trial.index

    @property
    def settings(self) -> Mapping[str, str]:
        """The values of the grid's keys."""
        return self.trial.settings

    @property
    def seed(self) -> int:
        """The seed of its config."""
        return self.trial.config.seed

    @property
    def finished(self) -> bool:
        """Whether it was trained to its end."""
        return self.status == "finished"

    @property
    def is_done(self) -> bool:
        """Whether it came to the end that it was to have."""
        return self.status in ("finished", "pruned")

    def to_json(self) -> dict[str, Any]:
        """A line of ``--json``."""
        results = {name: self.results.get(name) for name in METRICS}
        return {
            "trial": self.index,
            "set": dict(self.settings),
            "status": self.status,
            "run": self.run,
            "reason": self.reason,
            **results,
        }


def outcome_of(trial: Trial, info: RunInfo | None, pruned: int | None = None) -> Outcome:
    """What has become of a trial, from its run, and the epoch after which it was pruned."""
    if info is None:
        return Outcome(trial, "not begun")
    known = known_results(info.record)
    reason = info.problem or info.record.get("reason") or ""
    if pruned is not None and info.status != "finished":
        return Outcome(trial, "pruned", info.path, pruning_reason(pruned), known)
    return Outcome(trial, info.status or "broken", info.path, reason, known)


def known_results(record: Mapping[str, Any]) -> dict[str, float]:
    """The results in the record of a run, by the names in ``METRICS``."""
    last = record.get("final") or {}
    results = {"val_loss": last.get("val_loss"), **results_of(record)}
    return {name: value for name, value in results.items() if value is not None}


def pruning_reason(epoch: int) -> str:
    """Why a trial was stopped that was pruned after an epoch."""
    return f"pruned after epoch {epoch}"


def ranked(outcomes: Sequence[Outcome], metric: str) -> list[Outcome]:
    """Sort by a metric, the best first: the finished, then the others in their order."""

    def key(one: Outcome) -> tuple[bool, float, int]:
        value = one.results.get(metric, math.nan) if one.finished else math.nan
        signed = -value if maximises(metric, "auto") else value
        return math.isnan(value), 0.0 if math.isnan(value) else signed, one.index

    return sorted(outcomes, key=key)


class Tried(Protocol):
    """A trial with its results, as its process or the list of sweeps knows it."""

    @property
    def index(self) -> int:
        """Its number, from 1."""

    @property
    def settings(self) -> Mapping[str, str]:
        """The values of the grid's keys."""

    @property
    def seed(self) -> int | None:
        """None where it is not known."""

    @property
    def finished(self) -> bool:
        """Whether it was trained to its end."""

    @property
    def results(self) -> Mapping[str, float]:
        """By the names in ``METRICS``, as far as there are any."""


T = TypeVar("T", bound=Tried)


@dataclass(frozen=True)
class Repetitions(Generic[T]):
    """Trials that differ in the seed alone.

    Attributes:
        trials: at least one.
    """

    trials: tuple[T, ...]

    @property
    def key(self) -> str:
        """A name that no other trials of the sweep have."""
        return f"group-{self.trials[0].index}"

    @property
    def settings(self) -> dict[str, str]:
        """The values that they have in common: all but the seed."""
        return without_seed(self.trials[0])

    def __str__(self) -> str:
        """These values in words; ``the config`` where there are none."""
        return " ".join(f"{key}={value}" for key, value in self.settings.items()) or "the config"

    def spread(self, metric: str) -> Spread | None:
        """Spread of a metric over the finished ones; None for fewer than two."""
        return spread((one.seed or 0, one.results[metric]) for one in self._known(metric))

    def value(self, metric: str) -> float:
        """The mean of a metric over the finished ones; NaN where none is."""
        known = [one.results[metric] for one in self._known(metric)]
        return sum(known) / len(known) if known else math.nan

    def _known(self, metric: str) -> list[T]:
        return [one for one in self.trials if one.finished and metric in one.results]


def repetitions(trials: Sequence[T]) -> list[Repetitions[T]]:
    """Trials by their values without the seed, in the order of the first of each."""
    found: dict[tuple[tuple[str, str], ...], list[T]] = {}
    for trial in trials:
        found.setdefault(tuple(without_seed(trial).items()), []).append(trial)
    return [Repetitions(tuple(same)) for same in found.values()]


def best_first(groups: Sequence[Repetitions[T]], metric: str) -> list[Repetitions[T]]:
    """Sort by the mean of a metric over finished trials, the best first; the others after them."""
    sign = -1.0 if maximises(metric, "auto") else 1.0

    def key(one: Repetitions[T]) -> tuple[bool, float]:
        value = one.value(metric)
        return math.isnan(value), 0.0 if math.isnan(value) else sign * value

    return sorted(groups, key=key)


def without_seed(trial: Tried) -> dict[str, str]:
    """The values of a trial but for its seed: what it has in common with its repetitions."""
    return {key: value for key, value in trial.settings.items() if key != SEED}


def write_table(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write ``trials.csv``: a row for each trial, in their order.

    Raises:
        RunError: the disk refused; the old table is untouched.
    """
    keys = list(outcomes[0].settings)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", *keys, "status", "run", *METRICS])
    for one in outcomes:
        values = [exact(one.results.get(name)) for name in METRICS]
        run = "" if one.run is None else one.run.name
        own = [one.settings[key] for key in keys]
        writer.writerow([one.index, *own, one.status, run, *values])
    try:
        atomic.write_atomic(path, text.getvalue().encode())
    except OSError as error:
        raise RunError(f"{path}: not written: {error.strerror or error}") from None
