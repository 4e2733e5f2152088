"""Folders of sweeps whose runs are made by hand: the same every time, without training."""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

from engine.runs.directory import LOCK as RUN_LOCK
from engine.runs.record import format_time
from engine.storage import atomic
from engine.storage.locks import Lock
from engine.sweeps.folder import LOCK, MANIFEST, RUNS, SweepFolder
from engine.sweeps.plan import make_trials
from tests.support.run_makers import make_run
from tests.support.sweeps import TEXT, recipe

SWEEP = "20260105-101010-tiny-0a0a"
GRID = ("train.lr=0.1,0.03", "seed=1..2")
ACCURACIES = {1: (0.5, 0.7), 2: (0.4, 0.8), 3: (0.6, 0.9), 4: (0.7, 0.95)}
"""Of the epochs of the trials of ``GRID``: the lower learning rate is the better one."""


def make_sweep(
    root: Path,
    name: str = SWEEP,
    *,
    grid: Sequence[str] = GRID,
    accuracies: Mapping[int, tuple[float, ...]] = ACCURACIES,
    statuses: Mapping[int, str] | None = None,
    weights: bool = False,
    jobs: int = 2,
) -> Path:
    """The folder of a sweep; trials with accuracies have a run, and have finished it.

    Args:
        root: the folder of all sweeps.
        name: of its own folder.
        grid: as for ``--grid``.
        accuracies: of the epochs of a trial, by its number.
        statuses: of the runs that are not finished, by the number of the trial.
        weights: whether the runs have weights.
        jobs: trials at once.
    """
    folder, one = root / name, recipe(*grid)
    with patch.object(atomic, "sync"), patch.object(atomic, "sync_folder"):
        with SweepFolder.create(folder, one, make_trials(one), jobs) as made:
            trials = made.trials
        manifest = json.loads((folder / MANIFEST).read_text())
        manifest["created"] = format_time(datetime(2026, 1, 5, 10, 10, 10).astimezone(UTC))
        (folder / MANIFEST).write_text(json.dumps(manifest))
        (folder / RUNS).mkdir()
        for trial in trials:
            if trial.index in accuracies:
                make_run(
                    folder / RUNS,
                    run_name(trial.index),
                    config=TEXT,
                    overrides=tuple(f"{key}={value}" for key, value in trial.settings.items()),
                    accuracies=accuracies[trial.index],
                    status=(statuses or {}).get(trial.index, "finished"),
                    weights=weights,
                    final=dict.fromkeys(("loss", "val_loss"), 1.0 - accuracies[trial.index][-1]),
                )
    return folder


def run_name(index: int) -> str:
    """The directory of the run of a trial."""
    return f"20260105-{101000 + index}-tiny-{index:03}-{index:04x}"


def held(folder: Path, *running: int) -> ExitStack:
    """Locks as a process of a sweep and its children hold them; closed, it was killed.

    Args:
        folder: of the sweep.
        running: numbers of the trials that are being trained.
    """
    locks = ExitStack()
    locks.enter_context(Lock(folder / LOCK))
    for index in running:
        locks.enter_context(Lock(folder / RUNS / run_name(index) / RUN_LOCK))
    return locks
