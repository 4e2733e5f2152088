"""Atomic file writes: readers see the old file or the new one, never a half.

A file is written beside its target under a temporary name, flushed to the disk and then renamed
over the target; the rename is atomic, and the folder is flushed too so that it survives a power
cut. Everything that touches the disk goes through the small functions at the top of this module,
so a test can make any single one of them fail.
"""

import errno
import os
import re
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

StrPath = str | os.PathLike[str]

_TEMP = re.compile(r"\.cnn-tui-([0-9]{1,10})-[0-9a-f]{8}\.tmp")
# Names that threads of this process are writing now: a process id alone cannot tell them from
# what an earlier process with the same id left behind (in a container, ids repeat all the time).
_writing: set[str] = set()
# What fsync of a folder answers on file systems and permissions that do not allow it.
_CANNOT_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM, errno.EBADF}
_TRIES = 100  # names for a new folder


def open_new(path: Path) -> BinaryIO:
    """Create a file for writing; fails where there is one already, even a dangling link."""
    return path.open("xb")


def sync(file: BinaryIO) -> None:
    """Flush a file to the disk."""
    file.flush()
    os.fsync(file.fileno())


def replace(source: Path, target: Path) -> None:
    """Rename ``source`` to ``target``, atomically, replacing what is there."""
    os.replace(source, target)


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk, where the platform supports it."""
    if os.name == "nt":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as exc:
        if exc.errno not in _CANNOT_SYNC:
            raise


def remove(path: Path) -> None:
    """Remove one file or link."""
    path.unlink()


def write_atomic(
    path: StrPath,
    content: bytes | Callable[[BinaryIO], object],
    *,
    fsync: bool = True,
    follow_symlinks: bool = False,
) -> None:
    """Write a file atomically.

    A file that is replaced passes on its permissions and its owner. What is no plain file, such as
    a folder, a device or a pipe, is never replaced.

    Args:
        path: the file to create or to replace.
        content: the bytes, or a function that writes them to the open file it is given.
        fsync: wait for the disk. Without it the file survives a kill, but not a power cut.
        follow_symlinks: whether to write what a symbolic link points at, as for a file that the
            user named; else the link is replaced, as for a file of ours that must stay in its
            folder.

    Raises:
        OSError: nothing was written and the old file is untouched. The one exception is an error
            of the folder's own flush: the new file is then complete, its durability unknown.
    """
    target = Path(os.path.realpath(path) if follow_symlinks else path)
    old = _to_replace(target)
    temp = target.with_name(f".cnn-tui-{os.getpid()}-{secrets.token_hex(4)}.tmp")
    _writing.add(temp.name)
    try:
        with open_new(temp) as file:
            if old is not None:
                _pass_on_access(old, temp)  # before the content is there to be read
            if callable(content):
                content(file)
            else:
                file.write(content)
            file.flush()
            if fsync:
                sync(file)
        replace(temp, target)
    except BaseException:
        with suppress(OSError):
            remove(temp)
        raise
    finally:
        _writing.discard(temp.name)
    if fsync:
        sync_folder(target.parent)


def _to_replace(target: Path) -> os.stat_result | None:
    """Stat of the plain file at a path; None where there is none, or a link."""
    try:
        old = os.lstat(target)
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(old.st_mode):
        return None
    if stat.S_ISDIR(old.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    if not stat.S_ISREG(old.st_mode):
        raise OSError(errno.EINVAL, "not a plain file, so it is not written over")
    return old


def _pass_on_access(old: os.stat_result, new: Path) -> None:
    """Give a new file the owner, where that is allowed, and the permissions of the old one."""
    made = os.stat(new)
    if (made.st_uid, made.st_gid) != (old.st_uid, old.st_gid):
        with suppress(PermissionError):
            os.chown(new, old.st_uid, old.st_gid)
    if made.st_mode != old.st_mode:
        os.chmod(new, stat.S_IMODE(old.st_mode))


def sweep(folder: StrPath) -> list[Path]:
    """Remove the temporary files that dead processes left in ``folder``.

    Returns:
        The files that were removed. A file that cannot be removed is left, without an error.
    """
    removed = []
    with suppress(OSError):
        for path in list(Path(folder).iterdir()):
            match = _TEMP.fullmatch(path.name)
            if match and not _is_being_written(path.name, int(match[1])):
                with suppress(OSError):
                    remove(path)
                    removed.append(path)
    return removed


def is_temporary(name: str) -> bool:
    """Whether a file with a name is one that is being written, or was when its process died."""
    return _TEMP.fullmatch(name) is not None


def _is_being_written(name: str, pid: int) -> bool:
    if pid == os.getpid():
        return name in _writing
    if os.name == "nt":
        return False  # an open file cannot be removed there: the attempt itself decides
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def make_folder(path: StrPath) -> None:
    """Make a folder and its parents, where missing, so that they survive a power cut."""
    folder = Path(path)
    if folder.is_dir():
        return
    if folder.parent != folder:
        make_folder(folder.parent)
    try:
        folder.mkdir(exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, f"{folder.name} is not a folder") from None
    sync_folder(folder.parent)


def make_new_folder(parent: Path, prefix: str) -> Path:
    """Make a folder with a name that is free: the prefix and four hexadecimal digits.

    Raises:
        FileExistsError: many names were tried, and all are taken.
    """
    for _ in range(_TRIES):
        path = parent / f"{prefix}-{secrets.token_hex(2)}"
        with suppress(FileExistsError):
            path.mkdir()
            sync_folder(parent)
            return path
    raise FileExistsError(f"{_TRIES} names tried, all are taken")


def open_regular(path: StrPath, *, follow_symlinks: bool = True, update: bool = False) -> BinaryIO:
    """Open a file; a pipe, device or folder is refused, and never waited for.

    Args:
        path: the file.
        follow_symlinks: whether ``path`` itself may be a link.
        update: open it for reading and writing, without a buffer, and make it where missing.

    Raises:
        OSError: the file is missing, not accessible or not a regular file.
    """
    flags = os.O_RDWR | os.O_CREAT if update else os.O_RDONLY
    for name in ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY", "O_NOFOLLOW"):
        if not (name == "O_NOFOLLOW" and follow_symlinks):
            flags |= getattr(os, name, 0)  # Windows knows the third, the others the rest
    descriptor = os.open(path, flags, 0o666)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        if update:
            return cast(BinaryIO, os.fdopen(descriptor, "r+b", buffering=0))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_limited(path: StrPath, limit: int) -> bytes:
    """The content of a regular file of at most ``limit`` bytes; links are not followed.

    Raises:
        OSError: missing, unreadable, not a regular file, or larger than ``limit``.
    """
    with open_regular(path, follow_symlinks=False) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"larger than {limit} bytes")
    return content
