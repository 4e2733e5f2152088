"""The runs of a folder, with the details of those that are shown; read in jobs."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from engine.runs.groups import RunGroup, groups_in
from engine.runs.listing import RunInfo, list_runs
from engine.runs.progress import with_progress
from tui.jobs import Job
from tui.state.disk_listing import DiskListing
from tui.state.run_details import RunDetails, group_details, read_details

if TYPE_CHECKING:
    from tui.app import CnnApp

LETTERS = "abcdef"
"""Of the marked runs, and so how many can be marked."""

_AGAIN = 2.0
"""Seconds between two looks at runs that are under way."""


class RunsStore:
    """Follows the runs of a folder.

    Attributes:
        runs: newest first; None before they were listed.
        details: of the runs that were looked at, by path.
        groups: those of the runs, by path.
        marked: the letter of every run or group that is marked, by path.
        problem: why they cannot be listed, in one line; empty if they can.

    Args:
        app: starts the jobs.
        changed: called when something is known that was not.
    """

    def __init__(self, app: "CnnApp", changed: Callable[[], None]) -> None:
        self._app, self._notify = app, changed
        self.runs: list[RunInfo] | None = None
        self.details: dict[Path, RunDetails] = {}
        self.groups: dict[Path, RunGroup] = {}
        self.marked: dict[Path, str] = {}
        self.problem = ""
        self._reading: set[Path] = set()
        self._stale: set[Path] = set()
        self._listing = DiskListing(app, "runs", self._reader, self._listed, self._unlisted)
        self._due = 0.0
        self._version = -1

    @property
    def known(self) -> Sequence[RunInfo]:
        """The runs, as far as they are known."""
        return self.runs or ()

    def poll(self) -> None:
        """List the runs again, if there may be something new; called often."""
        version = self._app.training.version
        under_way = any(info.status == "running" for info in self.known)
        news = under_way or version != self._version
        due = self.runs is None or (news and time.monotonic() > self._due)
        if due and not self._listing.busy:
            self._version = version
            self.refresh()

    def invalidate(self) -> None:
        """Have the next ``poll`` list them again."""
        self._due, self._version = 0.0, -1

    def refresh(self) -> None:
        """List the runs, in a job."""
        self._listing.start()

    def _reader(self) -> Callable[[Job], list[RunInfo]]:
        root = self._app.choice.runs_root
        return lambda job: [with_progress(info) for info in list_runs(root)]

    def _listed(self, runs: list[RunInfo]) -> None:
        before = {info.path: info for info in self.known}
        now = {info.path: info for info in runs}
        for path in list(self.details):
            info = now.get(path)
            if info is None:
                del self.details[path]
            elif info.status == "running" or info != before.get(path):
                self._stale.add(path)  # shown until it is read again
        self.groups = {group.path: group for group in groups_in(runs)}
        there = now.keys() | self.groups.keys()
        self.marked = {path: letter for path, letter in self.marked.items() if path in there}
        self.runs, self.problem = runs, ""
        self._due = time.monotonic() + _AGAIN
        self._notify()

    def _unlisted(self, problem: str) -> None:
        self.runs, self.problem = [], problem
        self._due = float("inf")
        self._notify()

    def details_of(self, one: RunInfo | RunGroup, metric: str | None = None) -> RunDetails | None:
        """Details of a run or, with a metric's means, of a group; None before they are known."""
        if isinstance(one, RunGroup):
            return group_details(one, self.details, metric)
        return self.details.get(one.path)

    def look_at(self, shown: Sequence[RunInfo | RunGroup]) -> None:
        """Read the details of runs that are not known yet, one in a job."""
        for info in (
            run
            for one in shown
            for run in (one.parts.values() if isinstance(one, RunGroup) else (one,))
        ):
            known = info.path in self.details and info.path not in self._stale
            if not known and info.path not in self._reading:
                self._stale.discard(info.path)
                self._reading.add(info.path)
                self._app.start_job(
                    partial(_read, info.path),
                    on_done=self._read,
                    on_error=partial(self._unread, info.path),
                    name="run",
                )

    def _read(self, found: tuple[Path, RunDetails]) -> None:
        path, details = found
        self._reading.discard(path)
        self.details[path] = details
        self._notify()

    def _unread(self, path: Path, error: Exception) -> None:
        self._read((path, RunDetails(problem=f"{type(error).__name__}: {error}")))

    def toggle_mark(self, path: Path) -> None:
        """Mark a run with the first free letter, or take its mark away."""
        if path in self.marked:
            del self.marked[path]
        elif len(self.marked) < len(LETTERS):
            free = next(letter for letter in LETTERS if letter not in self.marked.values())
            self.marked[path] = free


def _read(path: Path, job: Job) -> tuple[Path, RunDetails]:
    return path, read_details(path)
