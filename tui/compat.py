"""All private API of Textual and plotext that the app uses.

Checked against Textual 8.2.8 and plotext 5.3.2. No other module of the app touches a name of
theirs that begins with an underscore; after an upgrade, this is the place to look.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from rich.text import Text
from textual.app import App
from textual.dom import DOMNode
from textual.driver import Driver


class FaultApp(App[int]):
    """An app that words the message after a fault of the program itself."""

    def fault_message(self, error: Exception) -> list[str]:
        """Save what can be saved; return the lines to print once the terminal is restored."""
        raise NotImplementedError

    def _fatal_error(self) -> None:
        """Textual's own prints a traceback over the user's terminal."""
        assert self._exception is not None
        self.panic(Text("\n".join(self.fault_message(self._exception))))


def driver_of(app: App[Any]) -> Driver | None:
    """The driver of a running app."""
    return app._driver


def action_is_enabled(app: App[Any], action: str, node: DOMNode) -> bool:
    """Whether ``check_action`` allows an action, which may name another namespace than ``node``."""
    return bool(app._check_action_state(action, node))


def open_driver(driver: type[Driver]) -> type[Driver]:
    """The same driver, with names for what its subclass changes.

    On POSIX, Textual's driver writes to ``_file``, handles SIGTSTP and SIGCONT in
    ``_sigtstp_application`` and ``_sigcont_application``, and sets ``_must_signal_resume`` while it
    is suspended by the user (ctrl-z).
    """

    class OpenDriver(driver):  # type: ignore[misc, valid-type]
        @property
        def has_output(self) -> bool:
            """Whether it writes to a file that can be replaced."""
            return hasattr(self, "_file")

        @property
        def output(self) -> Any:
            """The text file that it writes to, or None."""
            return getattr(self, "_file", None)

        def write_to(self, file: Any) -> None:
            """Write to another text file from now on."""
            self._file = file

        @property
        def is_suspended_by_user(self) -> bool:
            """Whether it waits for SIGCONT."""
            return getattr(self, "_must_signal_resume", False)

        @property
        def owner(self) -> App[Any]:
            """The app that it drives."""
            return self._app

        def fail(self, error: Exception) -> None:
            """End the app for an error in another thread as for one in its own."""
            self._app.call_later(self._app._handle_exception, error)

        def handle_continue(self) -> None:
            """Handle SIGCONT."""
            super()._sigcont_application()

        def _sigtstp_application(self, *arguments: Any) -> None:
            self._soon(super()._sigtstp_application)

        def _sigcont_application(self, *arguments: Any) -> None:
            self._soon(self.handle_continue)

        def _soon(self, handler: Callable[[], None]) -> None:
            # Both write to the terminal by a queue: in the signal's handler they would wait for
            # ever for its lock where the signal comes while the app itself writes.
            with suppress(RuntimeError):  # the loop is closed: the app has ended
                self._loop.call_soon_threadsafe(handler)

    return OpenDriver


def new_figure() -> Any:
    """A plotext figure that shares nothing with the one of the whole module."""
    import plotext._figure  # only where a chart is drawn

    return plotext._figure._figure_class()


def lift_size_limit(figure: Any) -> None:
    """Let a plotext figure be larger than the terminal."""
    figure._limit_size(False, False)


def built_cells(figure: Any) -> Any:
    """The cells of a plotext figure: ``marker`` and ``fullground`` by row and column.

    It is what ``figure.build`` does, but for joining the cells to text with escape sequences:
    that takes longer than all the rest and would only have to be taken apart again.
    """
    figure._set_sizes()
    figure._build_matrix()
    return figure.monitor.matrix
