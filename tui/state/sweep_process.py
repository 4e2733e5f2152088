"""Sweeps as processes of their own, which continue when the app is closed."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import engine
from engine.config import ConfigProblems
from engine.errors import ConfigError, EngineError, ExitCode, RunError
from engine.parallel.workers import usable_cores
from engine.storage.locks import holder
from engine.sweeps.folder import LOCK, SweepFolder
from engine.sweeps.grid import parse_grid
from engine.sweeps.plan import Recipe, Trial
from engine.sweeps.planner import first_trials, with_plan
from engine.sweeps.pruning import PRUNERS
from tui import text
from tui.jobs import Job

if TYPE_CHECKING:
    from tui.app import CnnApp

LOG = "sweep.log"
"""What the process says, in the folder of its sweep."""

_POLL = 0.2
_TAIL = 4096  # bytes of the log that are read
_SIGNALLED = 128  # exit codes from here on are those of a signal

CHOICES = "random 8, or optuna 20"
"""Which trials of a grid are trained, where it is not all, for example."""

STOPPERS = ", or ".join(PRUNERS)
"""What may stop a trial early."""

_OPTION = re.compile(r"--(?:grid |(random|optuna))")
"""An option in a message, which is a line of a dialog in the app."""

_CHOICE = re.compile(r"(random|optuna) +([1-9][0-9]{0,8})")


def plan(
    text: str, source: str, lines: Sequence[str], trials: str = "", prune: str = ""
) -> tuple[Recipe, list[Trial]]:
    """The trials of a new sweep, all checked; of a planned one, the first. Slow, so for a job.

    Args:
        text: of the config.
        source: its name.
        lines: ``KEY=VALUES`` each.
        trials: ``random N`` or ``optuna N``; empty for all of the grid.
        prune: what stops trials early; empty for nothing.

    Raises:
        ConfigError: all that is wrong with any of them.
        MissingPackageError: Optuna is not installed.
    """
    chosen = _CHOICE.fullmatch(trials)
    if trials and chosen is None:
        raise ConfigError(f"trials: expected {CHOICES}, or nothing for all, got {trials!r}")
    if prune and prune not in PRUNERS:
        raise ConfigError(f"stop early by: expected {STOPPERS}, or nothing, got {prune!r}")
    counts = {chosen[1]: int(chosen[2])} if chosen else {}
    axes, problems = parse_grid(lines)
    recipe = Recipe(text, source, (), tuple(axes), counts.get("random"))
    recipe = with_plan(recipe, counts.get("optuna"), prune or None, recipe.metric)
    return recipe, first_trials(recipe, problems)


def count(recipe: Recipe, trials: Sequence[Trial]) -> int:
    """How many trials there are, or are to be planned."""
    return recipe.optuna or len(trials)


def problems_of(error: EngineError) -> list[str]:
    """What is wrong with a sweep, a line each."""
    if isinstance(error, ConfigProblems):
        found = [str(one) for one in error.problems]
    else:
        found = str(error).splitlines()
    return [_OPTION.sub(r"\1", line) for line in found]


def create(recipe: Recipe, trials: Sequence[Trial], jobs: int | None) -> Path:
    """Make the folder of a new sweep below ``sweeps``; it is trained by ``start``.

    Raises:
        RunError: it cannot be made.
    """
    at_once = jobs or min(usable_cores(), count(recipe, trials))
    with SweepFolder.create(None, recipe, trials, at_once) as folder:
        return folder.path


def start(folder: Path) -> "subprocess.Popen[bytes]":
    """Start the process that trains what is left of a sweep.

    It is in a session of its own, so that neither ctrl-c nor the end of the terminal stop it.

    Raises:
        RunError: the system has no process left, or the log cannot be written.
    """
    package = str(Path(engine.__file__).parents[1])
    found = os.environ.get("PYTHONPATH")
    own = {"PYTHONPATH": os.pathsep.join([package, *([found] if found else [])])}
    try:
        with (folder / LOG).open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", "tui", "sweep", "--resume", str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | own,
                start_new_session=True,
            )
    except OSError as error:
        raise RunError(f"{folder}: cannot be trained: {error.strerror or error}") from None


def wait(process: "subprocess.Popen[bytes]", job: Job) -> int | None:
    """Wait for a process in a job; its exit code.

    None if the app is closed first: the process continues.
    """
    while not job.cancelled:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(_POLL)
    return None


def last_line(folder: Path) -> str:
    """The last line of the log of a sweep; empty where there is none."""
    try:
        with (folder / LOG).open("rb") as log:
            log.seek(max(log.seek(0, os.SEEK_END) - _TAIL, 0))
            lines = log.read(_TAIL).decode("utf-8", "replace").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def stop(folder: Path) -> None:
    """Have the process of a sweep save what it trains, and end.

    Raises:
        RunError: there is none, or it is not ours.
    """
    pid = holder(folder / LOCK)
    if pid is None:
        raise RunError(f"{folder.name}: no process trains it any more")
    try:
        os.kill(pid, signal.SIGTERM)
    except OSError as error:
        raise RunError(f"process {pid} cannot be stopped: {error.strerror or error}") from None


class SweepProcesses:
    """The sweeps that were started here, for as long as the app is open.

    Attributes:
        open: folders of those whose process has not ended.
        stopping: folders of those that were told to stop.
        newest: folder of the one that was made last, until it was shown.
        version: grows with every change of these.

    Args:
        app: starts the jobs, and shows how they end.
    """

    def __init__(self, app: "CnnApp") -> None:
        self._app = app
        self.open: set[Path] = set()
        self.stopping: set[Path] = set()
        self.newest: Path | None = None
        self.version = 0

    def start(self, folder: Path) -> None:
        """Train what is left of a sweep."""
        self.open.add(folder)
        self.stopping.discard(folder)
        self.version += 1
        self._app.start_job(
            lambda job: wait(start(folder), job),
            on_done=lambda code: self._ended(folder, code),
            on_error=lambda error: self._failed(folder, str(error)),
            name="sweep",
        )

    def stop(self, folder: Path) -> None:
        """Have the process of a sweep save what it trains, and end; whoever started it."""
        try:
            stop(folder)
        except RunError as error:
            self._app.show_message(str(error), severity="warning")
        else:
            self.stopping.add(folder)
        self.version += 1

    def _ended(self, folder: Path, code: int | None) -> None:
        if code is None or code < 0 or code >= _SIGNALLED:
            self._forget(folder)
            self._app.show_message(f"sweep {folder.name}: stopped and saved", "R there resumes it")
        elif code == ExitCode.DONE:
            self._forget(folder)
            self._app.show_message(f"sweep {folder.name}: all trials are finished", timeout=10)
        else:
            self._failed(folder, last_line(folder))

    def _failed(self, folder: Path, reason: str) -> None:
        self._forget(folder)
        words = f"sweep {folder.name}: {text.line(reason, 300)}"
        self._app.show_message(words, f"details in {LOG} in its folder", severity="error")

    def _forget(self, folder: Path) -> None:
        self.open.discard(folder)
        self.stopping.discard(folder)
        self.version += 1
