"""What headless commands look like on a terminal: Rich's progress bar on stderr."""

import sys

from engine.commands.output import NoProgress, Output, ProgressBar


def make_output(*, as_json: bool, quiet: bool) -> Output:
    """An output that shows a live bar where stderr is a terminal, and none elsewhere."""
    live = sys.stderr.isatty() and not quiet
    progress: ProgressBar = RichProgress() if live else NoProgress()
    return Output(as_json=as_json, quiet=quiet, progress=progress)


class RichProgress:
    """A bar with percentage, elapsed and remaining time; another label starts another bar."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
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
        )
        self._task: int | None = None
        self._total = -1

    def update(self, label: str, done: int, total: int) -> None:
        """Move the bar; a different total means a different thing to show."""
        if self._task is None or total != self._total:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(label, total=total)
            self._total = total
            self._bar.start()
        self._bar.update(self._task, description=label, completed=done)

    def close(self) -> None:
        """Take the bar off the screen."""
        self._bar.stop()
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
