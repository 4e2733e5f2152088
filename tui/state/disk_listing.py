"""What is listed from disk in a job, again and again, so that what is shown follows it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from tui.jobs import Job

if TYPE_CHECKING:
    from tui.app import CnnApp

T = TypeVar("T")


class DiskListing(Generic[T]):
    """Lists something, one job at a time.

    Attributes:
        busy: whether it is being listed.

    Args:
        app: starts the jobs.
        name: of the jobs.
        prepare: gives the work of a job; called as it begins, in the app's thread.
        on_done: called with what was found.
        on_error: called with why it cannot be listed, in one line.
    """

    def __init__(
        self,
        app: "CnnApp",
        name: str,
        prepare: Callable[[], Callable[[Job], T]],
        on_done: Callable[[T], None],
        on_error: Callable[[str], None],
    ) -> None:
        self._app, self._name, self._prepare = app, name, prepare
        self._on_done, self._on_error = on_done, on_error
        self.busy = False
        self._asked_meanwhile = False

    def start(self) -> None:
        """List it; once more after a job that may have read before the last change."""
        if self.busy:
            self._asked_meanwhile = True
            return
        self.busy = True
        self._app.start_job(
            self._prepare(), on_done=self._done, on_error=self._failed, name=self._name
        )

    def _done(self, found: T) -> None:
        self.busy = False
        self._on_done(found)
        self._again()

    def _failed(self, error: Exception) -> None:
        self.busy = False
        self._on_error(str(error))
        self._again()

    def _again(self) -> None:
        if self._asked_meanwhile:
            self._asked_meanwhile = False
            self.start()
