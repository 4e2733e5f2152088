"""The fixed split of a batch into micro-batches, and the fixed tree that sums their results.

Both depend on the sizes of batch and micro-batch alone: any number of workers gives the same bits.
"""

from collections.abc import Sequence

import numpy as np

from engine.kernels.partition import equal_parts

MICRO_BATCH = 32
"""Samples of a micro-batch by default: rows of 32 floats fill cache lines and vector registers."""

MOST_PIECES = 64
"""Micro-batches of a batch at most, as each has a thread; beyond, they are larger."""


def micro_batches(n: int, size: int = MICRO_BATCH) -> list[slice]:
    """The fixed split of a batch of n samples: pieces of at most ``size``, two from n = 16.

    It never depends on the machine, so every machine sums in the same order.
    """
    pieces = min(max(-(-n // size), 2 if n >= 16 else 1), MOST_PIECES)
    return equal_parts(n, pieces)


def tree_sum(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Sum over a fixed binary tree, in place: the first array receives the sum.

    ((0 + 1) + (2 + 3)) + ...: the same additions in the same order wherever the terms were made.
    """
    step = 1
    while step < len(arrays):
        for i in range(0, len(arrays) - step, 2 * step):
            np.add(arrays[i], arrays[i + step], out=arrays[i])
        step *= 2
    return arrays[0]
