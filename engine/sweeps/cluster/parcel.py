"""Parcels: the files of a run on their way between two machines, packed as tar and checked."""

import hashlib
import io
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from engine.errors import RunError
from engine.runs.directory import CHECKPOINTS, LOCK, RECORD
from engine.storage import atomic

Marks = dict[str, tuple[int, int]]
"""Size and time of change of files by name, to tell which have changed."""


@dataclass(frozen=True)
class Parcel:
    """Files of a run.

    Attributes:
        run: the name of its directory.
        names: of all its files, relative to it.
        content: a tar of those that the other machine does not have.
        digest: SHA-256 of the content, in hexadecimal.
    """

    run: str
    names: tuple[str, ...]
    content: bytes
    digest: str


def pack(run: Path, sent: Marks) -> Parcel | None:
    """Pack the files of a run, also while it is trained: each is whole, or torn at its end.

    Args:
        run: its directory.
        sent: the files that were packed before, which is kept up to date.

    Returns:
        None where nothing has changed.

    Raises:
        OSError: a file cannot be read.
    """
    for last in (False, False, False, True):
        content, marks, is_whole = _packed(run, sent)
        if is_whole or last:
            break
    if marks == sent:
        return None
    sent.clear()
    sent.update(marks)
    return Parcel(run.name, tuple(marks), content, hashlib.sha256(content).hexdigest())


def _packed(run: Path, sent: Marks) -> tuple[bytes, Marks, bool]:
    """The files that have changed as a tar, the marks of all, and whether none went meanwhile."""
    content = io.BytesIO()
    marks: Marks = {}
    is_whole = True
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name in sorted(_names(run), key=_in_order):
            try:
                mark = _mark(run / name)
                if sent.get(name) != mark:
                    data = (run / name).read_bytes()
                    info = tarfile.TarInfo(name)
                    info.size = len(data)
                    archive.addfile(info, io.BytesIO(data))
            except FileNotFoundError:  # a checkpoint that newer ones have replaced
                is_whole = False
            else:
                marks[name] = mark
    return content.getvalue(), marks, is_whole


def unpack(parcel: Parcel) -> dict[str, bytes]:
    """The files in a parcel by name, in the order in which they are to be written.

    Raises:
        RunError: it is not as it was sent, or would write beside its run.
    """
    if hashlib.sha256(parcel.content).hexdigest() != parcel.digest:
        raise RunError(f"the files of {parcel.run} were changed on their way")
    found = {}
    with tarfile.open(fileobj=io.BytesIO(parcel.content)) as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file is not None:
                found[member.name] = file.read()
    for name in (parcel.run, *parcel.names, *found):
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise RunError(f"a parcel from the cluster would write to {name!a}, and is refused")
    return found


def place(files: dict[str, bytes], names: tuple[str, ...], run: Path) -> None:
    """Make the directory of a run what a parcel says it is; what is open keeps its lock.

    Args:
        files: to be written, in their order.
        names: of all files that the run has; others are removed.
        run: the directory, made where missing.

    Raises:
        OSError: the disk refused; what is written is whole.
    """
    atomic.make_folder(run)
    for name, data in files.items():
        atomic.make_folder((run / name).parent)
        atomic.write_atomic(run / name, data)
    for name in set(_names(run)) - set(names):
        atomic.remove(run / name)


def _names(run: Path) -> Iterator[str]:
    """The files of a run, but for its lock and what is just being written."""
    for folder, _, files in os.walk(run):
        for name in files:
            path = Path(folder, name)
            if name != LOCK and not atomic.is_temporary(name) and not path.is_symlink():
                yield path.relative_to(run).as_posix()


def _in_order(name: str) -> tuple[int, str]:
    """Checkpoints first and the record last: a record never tells of what is not there yet."""
    return (0 if name.startswith(CHECKPOINTS) else 2 if name == RECORD else 1), name


def _mark(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns
