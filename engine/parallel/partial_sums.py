"""Sums of some micro-batches, as nodes of the fixed tree of ``micro_batches.tree_sum``.

Processes that each have some of the terms can so make the same additions in the same order.
"""

from collections.abc import Callable, Iterable, MutableMapping
from typing import TypeVar

import numpy as np

T = TypeVar("T")

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
