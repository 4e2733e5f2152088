"""Sweeps as they are on disk: which there are, and how far each has come.

Nothing is locked and nothing is written, so that a sweep can be watched while it trains.
"""

import csv
import io
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from engine import paths
from engine.config import Config, loads
from engine.errors import EngineError, RunError, UnreadableRunError
from engine.runs.directory import RUN_ID
from engine.runs.groups import STANDING
from engine.runs.listing import RunInfo, run_info
from engine.runs.progress import with_progress
from engine.runs.record import parse_time
from engine.storage import atomic
from engine.storage.locks import is_held
from engine.sweeps import manifest as manifests
from engine.sweeps.folder import LOCK, MANIFEST, RUNS, SETTLED, TABLE
from engine.sweeps.grid import SEED
from engine.sweeps.results import Repetitions, known_results, pruning_reason

ROOT = Path("sweeps")
"""Where sweeps are, in the working folder."""

WAITING = "waiting"
"""The status of a trial that was not begun."""

_NEVER = datetime.min.replace(tzinfo=UTC)
_TABLE_LIMIT = 16 << 20  # bytes


@dataclass(frozen=True)
class TrialInfo:
    """A trial, and how far it has come.

    Attributes:
        index: its number, from 1.
        settings: the values of the grid's keys, as they are written in YAML.
        status: of its run; ``waiting`` before it has one, None where its record is broken,
            ``failed``, ``killed`` or ``pruned`` as the sweep says.
        run: the directory of its run, if there is one.
        reason: why it ended, in a line; empty if there is nothing to say.
        results: by the names in ``results.METRICS``; of one that trains, so far.
        epochs: done, and of how many; None where that is not known.
        seed: None where it is not known.
    """

    index: int
    settings: Mapping[str, str]
    status: str | None = WAITING
    run: Path | None = None
    reason: str = ""
    results: Mapping[str, float] = field(default_factory=dict)
    epochs: tuple[int, int | None] = (0, None)
    seed: int | None = None

    @property
    def finished(self) -> bool:
        """Whether it was trained to its end."""
        return self.status == "finished"

    @property
    def share(self) -> float:
        """How much of it is trained, from 0 to 1."""
        done, whole = self.epochs
        return min(done / whole, 1.0) if whole else 0.0


TrialGroup = Repetitions[TrialInfo]
"""Trials that differ in the seed alone."""


