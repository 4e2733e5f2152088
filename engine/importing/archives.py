"""Zip and tar archives of a folder that has a folder of images for each class.

Nothing is unpacked under the names that an archive gives: members of a zip are read where they are,
a compressed tar is decompressed into one temporary file without a name.
"""

import bz2
import gzip
import io
import lzma
import tarfile
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

from engine.errors import DataError
from engine.images.reading import MAX_FILE_BYTES
from engine.importing.layouts import source_of_folders
from engine.importing.opening import opener
from engine.importing.source import ImportOptions, Source, Unreadable, Watch
from engine.importing.tree import MAX_DEPTH, Folder, ImageFile, is_hidden, shown
from engine.numbers import size
from engine.storage.atomic import open_regular

MAX_MEMBERS = 1_000_000
"""Of an archive."""
MAX_TOTAL_BYTES = 64 << 30
"""Of all members of an archive together; more is better unpacked first."""

_ZIP = b"PK\x03\x04"
_CHUNK = 1 << 20
_EVERY = 1000  # members between two looks at the watch
_DECOMPRESSORS: dict[bytes, Callable[[BinaryIO], io.BufferedIOBase]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}


# -- zip ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _ZipMember:
    archive: zipfile.ZipFile
    info: zipfile.ZipInfo

    @property
    def where(self) -> str:
        return shown(self.info.filename)

    def open(self) -> AbstractContextManager[BinaryIO]:
        if self.info.flag_bits & 1:
            raise DataError("it is encrypted")
        _check_member(self.info.file_size)
        try:
            return cast(BinaryIO, self.archive.open(self.info))
        except NotImplementedError:
            raise DataError("it is compressed in a way that cannot be read") from None


@opener("a zip of folders of images", last=True)
def open_zip(path: Path, options: ImportOptions, watch: Watch) -> Source | None:
    """Open a zip of folders of images."""
    if not path.is_file() or not _begins(path).startswith(_ZIP):
        return None
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
        except Exception as error:  # whatever a damaged directory leads the reader to
            raise DataError(f"{shown(str(path))}: {_damaged(error)}") from None
        infos = archive.infolist()
        _check_archive(path, len(infos), sum(info.file_size for info in infos))
        tree = _Tree(watch)
        for info in infos:
            tree.add(info.filename, None if info.is_dir() else _ZipMember(archive, info))
        source = source_of_folders(
            tree.top, shown(str(path)), "zip of images", options, watch, tree.unreadable
        )
        return replace(source, close=stack.pop_all().close)


# -- tar ---------------------------------------------------------------------------------------


class _Shared:
    """A file that several threads read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lock = threading.Lock()

    def read(self, offset: int, length: int) -> bytes:
        with self._lock:
            self._file.seek(offset)
            return self._file.read(length)


@dataclass(frozen=True, slots=True)
class _TarMember:
    archive: _Shared
    where: str
    offset: int
    length: int
    problem: str

    def open(self) -> AbstractContextManager[BinaryIO]:
        if self.problem:
            raise DataError(self.problem)
        _check_member(self.length)
        return io.BytesIO(self.archive.read(self.offset, self.length))


@opener("a tar of folders of images", last=True)
def open_tar(path: Path, options: ImportOptions, watch: Watch) -> Source | None:
    """Open a tar of folders of images."""
    if not path.is_file() or not _is_tar(path):
        return None
    with ExitStack() as stack:
        file = _plain_tar(path, stack, watch)
        shared, tree, total = _Shared(file), _Tree(watch), 0
        for count, member in enumerate(_members(path, file)):
            total += member.size
            _check_archive(path, count, total)
            tree.add(member.name, None if member.isdir() else _tar_member(shared, member))
        source = source_of_folders(
            tree.top, shown(str(path)), "tar of images", options, watch, tree.unreadable
        )
        return replace(source, close=stack.pop_all().close)


def _is_tar(path: Path) -> bool:
    """Whether a file begins with the header of a tar's member, decompressed if need be."""
    begin = _begins(path)
    decompress = _decompressor(begin)
    try:
        if decompress is not None:
            with open_regular(path) as raw:
                begin = decompress(raw).read(tarfile.BLOCKSIZE)
        tarfile.TarInfo.frombuf(begin, "utf-8", "surrogateescape")
    except EOFError:
        return True  # too short to tell; that is what will be said
    except Exception:
        return False
    return True


def _plain_tar(path: Path, stack: ExitStack, watch: Watch) -> BinaryIO:
    """A tar as a file that can be sought in: itself, or decompressed into a temporary file."""
    raw = stack.enter_context(open_regular(path))
    decompress = _decompressor(_begins(path))
    if decompress is None:
        return raw
    length = path.stat().st_size
    unpacked = cast(BinaryIO, stack.enter_context(tempfile.TemporaryFile()))  # noqa: SIM115
    content = decompress(raw)
    while True:
        try:
            chunk = content.read(_CHUNK)
        except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
            raise DataError(f"{shown(str(path))}: {_damaged(error)}") from None
        if not chunk:
            return unpacked
        try:
            unpacked.write(chunk)
        except OSError as error:
            raise DataError(
                f"{tempfile.gettempdir()}: no room to unpack {shown(str(path))}: "
                f"{error.strerror}; name a folder with more in TMPDIR"
            ) from None
        _check_archive(path, 0, unpacked.tell())
        watch.report("unpacking", raw.tell(), length)


def _decompressor(begin: bytes) -> Callable[[BinaryIO], io.BufferedIOBase] | None:
    return next((one for mark, one in _DECOMPRESSORS.items() if begin.startswith(mark)), None)


def _members(path: Path, file: BinaryIO) -> Iterator[tarfile.TarInfo]:
    try:
        file.seek(0)
        with tarfile.open(fileobj=file, mode="r:", errors="surrogateescape") as archive:
            while (member := archive.next()) is not None:
                archive.members.clear()  # type: ignore[attr-defined]  # it would keep all of them
                if member.size < 0:  # it would be its own successor, or all that is left
                    raise ValueError(f"{member.name} has {member.size} bytes")
                yield member
    except Exception as error:  # whatever a damaged header leads the reader to
        raise DataError(f"{shown(str(path))}: {_damaged(error)}") from None


def _tar_member(shared: _Shared, member: tarfile.TarInfo) -> _TarMember:
    problem = ""
    if not member.isreg():
        problem = "a link or a device in an archive is not read"
    elif member.issparse():
        problem = "a file with holes in an archive is not read"
    return _TarMember(shared, shown(member.name), member.offset_data, member.size, problem)


# -- both --------------------------------------------------------------------------------------


class _Tree:
    """Folders and files of an archive, by the paths of its members.

    Args:
        watch: may cancel.

    Attributes:
        top: the folder of all.
        unreadable: members without a place in it.
    """

    def __init__(self, watch: Watch) -> None:
        self.top = Folder()
        self.unreadable: list[Unreadable] = []
        self._watch = watch
        self._members = 0

    def add(self, name: str, file: ImageFile | None) -> None:
        """Add a member; None is a folder."""
        self._members += 1
        if self._members % _EVERY == 0:
            self._watch.check()
        path = name.replace("\\", "/")
        parts = [part for part in path.split("/") if part not in ("", ".")]
        if any(map(is_hidden, parts)) and ".." not in parts:
            return
        if path.startswith("/") or ".." in parts:
            self.unreadable.append(Unreadable(shown(name), "its path leads out of the archive"))
        elif len(parts) > MAX_DEPTH:
            self.unreadable.append(Unreadable(shown(name), f"more than {MAX_DEPTH} folders deep"))
        elif parts:
            *folders, last = parts if file is not None else [*parts, ""]
            folder = self.top
            for one in folders:
                folder = folder.folders.setdefault(one, Folder())
            if file is not None:
                folder.add(last, file)


def _begins(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read(tarfile.BLOCKSIZE)
    except OSError as error:
        raise DataError(f"{shown(str(path))}: {error.strerror or error}") from None


def _check_member(length: int) -> None:
    if length > MAX_FILE_BYTES:
        raise DataError(f"{size(length)}, more than the limit of {size(MAX_FILE_BYTES)}")


def _check_archive(path: Path, members: int, total: int) -> None:
    if members > MAX_MEMBERS or total > MAX_TOTAL_BYTES:
        most = f"{MAX_MEMBERS:,} members and {size(MAX_TOTAL_BYTES)}"
        raise DataError(
            f"{shown(str(path))}: more than the limit of {most}; unpack it, and import the folder"
        )


def _damaged(error: Exception) -> DataError:
    return DataError(f"it is damaged: {shown(str(error)) or type(error).__name__}")
