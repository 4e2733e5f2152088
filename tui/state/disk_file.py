"""A config's file as it was when last read."""

import os
from pathlib import Path

from engine.config import ConfigProblems, Problem, read_raw

Stamp = tuple[int, ...]


class DiskFile:
    """Detects a changed file; reads it only if its times or size have changed.

    Attributes:
        path: where it is.
        raw: what is in it, line ends and all; None if it is not there, or cannot be read.
        problems: why it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._missing = False
        self._read(stamp_of(path))

    @property
    def is_there(self) -> bool:
        """Whether there is something, readable or not."""
        return self._stamp is not None

    def look(self) -> bool:
        """Check again; return whether its content has changed."""
        stamp = stamp_of(self.path)
        missed, self._missing = self._missing, stamp is None
        if stamp == self._stamp or (stamp is None and not missed):
            return False  # programs that replace a file may take it away for a moment
        before = self.raw
        self._read(stamp)
        return self.raw != before

    def _read(self, stamp: Stamp | None) -> None:
        self._stamp = stamp
        self.raw: str | None = None
        self.problems: list[Problem] = []
        try:
            self.raw = read_raw(self.path)
        except ConfigProblems as error:
            self.problems = error.problems


def stamp_of(path: Path) -> Stamp | None:
    """A stamp that changes when a file is written to or replaced; None without a file."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino
