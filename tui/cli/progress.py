"""The progress bar of commands: Rich's, on stderr."""

import sys
from typing import TextIO

from engine.services.signals import write_if_possible
from tui.cli.output import NoProgress, Output, ProgressBar

_SHOW_CURSOR = b"\x1b[?25h\n"


def make_output(*, as_json: bool, quiet: bool) -> Output:
    """The output of a command, with a progress bar where stderr is a terminal."""
    live = _is_terminal(sys.stderr) and not quiet
    progress: ProgressBar = RichProgress() if live else NoProgress()
    return Output(as_json=as_json, quiet=quiet, progress=progress)


class RichProgress:
    """A bar with percentage, elapsed and remaining time; a new total starts a new bar.

    A terminal that goes away (SIGHUP) takes the bar with it, not the work.
    """

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            TaskID,
            TaskProgressColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("eta", style="dim"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            # Rich moves stdout above the bar, which is on stderr: right only where both are the
            # terminal. Data for a pipe or a file has to stay on stdout.
            redirect_stdout=_is_terminal(sys.stdout),
        )
        self._task: TaskID | None = None
        self._total = -1
        self._gone = False

    def update(self, label: str, done: int, total: int) -> None:
        """Show ``done`` of ``total``; a different total means a different task."""
        if self._gone:
            return
        try:
            if self._task is None or total != self._total:
                self._forget_task()
                self._task = self._bar.add_task(label, total=total)
                self._total = total
                self._bar.start()
            self._bar.update(self._task, description=label, completed=done)
        except OSError:
            self._gone = True

    def close(self) -> None:
        """Remove the bar."""
        try:
            self._bar.stop()
        except OSError:
            self._gone = True
        self._forget_task()

    def _forget_task(self) -> None:
        if self._task is not None and self._task in self._bar.task_ids:
            self._bar.remove_task(self._task)
        self._task = None

    def abandon(self) -> None:
        """Show the cursor again, which the bar hides."""
        write_if_possible(2, _SHOW_CURSOR)


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and not stream.closed and stream.isatty()
