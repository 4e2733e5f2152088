"""Scratch memory that is reused, one set a thread.

A fresh array of a megabyte costs a page fault per 4 KB the first time it is written; a kernel
that asks here gets the same memory every time, still warm in the cache.
"""

import math
import threading

import numpy as np

_local = threading.local()


def scratch(name: str, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An uninitialised array, valid until this thread asks for the same name again."""
    buffers: dict[tuple[str, np.dtype], np.ndarray] = _local.__dict__.setdefault("buffers", {})
    size = math.prod(shape)
    buffer = buffers.get((name, dtype))
    if buffer is None or buffer.size < size:
        buffer = buffers[name, dtype] = np.empty(size, dtype)
    return buffer[:size].reshape(shape)


def release() -> None:
    """Give back this thread's scratch memory."""
    _local.__dict__.pop("buffers", None)
