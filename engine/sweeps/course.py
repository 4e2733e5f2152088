"""The course of a sweep's trials: their metric by epoch, by which others are planned and pruned."""

import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine.errors import EngineError
from engine.options import maximises
from engine.runs.directory import RunDir
from engine.sweeps.folder import SweepFolder
from engine.sweeps.plan import Trial
from engine.sweeps.planner import Told
from engine.sweeps.pruning import PRUNERS, Curve
from engine.sweeps.results import Outcome


class Course:
    """What is known of each trial, epoch by epoch.

    With one trial at a time, it depends on the trials before it alone, also where a sweep was cut
    and resumed: of runs that are there, it is read from their ``metrics.csv``.

    Args:
        folder: of the sweep.
    """

    def __init__(self, folder: SweepFolder) -> None:
        self._folder = folder
        self._metric = folder.recipe.metric
        self._sign = 1.0 if maximises(self._metric, "auto") else -1.0
        self._curves: dict[int, dict[int, float]] = {}

    def read(self, index: int, run: Path) -> None:
        """Read the epochs that a trial's run has."""
        if self._folder.recipe.is_adaptive:
            with suppress(EngineError):
                for row in RunDir.view(run).read_metrics():
                    self._note(index, row)

    def should_prune(
        self, trial: Trial, logs: Mapping[str, Any], outcomes: Mapping[int, Outcome]
    ) -> bool:
        """Note an epoch of a trial; returns whether it is to be its last.

        Args:
            trial: which.
            logs: its metrics, and ``epoch``.
            outcomes: of all trials by number.
        """
        self._note(trial.index, logs)
        name, epoch = self._folder.recipe.prune, logs["epoch"]
        if name is None or epoch >= trial.config.train.epochs:
            return False
        finished: list[Curve] = []
        others: list[Curve] = []
        for index, curve in self._curves.items():
            if index != trial.index:
                is_finished = outcomes[index].finished and index not in self._folder.pruned
                (finished if is_finished else others).append(self._upwards(curve))
        own = self._upwards(self._curves[trial.index])
        return PRUNERS[name](own, epoch, finished, others)

    def told(self, outcomes: Mapping[int, Outcome]) -> list[Told]:
        """What a planner is told of the trials, in their order."""
        return [self._told(outcomes[trial.index]) for trial in self._folder.trials]

    def _told(self, one: Outcome) -> Told:
        index, settings = one.trial.index, one.trial.settings
        value = one.results.get(self._metric, math.nan)
        if index in self._folder.pruned:
            last = self._folder.pruned[index]
            curve = self._curves.get(index, {})
            kept = {at: v for at, v in curve.items() if at <= last and math.isfinite(v)}
            return Told(settings, "pruned", curve=kept)
        if one.status == "diverged":
            return Told(settings, "pruned", curve={})
        if one.finished and math.isfinite(value):
            return Told(settings, "finished", value)
        if one.status in ("failed", "killed", "finished", "broken"):
            return Told(settings, "failed")
        return Told(settings, "running")

    def _note(self, index: int, row: Mapping[str, Any]) -> None:
        value = row.get(self._metric)
        known = isinstance(value, int | float) and math.isfinite(value)
        self._curves.setdefault(index, {})[int(row["epoch"])] = (
            float(value) if known and value is not None else -self._sign * math.inf
        )

    def _upwards(self, curve: Mapping[int, float]) -> dict[int, float]:
        return {epoch: self._sign * value for epoch, value in curve.items()}
