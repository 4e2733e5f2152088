"""Arrays that are mapped from a file: read where they are touched, and never all in memory."""

import math
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from engine.errors import DataError
from engine.storage.atomic import open_regular

_MAX_HEADER = 1000  # bytes; ours have 118


class ImageFile:
    """A ``.npy`` file of images, of which only those that are asked for are read.

    Args:
        path: the file.
        shape: what it must hold, (N, C, H, W).

    Attributes:
        mapped: the values, uint8, read-only, C-contiguous, mapped from the file: for a look at a
            few. To touch many of them would fill the memory, as the system maps up to 2 MB around
            each that is touched.

    Raises:
        DataError: it is missing, or holds something else.
    """

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self.path = path
        with _open(path, np.dtype(np.uint8), shape) as file:
            self._start = file.tell()
            self._identity = _identity(file.fileno())
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.mapped = np.frombuffer(content, np.uint8, offset=self._start).reshape(shape)

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Read images into memory; several processes and threads may do so at once.

        Args:
            indices: which, int64, (n,).

        Returns:
            uint8, (n, C, H, W).

        Raises:
            DataError: the file has been cut short, or the disk fails.
        """
        if not hasattr(os, "pread"):
            return self.mapped.take(indices, axis=0)
        images = np.empty((len(indices), *self.mapped.shape[1:]), np.uint8)
        size = math.prod(images.shape[1:])
        try:
            # Opened each time: a worker process has none of the files that were open at its fork.
            with self.path.open("rb", buffering=0) as file:
                if _identity(file.fileno()) != self._identity:
                    raise DataError(f"{self.path}: it was replaced while it was in use")
                for row, index in zip(images, indices.tolist(), strict=True):
                    content = os.pread(file.fileno(), size, self._start + index * size)
                    row[...] = np.frombuffer(content, np.uint8).reshape(row.shape)
        except OSError as error:
            raise DataError(f"{self.path}: {error.strerror or error}") from None
        except ValueError:
            raise DataError(f"{self.path}: it was cut short while it was in use") from None
        return images


def _identity(file: int) -> tuple[int, int]:
    """Device and number of an open file: another file of its name has another one."""
    status = os.fstat(file)
    return status.st_dev, status.st_ino


def read_values(path: Path, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    """Read a ``.npy`` file whose type and shape are known into memory.

    Raises:
        DataError: it is missing, or holds something else.
    """
    with _open(path, dtype, shape) as file:
        return np.fromfile(file, dtype).reshape(shape)


@contextmanager
def _open(path: Path, dtype: np.dtype, shape: tuple[int, ...]) -> Iterator[BinaryIO]:
    """Open a ``.npy`` file at its first value, once its header and size are the expected ones."""
    try:
        with open_regular(path) as file:
            version = np.lib.format.read_magic(file)
            if version != (1, 0):
                raise ValueError(f"its format is {version[0]}.{version[1]}, expected 1.0")
            header = np.lib.format.read_array_header_1_0(file, max_header_size=_MAX_HEADER)
            if header != (shape, False, dtype):
                raise ValueError(f"it holds {header[2]} {header[0]}, expected {dtype} {shape}")
            size = os.fstat(file.fileno()).st_size
            expected = file.tell() + math.prod(shape) * dtype.itemsize
            if size != expected:
                raise ValueError(f"it has {size:,} bytes, expected {expected:,}")
            yield file
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:
        raise DataError(f"{path}: {error}") from None


def release(array: np.ndarray) -> None:
    """Let go of the memory that a mapped array has taken; any other array stays as it is.

    The system keeps what was read for as long as it has room; this process no longer counts it
    as its own, and reading it again costs a look-up.
    """
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, memoryview):
        base = base.obj
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)
