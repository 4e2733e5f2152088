"""Those who carry out the same order together, each with a share of the work.

It is how programs for many processors are usually written (SPMD): all run the same program, each
on its own part of the data, and where one needs what the others have, all gather it. With one
member it is an ordinary program.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Protocol, TypeVar

from engine.errors import RunError
from engine.kernels.partition import equal_parts
from engine.parallel.threads import MeetingThreads, Rank, Swap

T = TypeVar("T")


Numbered = tuple[int, T]
"""The number of a micro-batch, and what was made of it."""


class Piles(Protocol):
    """The members' shares of the micro-batches, from which others may take."""

    def take(self, shares: Sequence[range], member: int) -> Iterator[int]:
        """Numbers from a member's own share, then from others'; each is given to only one."""
        ...


class Crew:
    """The place of one process among those that carry out an order.

    Args:
        threads: what it computes micro-batches with.
        index: which member it is.
        members: how many there are.
        swap: from this member's values to those of all, in order; None for the only member.
        piles: where members take micro-batches from; None for the only member.

    Attributes:
        index: which member this is, from 0.
    """

    def __init__(
        self,
        threads: MeetingThreads,
        index: int = 0,
        members: int = 1,
        swap: Swap | None = None,
        piles: Piles | None = None,
    ) -> None:
        self.index = index
        self._threads = threads
        self._members = members
        self._swap = swap
        self._piles = piles

    def share(self, size: int) -> range:
        """This member's of 0 to size − 1; empty if there are fewer than members."""
        return self._shares(size)[self.index]

    def _shares(self, size: int) -> list[range]:
        return [range(part.start, part.stop) for part in equal_parts(size, self._members)]

    def each(
        self, task: Callable[[int, Rank], T], size: int, *, meet: bool = False
    ) -> list[Numbered[T]]:
        """Run ``task(number, rank)`` for the micro-batches of this member's share.

        Who is done with them takes some of another's, whose processor somebody else may need for
        a moment, instead of waiting for it. Callers see to it that all gather between two calls.

        Args:
            task: what to do with one.
            size: how many there are.
            meet: whether they meet: all of a share must then be there at once, so nobody takes
                of another's. No share may be empty.

        Returns:
            The results of this member. An exception of a task is raised here, when none of this
            member's is under way any more.

        Raises:
            RunError: they meet, and nobody said so.
        """
        if meet or self._piles is None:
            share = self.share(size)
            return list(zip(share, self._threads.map(task, share, self._swap), strict=True))
        return [
            (i, result)
            for i in self._piles.take(self._shares(size), self.index)
            for result in self._threads.map(task, range(i, i + 1), _no_meeting)
        ]

    def gather(self, values: list[T]) -> list[T]:
        """Everybody's values in the order of the members. Waits for all of them."""
        return values if self._swap is None else self._swap(values)


def _no_meeting(values: list[Any]) -> list[Any]:
    raise RunError("micro-batches meet in a layer that does not say so (its ``meets``)")


def in_order(*shares: Iterable[Numbered[T]]) -> list[T]:
    """The results of all micro-batches, from those who made them."""
    parts = chain.from_iterable(shares)
    return [result for _, result in sorted(parts, key=lambda part: part[0])]
