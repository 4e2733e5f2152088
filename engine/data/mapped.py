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

_MAX_HEADER = 1000  # bytes; ours have 118


def open_mapped(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Map a ``.npy`` file of uint8.

    Args:
        path: the file.
        shape: what it must hold.

    Returns:
        The values, read-only, C-contiguous.

    Raises:
        DataError: it is missing, or holds something else.
    """
    with _open(path, np.dtype(np.uint8), shape) as file:
        start = file.tell()
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


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
        with path.open("rb") as file:
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
