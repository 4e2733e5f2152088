"""The base of the workbench's screens: one job at a time, and what came of it."""

from collections.abc import Callable
from typing import Any

from tui.jobs import Job
from tui.screens.base import BaseScreen


class WorkScreen(BaseScreen):
    """A screen whose work runs in one job at a time.

    Attributes:
        job: the work that is under way; None if there is none.
        words: what came of the last one, in a line.
        good: whether that is good news; None for neither.
    """

    def __init__(self) -> None:
        super().__init__()
        self.job: Job | None = None
        self.words = ""
        self.good: bool | None = None

    def start(self, words: str, work: Callable[[Job], Any], then: Callable[[Any], None]) -> None:
        """Start work; ``then`` gets its result in the app's thread."""

        def done(result: Any) -> None:
            self.job = None
            if self.is_attached:
                then(result)
                self._refresh()

        def failed(error: Exception) -> None:
            self.job = None
            if self.is_attached:
                self.words, self.good = str(error) or type(error).__name__, False
                self._refresh()

        self.words, self.good = words, None
        self.job = self.cnn.start_job(work, on_done=done, on_error=failed, name="workbench")
        self._refresh()

    def _refresh(self) -> None:
        self.refresh_bindings()
        self.refresh_tick()

    def on_unmount(self) -> None:
        if self.job is not None:
            self.job.cancel()

    def said(self) -> tuple[str, str]:
        """The line on the last work, and its style."""
        if self.good is None:
            return f" {self.words}", "$muted"
        return f" {'✓' if self.good else '✗'} {self.words}", "$success" if self.good else "$error"


def compared(before: str, after: str) -> tuple[str, bool]:
    """What two hashes of weights, buffers and optimizer say after an undo."""
    same = before == after
    words = "the same as before" if same else f"before it was {before[:12]}"
    return f"undone: hash {after[:12]}, {words}", same
