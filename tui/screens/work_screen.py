"""The base of the screens that work in one job at a time, with what came of it."""

from collections.abc import Callable
from typing import Any

from engine.errors import EngineError
from tui import text
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
            if not isinstance(error, EngineError):
                self.cnn.show_message(f"{type(error).__name__}: {error}", severity="error")
            if self.is_attached:
                self.words, self.good = str(error) or type(error).__name__, False
                self._refresh()

        self.words, self.good = words, None
        self.job = self.cnn.start_job(work, on_done=done, on_error=failed, name=self.WHERE)
        self._refresh()

    def _refresh(self) -> None:
        self.refresh_bindings()
        self.refresh_tick()

    def on_unmount(self) -> None:
        if self.job is not None:
            self.job.cancel()

    @property
    def problem(self) -> str:
        """Why the last work failed; empty if it did not."""
        return self.words if self.good is False else ""

    @property
    def progress(self) -> tuple[str, int, int]:
        """What the job is at, how much is done, and of how much."""
        job = self.job
        return (job.label, job.done, job.total) if job is not None else ("", 0, 0)

    def progress_words(self, room: int = 34) -> str:
        """The progress in words, with so many columns for what it is at."""
        label, done, total = self.progress
        return text.line(label or "loading", room) + (f"  {done:,} of {total:,}" if total else "")

    def said(self) -> tuple[str, str]:
        """The line on the last work, and its style."""
        if self.good is None:
            return f" {self.words}", "$muted"
        return f" {'✓' if self.good else '✗'} {self.words}", "$success" if self.good else "$error"
