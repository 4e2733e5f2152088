"""The sweeps of the working folder, with the curves of the trials that are shown; read in jobs."""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import EngineError
from engine.runs.directory import RunDir
from engine.sweeps.importance import shares
from engine.sweeps.listing import ROOT, SweepInfo, list_sweeps
from tui.jobs import Job
from tui.state.disk_listing import DiskListing

if TYPE_CHECKING:
    from tui.app import CnnApp

Curve = Sequence[Mapping[str, Any]]
"""The metrics of a run, a row an epoch."""

_AGAIN = 2.0
"""Seconds between two looks at sweeps that are trained."""


class SweepsStore:
    """Follows the sweeps in ``sweeps/``, whoever trains them.

    Attributes:
        sweeps: newest first; None before they were listed.
        curves: of the trials that were looked at, by the directory of their run.
        shares: how much each key of a sweep explains, by the sweep's folder and the metric.
        problem: why they cannot be listed, in one line; empty if they can.

    Args:
        app: starts the jobs.
        changed: called when something is known that was not.
    """

    def __init__(self, app: "CnnApp", changed: Callable[[], None]) -> None:
        self._app, self._notify = app, changed
        self.sweeps: list[SweepInfo] | None = None
        self.curves: dict[Path, Curve] = {}
        self.shares: dict[tuple[Path, str], Mapping[str, float]] = {}
        self.problem = ""
        self._weighed: dict[tuple[Path, str], SweepInfo] = {}
        self._weighing = False
        self._stale: set[Path] = set()
        self._reading = False
        self._listing = DiskListing(app, "sweeps", self._reader, self._listed, self._unlisted)
        self._due = 0.0
        self._version = -1

    @property
    def known(self) -> Sequence[SweepInfo]:
        """The sweeps, as far as they are known."""
        return self.sweeps or ()

    def poll(self) -> None:
        """List the sweeps again, if there may be something new; called often."""
        processes = self._app.sweeps
        if processes.version != self._version:
            self._version, self._due = processes.version, 0.0
        if time.monotonic() > self._due and not self._listing.busy:
            self.refresh()

    def invalidate(self) -> None:
        """Have the next ``poll`` list them again."""
        self._due = 0.0

    def forget(self) -> None:
        """Have everything read again."""
        self.sweeps = None
        self.curves.clear()
        self.refresh()

    def refresh(self) -> None:
        """List the sweeps, in a job."""
        self._listing.start()

    def _reader(self) -> Callable[[Job], list[SweepInfo]]:
        known = tuple(self.known)
        return lambda job: list_sweeps(ROOT, known)

    def _listed(self, sweeps: list[SweepInfo]) -> None:
        before, self.sweeps, self.problem = self.sweeps, sweeps, ""
        under_way = any(one.running or one.counts["running"] for one in sweeps)
        self._app.sweeps.stopping &= {one.path for one in sweeps if one.running}
        under_way |= bool(self._app.sweeps.open)
        self._due = time.monotonic() + _AGAIN if under_way else float("inf")
        old = {one.run: one for sweep in before or () for one in sweep.trials}
        for trial in (one for sweep in sweeps for one in sweep.trials):
            if trial.run in self.curves and trial != old.get(trial.run):
                self._stale.add(trial.run)  # shown until it is read again
        if before != sweeps:
            self._notify()

    def _unlisted(self, problem: str) -> None:
        self.sweeps, self.problem = [], problem
        self._due = float("inf")
        self._notify()

    def look_at(self, runs: Iterable[Path]) -> None:
        """Read the curves of runs that are not known yet, all in one job."""
        wanted = [run for run in runs if run not in self.curves or run in self._stale]
        if wanted and not self._reading:
            self._reading = True
            self._stale.difference_update(wanted)
            self._app.start_job(
                partial(_read_curves, wanted),
                on_done=self._read,
                on_error=lambda error: self._read(dict.fromkeys(wanted, ())),
                name="curves",
            )

    def _read(self, found: Mapping[Path, Curve]) -> None:
        self._reading = False
        self.curves |= found
        self._notify()

    def weigh(self, sweep: SweepInfo, metric: str) -> None:
        """Find how much each key of a sweep explains, in a job, unless that is known."""
        key = sweep.path, metric
        if self._weighing or self._weighed.get(key) is sweep:
            return

        def weighed(found: Mapping[str, float]) -> None:
            self._weighing = False
            self.shares[key] = found
            self._notify()

        self._weighing, self._weighed[key] = True, sweep
        done = [one for one in sweep.trials if one.finished]
        settings = [one.settings for one in done]
        values = [one.results.get(metric, math.nan) for one in done]
        self._app.start_job(
            lambda job: shares(settings, values),
            on_done=weighed,
            on_error=lambda error: weighed({}),  # least squares that did not converge
            name="shares",
        )


def _read_curves(runs: Sequence[Path], job: Job) -> dict[Path, Curve]:
    """The curves of runs; none where a run cannot be read."""
    found: dict[Path, Curve] = {}
    for run in runs:
        try:
            found[run] = RunDir.view(run).read_metrics()
        except EngineError:
            found[run] = ()
    return found
