"""Textual's driver, for a terminal that may go away.

When a terminal is closed, Textual's output thread dies of the error that it gets, and the app
waits for ever for room in its queue. Here what cannot be written is dropped: the app lives on for
the moment that it needs to save what is running.

After SIGSTOP, which no program can catch, Textual takes the terminal a second time at SIGCONT: the
settings it gives back in the end are then its own. Here it lets go of the terminal first.
"""

from typing import Any, TextIO

from textual.driver import Driver


class _Patient:
    """A text file that never complains."""

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


def patient(driver: type[Driver]) -> type[Driver]:
    """The same driver, with a file that never complains and one hand on the terminal."""

    class PatientDriver(driver):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            file = getattr(self, "_file", None)
            if file is not None:
                self._file = _Patient(file)
            self._holds = False

        def start_application_mode(self) -> None:
            super().start_application_mode()
            self._holds = True

        def stop_application_mode(self) -> None:
            self._holds = False
            super().stop_application_mode()

        def _sigcont_application(self, *arguments: Any) -> None:
            if self._holds:
                self.suspend_application_mode()
                self._must_signal_resume = True  # all is drawn again then
            if self._must_signal_resume:
                super()._sigcont_application(*arguments)

    return PatientDriver
