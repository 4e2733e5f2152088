"""The fixed split of a batch into micro-batches, and the fixed tree that sums their results.

Both depend on the sizes of batch and micro-batch alone: any number of workers gives the same bits.
"""

from collections.abc import Callable, Iterable, MutableMapping, Sequence
from typing import TypeVar

import numpy as np

from engine.kernels.partition import equal_parts

T = TypeVar("T")

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


Node = tuple[int, int]
"""A node of the tree: its level, and its place there; ``(0, i)`` is the result of micro-batch i."""


def nodes_of(share: Iterable[int], pieces: int) -> list[Node]:
    """The fewest nodes of the tree over all pieces that are the sums of some of them, sorted."""
    nodes: dict[Node, None] = dict.fromkeys((0, i) for i in share)
    _climb(nodes, pieces, lambda left, right: None)
    return sorted(nodes)


def sum_nodes(sums: MutableMapping[Node, np.ndarray], pieces: int) -> None:
    """Replace nodes by their parents, wherever both children are there, with ``tree_sum``'s bits.

    Args:
        sums: the sum of each node; the left child's array receives the parent's.
        pieces: micro-batches of the batch.
    """
    _climb(sums, pieces, lambda left, right: np.add(left, right, out=left))


def _climb(nodes: MutableMapping[Node, T], pieces: int, add: Callable[[T, T], T]) -> None:
    level = 0
    while pieces >> level > 0 and nodes:
        for place in sorted(place for at, place in nodes if at == level and place % 2 == 0):
            last = (place + 1) << level >= pieces  # a left child without a sibling
            if not last and (level, place + 1) not in nodes:
                continue
            value = nodes.pop((level, place))
            if not last:
                value = add(value, nodes.pop((level, place + 1)))
            nodes[level + 1, place // 2] = value
        level += 1
