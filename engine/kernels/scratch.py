"""Scratch memory that is reused, a set for every thread that computes.

A fresh array of a megabyte costs a page fault per 4 KB the first time it is written; a kernel
that asks here gets the same memory every time, still warm in the cache.
"""

import math
import threading

import numpy as np

from engine.kernels import aligned

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
        buffer = buffers[name, dtype] = aligned.empty((size,), dtype)
    return buffer[:size].reshape(shape)


def swap_workspace(buffers: Workspace) -> Workspace:
    """Let this thread use another workspace; returns the one that it had."""
    own: Workspace = _local.__dict__.get("buffers", {})
    _local.buffers = buffers
    return own
