"""Arrays of a ``.npz`` file: headers are checked before any value is read, and never a pickle."""

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from engine.data.safe_read import open_zip
from engine.errors import DataError
from engine.sanitize import printable

_MAX_BYTES = 1 << 30
"""Of an array that is read at once."""

# Deflate packs a thousand times at most, and images hardly more than ten times.
_BOMB_BYTES, _BOMB_RATIO = 1 << 30, 200


@contextmanager
def open_npz(path: Path) -> "Iterator[dict[str, NpzArray]]":
    """Open a ``.npz`` file: its arrays by name, of which only the headers were read.

    Raises:
        DataError: it is damaged, or an array holds Python objects; and on any failure inside the
            ``with``, in one line that names the file.
    """
    with open_zip(path) as archive:
        found = {}
        for info in archive.infolist():
            if info.filename.endswith(".npy"):
                try:
                    found[info.filename.removesuffix(".npy")] = _array(archive, info)
                except ValueError as error:
                    reason = printable(str(error), 200)
                    name = printable(info.filename)
                    raise DataError(f"{path}: {name} is no array: {reason}") from None
        yield found


@dataclass(frozen=True)
class NpzArray:
    """An array of a file, of which only the header was read.

    Attributes:
        archive, info: where it is.
        shape: of the array.
        dtype: of its values.
        fortran: whether the first axis is the innermost.
        start: bytes of the header.
    """

    archive: zipfile.ZipFile
    info: zipfile.ZipInfo
    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool
    start: int

    @property
    def where(self) -> str:
        """Name of the file and the array, for messages."""
        return f"{self.archive.filename}: {printable(self.info.filename.removesuffix('.npy'))}"

    def read(self) -> np.ndarray:
        """Read all values."""
        if self.dtype.itemsize * math.prod(self.shape) > _MAX_BYTES:
            raise DataError(f"{self.where}: {self.info.file_size:,} bytes are too many at once")
        (values,) = self.rows(max(1, self.shape[0])) if not self.fortran else (self._whole(),)
        return values

    def _whole(self) -> np.ndarray:
        with self.archive.open(self.info) as file:
            return np.lib.format.read_array(file, allow_pickle=False)

    def rows(self, count: int) -> Iterator[np.ndarray]:
        """Read the values in blocks of so many items of the first axis."""
        if self.fortran:  # the first axis is the innermost, so that there are no rows to read
            values = self.read()
            for first in range(0, len(values), count):
                yield values[first : first + count]
            return
        item = self.shape[1:]
        size = self.dtype.itemsize * math.prod(item)
        with self.archive.open(self.info) as file:
            file.read(self.start)
            for first in range(0, self.shape[0], count):
                rows = min(count, self.shape[0] - first)
                content = _exactly(file, rows * size)
                yield np.frombuffer(content, self.dtype).reshape(rows, *item)
            file.read(1)  # to the end, where the checksum is


def _exactly(file: IO[bytes], size: int) -> bytes:
    content = file.read(size)
    if len(content) < size:
        raise EOFError("an array is cut short")
    return content


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NpzArray:
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"its format is {version[0]}.{version[1]}, expected 1.0 or 2.0")
        read = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = read(file)
        start = file.tell()
    if dtype.hasobject:
        raise ValueError(
            "it holds Python objects, which are pickles, can run code, and are not read"
        )
    if any(axis < 0 for axis in shape):
        raise ValueError(f"it has the shape {shape}")
    size = start + math.prod(shape) * dtype.itemsize
    if info.file_size != size:
        raise ValueError(f"it has {info.file_size:,} bytes, expected {size:,}")
    if size > _BOMB_BYTES and size > _BOMB_RATIO * info.compress_size:
        raise ValueError(f"{info.compress_size:,} bytes that unpack to {size:,} are no images")
    return NpzArray(archive, info, shape, dtype, fortran and len(shape) > 1, start)
