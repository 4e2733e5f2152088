"""Run directories: everything that one run writes, in one folder with one writer.

``<root>/20250131-235959-lenet-3fa2/`` holds ``config.yaml``, ``run.json`` (the record: status,
results, what the bits depend on), ``metrics.csv``, ``checkpoints/`` and the lock of its writer.
"""

import json
import os
import re
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from engine import paths
from engine.checkpoints.retention import CheckpointStore
from engine.errors import RunError, UnreadableRunError
from engine.numbers import null_for_nan
from engine.runs import metrics_csv
from engine.runs.record import STATUSES, check_record, format_time
from engine.storage import atomic
from engine.storage.locks import Lock, LockHeldError

RECORD, CONFIG, METRICS, CHECKPOINTS, LOCK = (
    "run.json",
    "config.yaml",
    "metrics.csv",
    "checkpoints",
    ".lock",
)
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
RUN_ID = re.compile(r"([0-9]{8}-[0-9]{6})-([A-Za-z0-9_-][A-Za-z0-9._-]{0,63})-[0-9a-f]{4}")
STAMP = "%Y%m%d-%H%M%S"
_LIMIT = 4 << 20  # bytes of a record or a config


class RunDir:
    """The directory of one run; made by ``create``, ``open`` or ``view``.

    Attributes:
        path: the directory, absolute.
        id: its name on disk.
        store: its checkpoints.
        warnings: one line for each metrics row that could not be written.
    """

    def __init__(self, path: Path, lock: Lock | None) -> None:
        self.path = path
        self.id = path.name
        self.store = CheckpointStore(path / CHECKPOINTS)
        self.warnings: list[str] = []
        self._lock = lock

    @classmethod
    def create(cls, root: atomic.StrPath, name: str, now: datetime | None = None) -> "RunDir":
        """Make a new run directory, hold its lock and record it as running.

        Args:
            root: where run directories are; made where missing.
            name: ``[A-Za-z0-9._-]``, 1 to 64 characters, no leading dot.
            now: when it begins; default the clock's time. The directory's name has it in local
                time, to the second; the record in UTC, which is what runs are ordered by.

        Raises:
            RunError: the name cannot be used or the directory cannot be made.
        """
        if not _NAME.fullmatch(name):
            raise RunError(
                f"run name {ascii(name)[:80]}: expected 1 to 64 of A-Z a-z 0-9 . _ - "
                "without a leading dot"
            )
        began = now or datetime.now(UTC)
        stamp = began.astimezone().strftime(STAMP)
        base = paths.absolute(Path(root), RunError)
        try:
            atomic.make_folder(base)
            run = cls(atomic.make_new_folder(base, f"{stamp}-{name}"), None)
            try:
                run._lock = Lock(run.path / LOCK)
                run.write_record({"status": "running", "started": format_time(began)})
            except BaseException:
                run.close()
                shutil.rmtree(run.path, ignore_errors=True)
                raise
        except OSError as exc:
            raise RunError(f"{base}: cannot make a run: {exc.strerror or exc}") from exc
        return run

    @classmethod
    def open(cls, path: atomic.StrPath) -> "RunDir":
        """Open a run for writing, to resume it; leftovers of killed writers are removed.

        Raises:
            RunError: it is not a run directory, or another process holds it.
        """
        folder = check_path(path)
        lock = lock_for_writing(folder)
        atomic.sweep(folder)
        return cls(folder, lock)

    @classmethod
    def view(cls, path: atomic.StrPath) -> "RunDir":
        """Open a run for reading only, also while another process writes to it.

        Raises:
            RunError: it is not a run directory.
        """
        return cls(check_path(path), None)

    @property
    def is_gone(self) -> bool:
        """Whether the directory was deleted while this process held its lock."""
        return self._lock is None or not self._lock.in_place

    def recreate(self) -> None:
        """Make a deleted directory again, empty, and lock it.

        Raises:
            RunError: it cannot be made, or another process holds it by now; what is written to
                it is refused then.
        """
        self.close()
        try:
            atomic.make_folder(self.path)
        except OSError as exc:
            raise RunError(f"{self.path}: cannot be made again: {exc.strerror or exc}") from exc
        self._lock = lock_for_writing(self.path)

    def close(self) -> None:
        """Release the lock; the directory is then read-only."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> "RunDir":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def write_config(self, text: str) -> None:
        """Write the run's config, unchanged.

        Raises:
            RunError: the disk refused; the old file is untouched.
        """
        self._write(CONFIG, text)

    def read_config(self) -> str:
        """Read the run's config.

        Raises:
            RunError: missing or unreadable.
        """
        return _read_text(self.path / CONFIG)

    def write_record(self, record: Mapping[str, Any]) -> None:
        """Replace ``run.json``; NaN and infinity become null.

        Args:
            record: plain JSON with a ``status`` out of ``STATUSES``.

        Raises:
            RunError: the disk refused; the old record is untouched.
        """
        if record.get("status") not in STATUSES:
            raise ValueError(f"status is {record.get('status')!r}, expected one of {STATUSES}")
        self._write(RECORD, json.dumps(null_for_nan(record), indent=2, allow_nan=False) + "\n")

    def read_record(self) -> dict[str, Any]:
        """Read ``run.json``.

        Raises:
            RunError: missing, unreadable or not a record.
        """
        return read_record(self.path)

    def append_metrics(self, row: Mapping[str, metrics_csv.Value]) -> str | None:
        """Add the row of an epoch to ``metrics.csv``; see ``metrics_csv.append``.

        Returns:
            None, or in one line why it could not be written, which is no reason to stop training.
        """
        self._check_writable()
        if self.is_gone:  # ``recreate`` is to write all rows
            return self._warn(OSError("the run directory was deleted"))
        try:
            metrics_csv.append(self.path / METRICS, row)
        except OSError as exc:
            return self._warn(exc)
        return None

    def truncate_metrics(self, after_epoch: int) -> str | None:
        """Drop the rows of later epochs before a resumed run writes them again.

        Returns:
            None, or in one line why it could not be done. ``read_metrics`` then still gives one
            row an epoch.
        """
        self._check_writable()
        try:
            metrics_csv.truncate(self.path / METRICS, after_epoch)
        except OSError as exc:
            return self._warn(exc)
        return None

    def read_metrics(self) -> list[dict[str, metrics_csv.Value]]:
        """Read the rows of ``metrics.csv``; see ``metrics_csv.read``.

        Raises:
            RunError: there is a file, and it cannot be read.
        """
        try:
            return metrics_csv.read(self.path / METRICS)
        except OSError as exc:
            raise UnreadableRunError(f"{self.path / METRICS}: {exc.strerror or exc}") from exc

    def _warn(self, exc: OSError) -> str:
        warning = f"{self.path / METRICS}: not written: {exc.strerror or exc}"
        self.warnings.append(warning)
        return warning

    def _write(self, name: str, text: str) -> None:
        self._check_writable()
        try:
            atomic.write_atomic(self.path / name, text.encode("utf-8"))
        except OSError as exc:
            raise RunError(f"{self.path / name}: not written: {exc.strerror or exc}") from exc

    def _check_writable(self) -> None:
        if self._lock is None:
            raise RunError(f"{self.path}: open for reading only")


def check_path(path: atomic.StrPath) -> Path:
    """Check that a path is a run directory, or a link to one; return it absolute."""
    here = Path(path)
    folder = paths.real_path(here) if os.path.islink(here) else paths.absolute(here, RunError)
    try:
        if not folder.is_dir():
            raise UnreadableRunError(f"{folder}: no such run directory")
        marks = [folder / LOCK, folder / RECORD]
        marked = any(mark.is_file() and not mark.is_symlink() for mark in marks)
        # An empty one was left by a process that was killed while it made it.
        if not RUN_ID.fullmatch(folder.name) or not (marked or not any(folder.iterdir())):
            raise UnreadableRunError(f"{folder}: not a run directory")
    except OSError as exc:
        raise UnreadableRunError(f"{folder}: {exc.strerror or exc}") from exc
    return folder


def lock_for_writing(folder: Path) -> Lock:
    """Lock a run directory for writing; ``RunError`` names the current holder."""
    try:
        return Lock(folder / LOCK)
    except LockHeldError as exc:
        raise RunError(f"{folder}: {exc.strerror}; stop it first") from exc
    except OSError as exc:
        raise RunError(f"{folder}: cannot be locked: {exc.strerror or exc}") from exc


def read_record(folder: Path) -> dict[str, Any]:
    """Read the ``run.json`` of a run directory."""
    path = folder / RECORD
    try:
        record = null_for_nan(json.loads(_read_text(path)))
    except (ValueError, RecursionError) as exc:
        raise UnreadableRunError(f"{path}: not JSON") from exc
    try:
        return check_record(record)
    except ValueError as exc:
        raise UnreadableRunError(f"{path}: not the record of a run: {exc}") from exc


def _read_text(path: Path) -> str:
    try:
        return atomic.read_limited(path, _LIMIT).decode("utf-8")
    except FileNotFoundError as exc:
        raise UnreadableRunError(f"{path}: no such file") from exc
    except OSError as exc:
        raise UnreadableRunError(f"{path}: {exc.strerror or exc}") from exc
    except UnicodeDecodeError as exc:
        raise UnreadableRunError(f"{path}: not UTF-8") from exc
