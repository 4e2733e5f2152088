"""Textual's driver made safe against a lost terminal and a stopped process.

When a terminal is closed, Textual's output thread dies of the error that it gets, and the app
waits for ever for room in its queue. Here what cannot be written is dropped: the app lives on for
the moment that it needs to save what is running. A terminal may go without a signal (``nohup``):
``is_gone`` says so, since Textual would read its end again and again. A read right while it goes
fails, and any error in Textual's input thread would leave a process that never ends; here it is
an internal error of the app as others are.

Where a process is stopped and continued without notice (SIGSTOP, SIGCONT), Textual starts
to read the keys once more, beside the thread that does so already, and takes the terminal's
state for the one to be restored at the end. Here the first start is undone before; and while the
terminal is being given back, or was, it is not taken again.

``give_back`` is for the moment before the process is ended, when nothing else answers any more.
"""

import os
import sys
from contextlib import suppress
from typing import Any, TextIO

from textual.driver import Driver

from engine.services.signals import write_if_possible
from tui.compat import open_driver

if sys.platform != "win32":
    import termios

_NOT_OURS = (
    "\x18"  # whatever sequence was being written is over
    "\x1b[?2004l\x1b[?7h\x1b[?2048l"  # pasting, line wrap, reports of the size
    "\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1016l\x1b[?1006l"  # the mouse
    "\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l"  # keyboard, screen, cursor, focus
)
"""Ends all modes of a terminal that Textual begins."""


class _UnfailingFile:
    """A text file that drops what cannot be written."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        try:
            return self._file.write(text)
        except (OSError, ValueError):
            return len(text)

    def flush(self) -> None:
        try:
            self._file.flush()
        except (OSError, ValueError):
            return

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def hangup_safe(driver: type[Driver]) -> type[Driver]:
    """The same driver with an output that never fails, and never started twice."""

    class HangupSafeDriver(open_driver(driver)):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            file = self.output
            if self.has_output and (file is None or not file.isatty()):
                file = sys.__stdout__  # Textual draws on stderr, which may be a log: ``2>log``
            if file is not None:
                self.write_to(_UnfailingFile(file))
            self._at_work = self._has_taken = False
            self._had_terminal = self._has_terminal
            self._is_unreadable = False

        @property
        def _has_terminal(self) -> bool:
            return os.isatty(getattr(self, "fileno", -1))

        @property
        def is_gone(self) -> bool:
            """Whether there was a terminal, and is none any more."""
            return self._had_terminal and (self._is_unreadable or not self._has_terminal)

        def run_input_thread(self) -> None:
            """Read the keys, until the terminal is gone."""
            try:
                super().run_input_thread()
            except Exception as error:
                if isinstance(error, OSError) and self._had_terminal:
                    self._is_unreadable = True
                else:
                    self.fail(error)

        def give_back(self) -> None:
            """Leave the terminal as it was, at once, from any thread; it is not used after that."""
            if not self._has_taken:
                return
            before = getattr(self, "attrs_before", None)
            if sys.platform != "win32" and before is not None:
                with suppress(termios.error):
                    termios.tcsetattr(self.fileno, termios.TCSANOW, before)
            write_if_possible(self.output.fileno(), _NOT_OURS.encode())

        def start_application_mode(self) -> None:
            again = self._at_work
            resumed = again or self.is_suspended_by_user
            if again:
                self.suspend_application_mode()
            self._at_work = self._has_taken = True
            super().start_application_mode()
            if resumed:  # the screen is empty then, and Textual may draw only what has changed
                self.owner.call_later(self.owner.refresh, layout=True)

        def stop_application_mode(self) -> None:
            self._at_work = False
            super().stop_application_mode()
            self._has_taken = False

        def handle_continue(self) -> None:
            if (self._at_work or self.is_suspended_by_user) and not self.is_gone:
                super().handle_continue()

    return HangupSafeDriver
