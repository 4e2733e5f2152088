"""Safe reading of untrusted files: bounded size, checked to the end."""

import io
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from engine.errors import DataError
from engine.sanitize import printable

_CHUNK = 1 << 16


class _Gunzip(io.RawIOBase):
    """The content of a gzip file, up to a limit; reading to its end checks length and CRC.

    The standard library's gzip module follows any number of members and of zero bytes after
    them, so a small file can keep it busy for long; this takes exactly one member.
    """

    def __init__(self, file: IO[bytes], limit: int) -> None:
        super().__init__()
        self._file = file
        self._left = limit
        self._inflate = zlib.decompressobj(wbits=31)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._inflate.eof:
            data = self._inflate.unconsumed_tail or self._file.read(_CHUNK)
            if not data:
                raise EOFError("it is cut short")
            # One byte more than is left, so that reading on finds out what is too long.
            most = min(len(buffer), self._left + 1, _CHUNK)
            content = self._inflate.decompress(data, most)
            if len(content) > self._left:
                raise ValueError("it decompresses to more than it should")
            if content:
                buffer[: len(content)] = content
                self._left -= len(content)
                return len(content)
        if self._inflate.unused_data or self._file.read(1):
            raise ValueError("there are bytes after its gzip stream")
        return 0


@contextmanager
def open_content(path: Path, limit: int) -> Iterator[io.BufferedIOBase]:
    """Open a file for reading, decompressed if it is gzipped.

    Args:
        path: the file; whether it is gzipped is told by its first bytes, not by its name.
        limit: the bytes of content that are allowed.

    Raises:
        DataError: on any failure inside the ``with``, in one line that names the file.
    """
    with _naming(path), path.open("rb") as file:
        # gzip makes nothing longer than this, so a longer file need not be read at all.
        size, allowed = os.fstat(file.fileno()).st_size, limit + limit // 1000 + 4096
        if size > allowed:
            raise ValueError(f"it has {size:,} bytes, expected at most {limit:,}")
        gzipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        yield gunzip(file, limit) if gzipped else file


@contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip archive.

    Raises:
        DataError: on any failure inside the ``with``, in one line that names the file.
    """
    with _naming(path), zipfile.ZipFile(path) as archive:
        yield archive


def gunzip(file: IO[bytes], limit: int) -> io.BufferedIOBase:
    """The content of a gzipped file, of which ``limit`` bytes are allowed."""
    return io.BufferedReader(_Gunzip(file, limit), _CHUNK)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Turn what readers of damaged files raise into DataError, in a line that names the file."""
    try:
        yield
    except OSError as exc:
        raise DataError(f"{path}: {exc.strerror or exc}") from exc
    except tarfile.TarError as exc:
        raise DataError(f"{path}: it is not a tar archive ({exc})") from exc
    except zipfile.BadZipFile as exc:
        raise DataError(
            f"{path}: it is not an intact zip archive ({printable(str(exc), 100)})"
        ) from exc
    except (EOFError, ValueError, zlib.error) as exc:
        raise DataError(f"{path}: {exc}") from exc
    except (RuntimeError, NotImplementedError) as exc:  # a zip archive with a password, or rare
        raise DataError(f"{path}: it cannot be unpacked ({exc})") from exc


def fill(stream: io.BufferedIOBase, array: np.ndarray) -> None:
    """Read exactly as many bytes as a uint8 array holds.

    Raises:
        EOFError: the stream has fewer.
    """
    buffer = array.data.cast("B")
    done = 0
    while done < len(buffer):
        count = stream.readinto(buffer[done:])
        if not count:
            raise EOFError(f"it is cut short: {done:,} of {len(buffer):,} bytes")
        done += count


def skip(stream: io.BufferedIOBase, count: int) -> None:
    """Read and discard ``count`` bytes.

    Raises:
        EOFError: the stream has fewer.
        ValueError: the count is negative.
    """
    if count < 0:
        raise ValueError("it has a part of negative size")
    while count:
        data = stream.read(min(count, _CHUNK))
        if not data:
            raise EOFError("it is cut short")
        count -= len(data)


def expect_end(stream: io.BufferedIOBase) -> None:
    """Check that the stream ends here; gzip streams verify their CRC.

    Raises:
        ValueError: there are more bytes.
    """
    if stream.read(1):
        raise ValueError("there are bytes after its end")


def check_labels(labels: np.ndarray, classes: int, first: int = 0) -> None:
    """Check that labels are class indices, counted from ``first``; raise ValueError if not."""
    wrong = (labels < first) | (labels >= first + classes)
    if wrong.any():
        where = int(wrong.argmax())
        last = first + classes - 1
        raise ValueError(f"label {where} is {labels[where]}, expected {first} to {last}")
