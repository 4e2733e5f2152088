"""Listing and deleting of the runs under one root."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.errors import EngineError, RunError, UnreadableRunError
from engine.paths import absolute
from engine.runs.directory import (
    LOCK,
    RUN_ID,
    STAMP,
    RunDir,
    check_path,
    lock_for_writing,
    read_record,
)
from engine.runs.record import RunStatus, parse_time
from engine.storage import atomic
from engine.storage.locks import is_held

UNFINISHED: tuple[RunStatus, ...] = ("interrupted", "stopped", "failed")
"""What a run is that may be resumed."""

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class RunInfo:
    """A run in the list.

    Attributes:
        path: the run directory.
        id: its name on disk, unique under one root.
        name: the name that the run was given.
        created: when it began, in UTC; what runs are ordered by. Of one whose record does not say
            so, the local time in its name, taken for that of this place.
        status: None where the record cannot be read.
        record: what ``run.json`` holds; empty where it cannot be read.
        problem: why the run is broken, or None.
    """

    path: Path
    id: str
    name: str
    created: datetime | None
    status: RunStatus | None = None
    record: dict[str, Any] = field(default_factory=dict)
    problem: str | None = None


def list_runs(root: atomic.StrPath) -> list[RunInfo]:
    """List the runs under ``root``, newest first; broken ones with the reason.

    Only the records are read. Folders that are no run directories are passed over; a link to a run
    directory, whatever its name, stands for that run, which is listed once.

    Raises:
        RunError: the root is there and cannot be read, or is relative to a folder that was removed.
    """
    base = absolute(Path(root), RunError)
    try:
        with os.scandir(base) as entries:
            names = [entry.name for entry in entries if entry.is_symlink() or entry.is_dir()]
    except FileNotFoundError:
        return []
    except OSError as exc:
        raise UnreadableRunError(f"{os.fspath(root)}: {exc.strerror or exc}") from exc
    found: dict[str, Path] = {}  # by the real path, which a link shares with the run
    for path in sorted((base / name for name in names), key=os.path.islink):
        real = os.path.realpath(path)
        run = Path(real) if path.is_symlink() else path
        if RUN_ID.fullmatch(run.name) and os.path.isdir(run):
            found.setdefault(real, run)
    runs = [run_info(path) for path in found.values()]
    runs.sort(key=lambda info: (info.created or _NEVER, info.id), reverse=True)
    return runs


def list_unfinished(root: atomic.StrPath) -> Iterator[RunInfo]:
    """List the runs under ``root`` that can be resumed: interrupted, unlocked, with a checkpoint.

    The newest comes first; each is looked at only when it is asked for.

    Raises:
        RunError: the root is there and cannot be read.
    """
    for info in list_runs(root):
        with suppress(EngineError):  # one that vanishes, or that may not be read
            if info.status in UNFINISHED and RunDir.view(info.path).store.steps():
                yield info


def delete_run(path: atomic.StrPath) -> None:
    """Remove a run directory and all that is in it; links in it are removed, not followed.

    Raises:
        RunError: it is not a run directory, or a link to one; a process holds it, or the disk
            refused. What is left is then still a run directory, to be deleted again.
    """
    if os.path.islink(path):
        raise RunError(f"{os.fspath(path)}: not deleted: it is a link to {os.path.realpath(path)}")
    folder = check_path(path)
    lock = lock_for_writing(folder)
    try:
        for child in list(folder.iterdir()):
            if child.is_dir() and not child.is_symlink():
                shutil.rmtree(child)
            elif child.name != LOCK:
                atomic.remove(child)
        lock.release()  # before its file goes: Windows removes no open file
        atomic.remove(folder / LOCK)
        folder.rmdir()
    except OSError as exc:
        raise RunError(f"{folder}: not deleted: {exc.strerror or exc}") from exc
    finally:
        lock.release()


def run_info(path: Path) -> RunInfo:
    """Read the record of one run; its directory has the name of a run.

    One that cannot be read is a broken run, with the reason.
    """
    match = RUN_ID.fullmatch(path.name)
    assert match is not None
    created, interrupted = None, False
    with suppress(ValueError, OverflowError):  # 20259999-000000: it still can be deleted
        created = datetime.strptime(match[1], STAMP).astimezone(UTC)
    try:
        record = read_record(path)
        if record["status"] == "running" and not is_held(path / LOCK):
            # It may have ended well between the two looks; its last word counts.
            record = read_record(path)
            interrupted = record["status"] == "running"
    except RunError as exc:
        return RunInfo(path, path.name, match[2], created, problem=str(exc))
    if record.get("started") is not None:
        created = parse_time(record["started"])
    status: RunStatus = "interrupted" if interrupted else record["status"]
    return RunInfo(path, path.name, match[2], created, status, record)
