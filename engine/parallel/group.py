"""A process group: processes that run the same program, each on its share of the data (SPMD).

Where one needs the values of the others, all of them call ``all_gather``. With one member it is
an ordinary program.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Protocol, TypeVar

import numpy as np

from engine.errors import RunError
from engine.kernels.partition import equal_parts
from engine.parallel.micro_batches import tree_sum
from engine.parallel.threads import Gather, MicroBatchGroup, MicroBatchThreads

T = TypeVar("T")


Numbered = tuple[int, T]
"""The number of a micro-batch and its result."""


class WorkQueue(Protocol):
    """The micro-batches of all members; one without work steals from the others."""

    def take(self, shares: Sequence[range], member: int) -> Iterator[int]:
        """Numbers from a member's own share, then from others'; each is given out once."""
        ...


class ProcessGroup:
    """One process's view of the group that it is a member of.

    Args:
        threads: compute its micro-batches.
        index: the number of this member, from 0.
        members: how many there are.
        gather: the all-gather of the members; None for the only member.
        queue: the micro-batches of all members; None for the only member.

    Attributes:
        index: the number of this member, from 0.
    """

    def __init__(
        self,
        threads: MicroBatchThreads,
        index: int = 0,
        members: int = 1,
        gather: Gather | None = None,
        queue: WorkQueue | None = None,
    ) -> None:
        self.index = index
        self._threads = threads
        self._members = members
        self._gather = gather
        self._queue = queue

    def share(self, size: int) -> range:
        """This member's part of the range from 0 to size; empty if there are more members."""
        return self._shares(size)[self.index]

    def _shares(self, size: int) -> list[range]:
        return [range(part.start, part.stop) for part in equal_parts(size, self._members)]

    def map(
        self, task: Callable[[int, MicroBatchGroup], T], size: int, *, sync: bool = False
    ) -> list[Numbered[T]]:
        """Run ``task(number, group)`` for the micro-batches of this member's share.

        A member that has finished its share steals from another's, whose processor may be busy
        with something else. Callers all-gather between two calls.

        Args:
            task: the work of one micro-batch.
            size: the number of micro-batches.
            sync: whether the tasks all-gather: a whole share must then run at once, so that there
                is no stealing. No share may be empty.

        Returns:
            The results of this member. An exception of a task is raised here, once no other task
            of this member runs any more.

        Raises:
            RunError: a task all-gathers without ``sync``.
        """
        if sync or self._queue is None:
            share = self.share(size)
            return list(zip(share, self._threads.map(task, share, self._gather), strict=True))
        return [
            (i, result)
            for i in self._queue.take(self._shares(size), self.index)
            for result in self._threads.map(task, range(i, i + 1), refuse_gather)
        ]

    def all_gather(self, values: list[T]) -> list[T]:
        """The values of all members, in their order. Waits for all of them."""
        return values if self._gather is None else self._gather(values)

    # -- a vector that all members update, each a part of it ---------------------------------

    def own_part(self, size: int) -> range:
        """The part of a vector of ``size`` blocks that this member updates."""
        return self.share(size)

    def sum_of(self, vectors: Sequence[np.ndarray], part: slice) -> np.ndarray:
        """This member's part of the sum over all micro-batches, in the first one's vector.

        Args:
            vectors: of every micro-batch, in shared memory.
            part: from ``own_part``.
        """
        return tree_sum([vector[part] for vector in vectors])

    def gather_of_parts(self, values: list[T]) -> list[T]:
        """What every member found out about its own part, in the order of the parts."""
        return self.all_gather(values)

    def finish_step(self) -> None:
        """Wait until all members have updated their parts."""
        self.all_gather([])


def refuse_gather(values: list[Any]) -> list[Any]:
    """The all-gather of micro-batches that are not to wait for each other.

    Raises:
        RunError: always.
    """
    raise RunError("micro-batches all-gather in a layer whose ``needs_sync`` is False")


def in_order(*shares: Iterable[Numbered[T]]) -> list[T]:
    """The results of all micro-batches in order, from the members' shares."""
    parts = chain.from_iterable(shares)
    return [result for _, result in sorted(parts, key=lambda part: part[0])]
