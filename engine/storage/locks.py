"""File locks between processes; the system releases them when their holder dies."""

import errno
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from engine.storage import atomic

if sys.platform == "win32":
    import msvcrt

    # Locking a region keeps others from reading it, and they want to read the process id.
    _REGION = 1 << 30

    def _try_lock(file: BinaryIO, *, shared: bool = False) -> bool:
        os.lseek(file.fileno(), _REGION, os.SEEK_SET)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        return True
else:
    import fcntl

    def _try_lock(file: BinaryIO, *, shared: bool = False) -> bool:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


_POLL = 0.01  # seconds between two attempts


class LockHeldError(OSError):
    """Another process holds the lock.

    Attributes:
        pid: the holder's process id, or None if it could not be read.
    """

    def __init__(self, pid: int | None) -> None:
        self.pid = pid
        super().__init__(
            errno.EAGAIN, f"in use by {f'process {pid}' if pid else 'another process'}"
        )


class Lock:
    """An exclusive lock on a file, from when it is made to ``release`` or the process' end.

    Args:
        path: the lock file, made where missing. It stays behind, unlocked, and holds the
            holder's process id as text.
        wait: seconds to try. Not 0: ``is_held`` takes the lock for a moment.

    Raises:
        LockHeldError: it was not free in time.
        OSError: the file cannot be made, is not a regular file, or cannot be locked.
    """

    def __init__(self, path: Path, *, wait: float = 0.25) -> None:
        self.path = path
        deadline = time.monotonic() + wait
        while True:
            self._file = atomic.open_regular(path, follow_symlinks=False, update=True)
            try:
                # A file that was deleted while we waited for it locks nothing.
                if _try_lock(self._file) and _is_at(self._file, path):
                    with suppress(OSError):  # on a full disk the lock holds without the number
                        self._file.truncate(0)
                        self._file.write(b"%d\n" % os.getpid())
                    return
                pid = _read_pid(self._file)
            except BaseException:
                self._file.close()
                raise
            self._file.close()
            if time.monotonic() >= deadline:
                raise LockHeldError(pid)
            time.sleep(_POLL)

    @property
    def in_place(self) -> bool:
        """Whether the file that is locked is still the one at its path: it may be deleted."""
        return _is_at(self._file, self.path)

    def release(self) -> None:
        """Release the lock; harmless if it is released already."""
        self._file.close()

    def __enter__(self) -> "Lock":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


def is_held(path: Path) -> bool:
    """Whether a process holds the lock now; false for a missing or unreadable file."""
    try:
        with atomic.open_regular(path, follow_symlinks=False) as file:
            return not _try_lock(file, shared=True)
    except OSError:
        return False


def holder(path: Path) -> int | None:
    """The process id of the lock's holder; None where nobody holds it, or the id is not there."""
    try:
        with atomic.open_regular(path, follow_symlinks=False) as file:
            return None if _try_lock(file, shared=True) else _read_pid(file)
    except OSError:
        return None


def _is_at(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.lstat(path))
    except (FileNotFoundError, NotADirectoryError):
        return False


def _read_pid(file: BinaryIO) -> int | None:
    try:
        file.seek(0)
        return int(file.read(20))
    except (OSError, ValueError):
        return None
