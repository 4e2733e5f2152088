"""Groups of runs that are started together, and the spread of results over seeds.

A run of a group says so in its record: the group's id, which run of it this is, and how many there
are to be. Nothing else knows of the group, so that its runs can be copied, moved and deleted.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple, TypeVar

import numpy as np

from engine.arrays import Array
from engine.config import Config, config_hash
from engine.runs.listing import RunInfo
from engine.runs.record import GROUP

Run = TypeVar("Run")

STANDING = ("finished", "diverged", "running", "stopped", "interrupted", "failed", None)
"""Of several runs of one seed, the one that counts is the first in this order."""


@dataclass(frozen=True)
class Place:
    """A run's place in its group.

    Attributes:
        group: the group's id, such as ``seeds-3fa2c1``.
        index: which run of the group it is, from 1.
        size: how many runs the group is to have.
    """

    group: str
    index: int
    size: int

    def to_json(self) -> dict[str, Any]:
        """Its entry in ``run.json``."""
        return asdict(self)


def new_id() -> str:
    """An id for a new group."""
    return f"seeds-{secrets.token_hex(3)}"


def place_of(record: Mapping[str, Any]) -> Place | None:
    """A run's place in its group, from its record; None for a run by itself."""
    found = record.get(GROUP)
    return None if found is None else Place(found["group"], found["index"], found["size"])


class Spread(NamedTuple):
    """Mean, sample standard deviation (n - 1), and number of values."""

    mean: float
    std: float
    n: int


def spread(results: Iterable[tuple[int, float]]) -> Spread | None:
    """Spread of a result over seeds; None for fewer than two seeds.

    Args:
        results: seed and value of every run. Two runs of one seed are the same training, and count
            once.
    """
    values = list(dict(results).values())
    return Spread(mean(values), stdev(values), len(values)) if len(values) > 1 else None


def same_but_for_seed(
    runs: Sequence[Run], config: Callable[[Run], Config | None]
) -> list[tuple[Run, ...]]:
    """Runs by their config without its seed, in the order in which they were given.

    Args:
        runs: any things that have a config.
        config: gives it; None for one that is like no other.
    """
    found: dict[str, list[Run]] = {}
    for number, run in enumerate(runs):
        one = config(run)
        key = str(number) if one is None else config_hash(one.model_copy(update={"seed": 0}))
        found.setdefault(key, []).append(run)
    return [tuple(same) for same in found.values()]


def results_of(record: Mapping[str, Any]) -> dict[str, float]:
    """The results that a record has: of the test, the best validation and the last epoch."""
    found = {
        **(record.get("test") or {}),
        "val_acc": (record.get("best") or {}).get("val_acc"),
        "loss": (record.get("final") or {}).get("loss"),
        "seconds": record.get("seconds"),
    }
    return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True)
class RunGroup:
    """The runs of a group that are in one folder.

    Attributes:
        id: the group's.
        size: how many runs it is to have.
        runs: those that there are, by seed; a copy stands beside its original.
    """

    id: str
    size: int
    runs: tuple[RunInfo, ...]

    @property
    def path(self) -> Path:
        """A path of its own beside those of its runs; there is no such folder."""
        return self.runs[0].path.parent / self.id

    @property
    def name(self) -> str:
        """The name of its config."""
        return self.runs[0].name

    @property
    def parts(self) -> dict[int, RunInfo]:
        """The run that counts for each index, as far as there is one."""
        found: dict[int, RunInfo] = {}
        for info in sorted(self.runs, key=lambda info: STANDING.index(info.status)):
            place = place_of(info.record)
            if place is not None:
                found.setdefault(place.index, info)
        return dict(sorted(found.items()))

    @property
    def seeds(self) -> list[int]:
        """The seeds of its runs."""
        return [info.record.get("seed", 0) for info in self.parts.values()]

    @property
    def finished(self) -> tuple[RunInfo, ...]:
        """Its finished runs, one for each seed."""
        return tuple(info for info in self.parts.values() if info.status == "finished")

    def count(self, status: str) -> int:
        """How many of its seeds have a status."""
        return sum(info.status == status for info in self.parts.values())

    @property
    def is_complete(self) -> bool:
        """Whether every seed is trained to its end, or diverged."""
        return self.count("finished") + self.count("diverged") == self.size

    def spread(self, name: str) -> Spread | None:
        """Spread of a result of ``results_of`` over the finished runs; None for fewer than two."""
        known = [(info.record.get("seed", 0), results_of(info.record)) for info in self.finished]
        return spread((seed, results[name]) for seed, results in known if name in results)

    def summary(self) -> dict[str, Any]:
        """The group as JSON: its runs, and mean, std and number of every result."""
        names = dict.fromkeys(name for info in self.finished for name in results_of(info.record))
        found = {name: one for name in names if (one := self.spread(name)) is not None}
        return {
            "group": self.id,
            "size": self.size,
            "finished": self.count("finished"),
            "diverged": self.count("diverged"),
            "seeds": self.seeds,
            "runs": [info.id for info in self.parts.values()],
            "mean": {name: one.mean for name, one in found.items()},
            "std": {name: one.std for name, one in found.items()},
            "n": {name: one.n for name, one in found.items()},
        }


def grouped(runs: Sequence[RunInfo]) -> list[RunInfo | RunGroup]:
    """Runs in their order, each group in one piece, where its first run stands."""
    members: dict[str, list[RunInfo]] = {}
    for info in runs:
        place = place_of(info.record)
        if place is not None:
            members.setdefault(place.group, []).append(info)
    found: dict[str, RunInfo | RunGroup] = {}
    for info in runs:
        place = place_of(info.record)
        if place is None:
            found[info.id] = info
        elif place.group not in found:
            found[place.group] = _group(members[place.group])
    return list(found.values())


def groups_in(runs: Sequence[RunInfo]) -> list[RunGroup]:
    """The groups of some runs."""
    return [one for one in grouped(runs) if isinstance(one, RunGroup)]


def _group(runs: Sequence[RunInfo]) -> RunGroup:
    def index(info: RunInfo) -> int:
        place = place_of(info.record)
        return 0 if place is None else place.index

    ordered = tuple(sorted(runs, key=index))
    first = place_of(ordered[0].record)
    assert first is not None
    return RunGroup(first.group, first.size, ordered)


class Band(NamedTuple):
    """A metric over epochs: mean and sample standard deviation of some runs, each (E,).

    ``n`` is the number of runs. One run is a band without width.
    """

    epochs: Array
    mean: Array
    std: Array
    n: int


def band(curves: Sequence[Sequence[Mapping[str, Any]]], metric: str) -> Band | None:
    """Band of a metric; None where no run has it.

    Args:
        curves: the rows of every run, one an epoch, in their order.
        metric: a key of the rows. Epochs that fewer than two of several runs have are left out.
    """
    table = np.full((len(curves), max(map(len, curves), default=0)), np.nan)
    for line, rows in zip(table, curves, strict=True):
        values = (row.get(metric) for row in rows)
        line[: len(rows)] = [v if isinstance(v, int | float) else np.nan for v in values]
    there = np.isfinite(table)
    known = int(there.any(axis=1).sum())
    counts = there.sum(axis=0)
    epochs = np.flatnonzero(counts >= (2 if known > 1 else 1))
    if not len(epochs):
        return None
    table, there, counts = table[:, epochs], there[:, epochs], counts[epochs]
    means = np.where(there, table, 0.0).sum(axis=0) / counts
    squares = (np.where(there, table, means) - means) ** 2
    stds = np.sqrt(squares.sum(axis=0) / np.maximum(counts - 1, 1))
    return Band(epochs + 1.0, means, stds, known)
