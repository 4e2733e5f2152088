"""Where a command's words go: stdout is data, stderr is narration."""

import json
import math
import os
import select
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol, TextIO


class ProgressBar(Protocol):
    """Shows how far something is; drawn by the caller of a command."""

    def update(self, label: str, done: int, total: int) -> None:
        """``done`` of ``total`` of what the label names."""
        ...

    def close(self) -> None:
        """Take it off the screen."""
        ...

    def abandon(self) -> None:
        """Give the terminal back at once, in a signal handler, before the process ends."""
        ...


class NoProgress:
    """Shows nothing: for pipes, files and ``--quiet``."""

    def update(self, label: str, done: int, total: int) -> None:
        pass

    def close(self) -> None:
        pass

    def abandon(self) -> None:
        pass


class Output:
    """What a command writes to.

    A reader that goes away (``| head -1``) or a full disk ends the output, never the work.

    Attributes:
        problem: why data is missing from stdout, or None; a reader that went away is no problem.

    Args:
        as_json: data as JSON, one object a line.
        quiet: no narration.
        progress: what shows progress.
    """

    def __init__(
        self, *, as_json: bool = False, quiet: bool = False, progress: ProgressBar | None = None
    ) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.progress = progress or NoProgress()
        self.problem: str | None = None
        self._nobody_reads = False

    def text(self, text: str) -> None:
        """A line of data for people; nothing under ``--json``."""
        if not self.as_json:
            self._write_data(visible(text))

    def json(self, value: Mapping[str, Any] | Sequence[Any]) -> None:
        """A line of data for programs; nothing without ``--json``."""
        if self.as_json:
            self._write_data(json.dumps(jsonable(value), allow_nan=False))

    def say(self, text: str) -> None:
        """Narration."""
        if not self.quiet:
            self.complain(text)

    def complain(self, text: str) -> None:
        """A warning or an error: said even under ``--quiet``."""
        with suppress(OSError, ValueError):  # nobody is there to be told
            _write(sys.stderr, visible(text))

    def close(self) -> None:
        """Take the progress off the screen, and have the interpreter end without a complaint.

        It writes out what is left for stdout and stderr; where that fails, it is given up.
        """
        self.progress.close()
        for stream in (sys.stdout, sys.stderr):
            try:
                if stream is not None:
                    stream.flush()
            except (OSError, ValueError):
                _discard(stream)

    def _write_data(self, text: str) -> None:
        if self._nobody_reads:
            return
        try:
            _write(sys.stdout, text)
        except (OSError, ValueError) as error:
            self._nobody_reads = True
            if not isinstance(error, BrokenPipeError):
                reason = error.strerror if isinstance(error, OSError) else None
                self.problem = f"stdout: {reason or error}"
                self.complain(self.problem)


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:  # the process was started without it
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
    stream.flush()


def _discard(stream: TextIO) -> None:
    """Lead a stream to nowhere, and what is still in its buffer."""
    with suppress(OSError, ValueError), open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())


def visible(text: str) -> str:
    """Text without control characters, which would act on the terminal; lines stay lines."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def jsonable(value: Any) -> Any:
    """The same value with null for what is not finite, and plain numbers for NumPy's."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    if hasattr(value, "tolist"):
        return jsonable(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], right: str = "") -> str:
    """Aligned columns; ``right`` holds an ``r`` or ``l`` for each column."""
    lines = [header, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    sides = right.ljust(len(header), "l")
    return "\n".join(
        "  ".join(
            cell.rjust(width) if side == "r" else cell.ljust(width)
            for cell, width, side in zip(line, widths, sides, strict=True)
        ).rstrip()
        for line in lines
    )


def write_if_possible(descriptor: int, content: bytes) -> None:
    """Write to a terminal or a pipe unless that would have to wait for its reader."""
    with suppress(OSError, ValueError):
        if select.select([], [descriptor], [], 0)[1]:
            os.write(descriptor, content)