@dataclass(frozen=True)
class SweepInfo:
    """A sweep in the list.

    Attributes:
        path: of its folder, absolute.
        name: of its config.
        created: when it was made, in UTC; None where its manifest cannot be read.
        running: whether a process trains it now.
        manifest: what it is made from; None where that cannot be read.
        base: the config that its trials change; None where this version does not read it.
        trials: in their order.
        problem: why it is broken; empty if it is not.
        stamp: what tells whether its folder has changed.
    """

    path: Path
    name: str
    created: datetime | None = None
    running: bool = False
    manifest: manifests.Manifest | None = None
    base: Config | None = None
    trials: tuple[TrialInfo, ...] = ()
    problem: str = ""
    stamp: tuple[int, ...] = ()

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The keys that differ between its trials, as in the grid."""
        return tuple(dict.fromkeys(key for trial in self.trials for key in trial.settings))

    @property
    def size(self) -> int:
        """How many trials there are, or are to be planned."""
        planned = 0 if self.manifest is None else self.manifest.optuna or 0
        return max(len(self.trials), planned)

    @cached_property
    def counts(self) -> Counter[str]:
        """How many trials are ``done``, ``running``, ``waiting`` or ``failed``.

        One that was cut off waits, as it is resumed, and so do those that are not planned yet; one
        that diverged is failed.
        """
        kinds = Counter(_KINDS.get(trial.status or "", "failed") for trial in self.trials)
        kinds["waiting"] += self.size - len(self.trials)
        return +kinds

    @property
    def share(self) -> float:
        """How much of it is done, from 0 to 1."""
        if not self.trials:
            return 0.0
        kinds = ((_KINDS.get(trial.status or "", "failed"), trial) for trial in self.trials)
        done = sum(1.0 if kind in ("done", "failed") else one.share for kind, one in kinds)
        return done / self.size

    @property
    def seconds_left(self) -> float | None:
        """Estimate of the time to its end; None while nothing is known, or nothing is trained.

        The trials that are left take as long as the others on the average, so many at once.
        """
        if not self.running or self.manifest is None:
            return None
        open_ = [one for one in self.trials if one.status in ("running", *_RESUMED, WAITING)]
        known = [
            one.results["seconds"] / (1.0 if one.finished else one.share)
            for one in self.trials
            if "seconds" in one.results
            and (one.finished or (one.status == "running" and one.share > 0))
        ]
        left = sum(1.0 - one.share for one in open_) + self.size - len(self.trials)
        if not known or not left:
            return None
        return sum(known) / len(known) * left / max(self.counts["running"], 1)


_RESUMED = ("interrupted", "stopped")
_KINDS = {
    "finished": "done", "pruned": "done", "running": "running", WAITING: "waiting",
    **dict.fromkeys(_RESUMED, "waiting"),
}  # fmt: skip


def list_sweeps(root: Path = ROOT, known: Sequence[SweepInfo] = ()) -> list[SweepInfo]:
    """List the sweeps in a folder, newest first; broken ones with the reason.

    Args:
        root: the folder.
        known: what was listed before: of what has not changed since, nothing is read again.

    Raises:
        RunError: the folder is there and cannot be read.
    """
    base = paths.absolute(root, RunError)
    before = {sweep.path: sweep for sweep in known}
    try:
        with os.scandir(base) as entries:
            folders = [Path(entry.path) for entry in entries if entry.is_dir()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UnreadableRunError(f"{root}: {error.strerror or error}") from None
    found = [sweep_info(one, before.get(one)) for one in folders if os.path.isfile(one / MANIFEST)]
    return sorted(found, key=lambda one: (one.created or _NEVER, one.path.name), reverse=True)


def sweep_info(folder: Path, before: SweepInfo | None = None) -> SweepInfo:
    """Read how far a sweep has come.

    Args:
        folder: of the sweep, absolute.
        before: what was read before, to read only what has changed since.

    Returns:
        One with a ``problem`` where the folder is damaged.
    """
    running = is_held(folder / LOCK)
    stamp = (*(_changed(folder / name) for name in (MANIFEST, TABLE, RUNS)), int(running))
    settled = before is not None and not running and stamp == before.stamp
    if before is not None and settled and not before.counts["running"]:
        return before
    try:
        if before is not None and before.manifest is not None and stamp[0] == before.stamp[0]:
            manifest, base = before.manifest, before.base
        else:
            manifest = manifests.read(folder / MANIFEST)
            base = _base_of(manifest)
        trials = _trials(folder, manifest, base, before)
        created = parse_time(manifest.created)
    except (EngineError, ValueError) as error:
        return SweepInfo(folder, folder.name, problem=str(error), stamp=stamp)
    name = base.name if base is not None else Path(manifest.source).stem
    return SweepInfo(folder, name, created, running, manifest, base, trials, stamp=stamp)


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _base_of(manifest: manifests.Manifest) -> Config | None:
    try:
        return loads(manifest.config, manifest.source, manifest.overrides)
    except EngineError:
        return None


def _trials(
    folder: Path, manifest: manifests.Manifest, base: Config | None, before: SweepInfo | None
) -> tuple[TrialInfo, ...]:
    runs = _runs_of(folder, len(manifest.trials), before)
    said, pruned = _said(folder / TABLE), manifest.pruned
    was = {} if before is None else {trial.run: trial for trial in before.trials if trial.run}
    found = []
    for index, one in enumerate(manifest.trials, 1):
        info = runs.get(index)
        if isinstance(info, Path):
            found.append(was[info])
            continue
        seed = _whole(one.set.get(SEED)) if SEED in one.set else base.seed if base else None
        whole = _whole(one.set.get("train.epochs")) or (base.train.epochs if base else None)
        status: str | None = WAITING
        run, reason, record = None, "", dict[str, Any]()
        if info is not None:
            status, run, record = info.status, info.path, with_progress(info).record
            reason = info.problem or record.get("reason") or ""
        if said.get(index) in ("failed", "killed") and status in (WAITING, *_RESUMED):
            status = said[index]
        if index in pruned and status != "finished":
            status, reason = "pruned", pruning_reason(pruned[index])
        done = record.get("epochs")
        epochs = (done if isinstance(done, int) else 0, whole)
        results = known_results(record)
        found.append(TrialInfo(index, one.set, status, run, reason, results, epochs, seed))
    return tuple(found)


def _runs_of(folder: Path, count: int, before: SweepInfo | None) -> dict[int, RunInfo | Path]:
    """The run of each trial that has one; its path alone where nothing can have changed in it.

    Of several, as one that was begun anew, it is the one that came farthest.
    """
    trials = () if before is None else before.trials
    settled = {trial.run for trial in trials if trial.status in SETTLED}
    found: dict[int, RunInfo | Path] = {}
    try:
        names = sorted(os.listdir(folder / RUNS), reverse=True)
    except OSError:
        return {}
    for name in names:
        match = RUN_ID.fullmatch(name)
        index = _whole(match[2].rpartition("-")[2]) if match else None
        if index is None or not 1 <= index <= count:
            continue
        path = folder / RUNS / name
        if path in settled:
            found[index] = path
        elif not isinstance(other := found.get(index), Path):
            info = run_info(path)
            if other is None or STANDING.index(info.status) < STANDING.index(other.status):
                found[index] = info
    return found


def _said(path: Path) -> dict[int, str]:
    """The status of each trial in the table of the sweep, which knows what left no run."""
    found = {}
    with suppress(OSError, ValueError, csv.Error):
        text = atomic.read_limited(path, _TABLE_LIMIT).decode("utf-8")
        for row in csv.DictReader(io.StringIO(text)):
            index = _whole(row.get("trial"))
            if index is not None and row.get("status"):
                found[index] = row["status"]
    return found


def _whole(text: str | None) -> int | None:
    try:
        return int(text or "")
    except ValueError:
        return None
