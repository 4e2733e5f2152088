"""Memory that begins at a line of the cache.

NumPy's own begins at any multiple of 16 bytes. Most loads and stores of AVX-512 registers, of 64
bytes each, then touch two lines of the cache, which makes sums and products of arrays up to a
fifth slower (docs/benchmarks.md).
"""

import math

import numpy as np

from engine.arrays import Array, Shape

LINE = 64
"""Bytes of a line of the cache, and of a register of AVX-512."""


def empty(shape: Shape, dtype: np.typing.DTypeLike) -> Array:
    """An uninitialised array, contiguous, that begins at a line of the cache."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + LINE, np.uint8)
    start = -memory.ctypes.data % LINE
    return memory[start : start + size].view(dtype).reshape(shape)
