"""Output of commands: data to stdout, narration to stderr."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol, TextIO

from engine.numbers import null_for_nan
from engine.sanitize import visible


class ProgressBar(Protocol):
    """Progress of a long task."""

    def update(self, label: str, done: int, total: int) -> None:
        """Show ``done`` of ``total`` of the task that the label names."""
        ...

    def close(self) -> None:
        """Remove the bar."""
        ...

    def abandon(self) -> None:
        """Restore the terminal at once, in a signal handler, before the process ends."""
        ...


class NoProgress:
    """No progress bar: for pipes, files and ``--quiet``."""

    def update(self, label: str, done: int, total: int) -> None:
        pass

    def close(self) -> None:
        pass

    def abandon(self) -> None:
        pass


class Output:
    """Data and narration of a command.

    A closed pipe (``| head -1``) or a full disk ends the output, never the work.

    Attributes:
        problem: why data is missing from stdout; None if it is complete or the pipe was closed.

    Args:
        as_json: write data as JSON, one object a line.
        quiet: write no narration.
        progress: the progress bar; None for none.
    """

    def __init__(
        self, *, as_json: bool = False, quiet: bool = False, progress: ProgressBar | None = None
    ) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.progress = progress or NoProgress()
        self.problem: str | None = None
        self._stdout_ended = False

    def text(self, text: str) -> None:
        """Write data as text; nothing under ``--json``."""
        if not self.as_json:
            self._write_data(visible(text))

    def picture(self, lines: str) -> None:
        """Write a picture of our own making, control sequences and all; nothing if it is empty."""
        if lines and not self.as_json:
            self._write_data(lines)

    def json(self, value: Mapping[str, Any] | Sequence[Any]) -> None:
        """Write data as a line of JSON; nothing without ``--json``."""
        if self.as_json:
            self._write_data(json.dumps(null_for_nan(value), default=str, allow_nan=False))

    def say(self, text: str) -> None:
        """Write narration; nothing under ``--quiet``."""
        if not self.quiet:
            self.complain(text)

    def complain(self, text: str) -> None:
        """Write a warning or an error, under ``--quiet`` too."""
        with suppress(OSError, ValueError):  # stderr is closed
            _write(sys.stderr, visible(text))

    def prompt(self, text: str) -> None:
        """Write a question, whose answer is typed behind it; under ``--quiet`` too."""
        with suppress(OSError, ValueError):
            _write(sys.stderr, visible(text), end="")

    def close(self) -> None:
        """Remove the progress bar and flush both streams.

        Text that cannot be written is dropped, so that the interpreter ends without an error.
        """
        self.progress.close()
        for stream in (sys.stdout, sys.stderr):
            try:
                if stream is not None:
                    stream.flush()
            except (OSError, ValueError):
                _discard(stream)

    def _write_data(self, text: str) -> None:
        if self._stdout_ended:
            return
        try:
            _write(sys.stdout, text)
        except (OSError, ValueError) as error:
            self._stdout_ended = True
            if not isinstance(error, BrokenPipeError):
                reason = error.strerror if isinstance(error, OSError) else None
                self.problem = f"stdout: {reason or error}"
                self.complain(self.problem)


def _write(stream: TextIO | None, text: str, end: str = "\n") -> None:
    if stream is None:  # the process was started without it
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding) + end)
    stream.flush()


def _discard(stream: TextIO) -> None:
    """Redirect a stream, with what is still in its buffer, to the null device."""
    with suppress(OSError, ValueError), open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())
