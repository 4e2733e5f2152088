"""Scratch memory that is reused, a set for every thread that computes.

A fresh array of a megabyte costs a page fault per 4 KB the first time it is written; a kernel
that asks here gets the same memory every time, still warm in the cache.
"""

import math
import threading

import numpy as np

ALIGNMENT = 64
"""Bytes: a line of the cache, and a register of AVX-512."""

Workspace = dict[tuple[str, np.dtype], np.ndarray]

_local = threading.local()


def scratch(name: str, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An uninitialised array, valid until this name is asked for again, or an all-gather.

    In an all-gather the next thread that computes takes over the thread's workspace.
    """
    buffers: Workspace = _local.__dict__.setdefault("buffers", {})
    size = math.prod(shape)
    buffer = buffers.get((name, dtype))
    if buffer is None or buffer.size < size:
        buffer = buffers[name, dtype] = _aligned(size, dtype)
    return buffer[:size].reshape(shape)


def swap_workspace(buffers: Workspace) -> Workspace:
    """Let this thread use another workspace; returns the one that it had."""
    own: Workspace = _local.__dict__.get("buffers", {})
    _local.buffers = buffers
    return own


def _aligned(size: int, dtype: np.dtype) -> np.ndarray:
    """An uninitialised array that begins at a multiple of ``ALIGNMENT``.

    Otherwise most loads of whole registers touch two lines of the cache.
    """
    raw = np.empty(size * dtype.itemsize + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size * dtype.itemsize].view(dtype)
