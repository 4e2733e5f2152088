"""Results of a sweep's trials: their table, sorted by a metric, and the spread over seeds."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.errors import RunError
from engine.numbers import exact
from engine.options import maximises
from engine.runs.groups import Spread, results_of, spread
from engine.runs.listing import RunInfo
from engine.storage import atomic
from engine.sweeps.plan import Trial, repeats

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
            "trial": self.trial.index,
            "set": dict(self.trial.settings),
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
        return math.isnan(value), 0.0 if math.isnan(value) else signed, one.trial.index

    return sorted(outcomes, key=key)


@dataclass(frozen=True)
class Repeated:
    """Trials that differ in the seed alone.

    Attributes:
        outcomes: all of them.
    """

    outcomes: tuple[Outcome, ...]

    def spread(self, metric: str) -> Spread | None:
        """Spread of a metric over the finished ones; None for fewer than two."""
        known = [one for one in self.outcomes if one.finished and metric in one.results]
        return spread((one.trial.config.seed, one.results[metric]) for one in known)


def over_seeds(outcomes: Sequence[Outcome], metric: str) -> list[Repeated]:
    """The trials with the same values but for the seed, the best mean of a metric first.

    Empty if none was repeated.
    """
    by_index = {one.trial.index: one for one in outcomes}
    groups = [
        Repeated(tuple(by_index[trial.index] for trial in same))
        for same in repeats([one.trial for one in outcomes])
    ]
    if all(len(one.outcomes) == 1 for one in groups):
        return []

    def key(one: Repeated) -> tuple[bool, float]:
        found = one.spread(metric)
        mean = 0.0 if found is None else found.mean
        return found is None, -mean if maximises(metric, "auto") else mean

    return sorted(groups, key=key)


def write_table(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write ``trials.csv``: a row for each trial, in their order.

    Raises:
        RunError: the disk refused; the old table is untouched.
    """
    keys = list(outcomes[0].trial.settings)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", *keys, "status", "run", *METRICS])
    for one in outcomes:
        values = [exact(one.results.get(name)) for name in METRICS]
        run = "" if one.run is None else one.run.name
        own = [one.trial.settings[key] for key in keys]
        writer.writerow([one.trial.index, *own, one.status, run, *values])
    try:
        atomic.write_atomic(path, text.getvalue().encode())
    except OSError as error:
        raise RunError(f"{path}: not written: {error.strerror or error}") from None
