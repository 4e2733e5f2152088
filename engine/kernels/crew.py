"""Those who carry out the same order together, each with a share of the work.

It is how programs for many processors are usually written (SPMD): all run the same program, each
on its own part of the data, and where one needs what the others have, all gather it. With one
member it is an ordinary program.
"""

from collections.abc import Callable
from typing import TypeVar

from engine.kernels.meeting import MeetingThreads, Rank, Swap
from engine.kernels.parts import equal_parts

T = TypeVar("T")


class Crew:
    """The place of one process among those that carry out an order.

    Args:
        threads: what it computes micro-batches with.
        index: which member it is.
        members: how many there are.
        swap: from this member's values to those of all, in order; None for the only member.

    Attributes:
        index: which member this is, from 0.
    """

    def __init__(
        self, threads: MeetingThreads, index: int = 0, members: int = 1, swap: Swap | None = None
    ) -> None:
        self.index = index
        self._threads = threads
        self._members = members
        self._swap = swap

    def share(self, size: int) -> range:
        """This member's of 0 to size − 1; empty if there are fewer than members."""
        part = equal_parts(size, self._members)[self.index]
        return range(part.start, part.stop)

    def each(self, task: Callable[[int, Rank], T], size: int) -> list[T]:
        """Run ``task(index, rank)`` for this member's share of the micro-batches.

        Where they meet, all members must have one.

        Returns:
            The results in order. An exception of a task is raised here, after all the others of
            this member have come to an end.
        """
        return self._threads.map(task, self.share(size), self._swap)

    def gather(self, values: list[T]) -> list[T]:
        """Everybody's values in the order of the members. Waits for all of them."""
        return values if self._swap is None else self._swap(values)
