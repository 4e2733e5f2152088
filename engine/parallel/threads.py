"""Micro-batches that meet: threads, and a place where all of them wait for one another.

Batch normalisation needs statistics of the whole batch in the middle of the network. There the
micro-batches meet: ``Rank.all_gather`` hands over the ticket to compute while it waits for the
others. It is the protocol of data-parallel training with synchronised batch norm.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from engine.kernels.scratch import Workspace, swap_workspace

T = TypeVar("T")

Swap = Callable[[list[Any]], list[Any]]
"""From the values of this process's micro-batches, in order, to those of all processes'."""


class Rank(Protocol):
    """One micro-batch's place among those of its batch."""

    index: int

    def all_gather(self, value: T) -> list[T]:
        """Everybody's values, in the order of the micro-batches. Waits for all of them."""
        ...


class Alone:
    """The rank of a batch that is not split."""

    index = 0

    def all_gather(self, value: T) -> list[T]:
        return [value]


class _Aborted(Exception):
    """Another micro-batch failed; its error is the one to report."""


class _Tickets:
    """Who may compute. A ticket comes with a workspace, still warm from the one who had it."""

    def __init__(self, count: int) -> None:
        self._free = threading.Semaphore(count)
        self._workspaces: list[Workspace] = [{} for _ in range(count)]

    def acquire(self) -> None:
        self._free.acquire()
        swap_workspace(self._workspaces.pop())

    def release(self) -> None:
        self._workspaces.append(swap_workspace({}))
        self._free.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class _Meeting:
    """Where the micro-batches of one process wait for each other, and together for the others."""

    def __init__(
        self,
        size: int,
        tickets: _Tickets,
        swap: Swap | None,
        on_wait: Callable[[], None],
    ) -> None:
        self.size = size
        self.tickets = tickets
        self.swap = swap
        self.on_wait = on_wait
        self.changed = threading.Condition()
        self.values: list[Any] = [None] * size
        self.arrived = 0
        self.results: list[Any] = []
        self.round = 0
        self.aborted = False

    def gather(self, place: int, value: T) -> list[T]:
        with self.changed:
            here = self.round
            self.values[place] = value
            self.arrived += 1
            if self.arrived == self.size:
                own, self.values = self.values, [None] * self.size
                self.results = own if self.swap is None else self.swap(own)
                self.arrived = 0
                self.round += 1
                self.changed.notify_all()
                return self.results
        self.on_wait()
        self.tickets.release()
        try:
            with self.changed:
                self.changed.wait_for(lambda: self.round != here or self.aborted)
                # The next round cannot end without this member, so these are its own results.
                results = self.results
        finally:
            self.tickets.acquire()  # outside the lock, which the ticket's holder may need
        if self.aborted:
            raise _Aborted
        return results

    def abort(self) -> None:
        with self.changed:
            self.aborted = True
            self.changed.notify_all()


class _Member:
    """A ``Rank`` of a meeting."""

    def __init__(self, meeting: _Meeting, place: int, index: int) -> None:
        self.meeting = meeting
        self.place = place
        self.index = index

    def all_gather(self, value: T) -> list[T]:
        return self.meeting.gather(self.place, value)


class MeetingThreads:
    """Runs the micro-batches of a batch, in as few threads as they can do with.

    A thread computes one micro-batch after the other. Only where one waits at a meeting another
    thread goes on with the next: waking it takes as long as some of a small network's layers.

    Args:
        tickets: how many of them compute at once.
    """

    def __init__(self, tickets: int) -> None:
        self._count = tickets
        self._tickets = _Tickets(tickets)
        self._pool: ThreadPoolExecutor | None = None
        self._pool_size = 0

    def map(
        self, task: Callable[[int, Rank], T], indices: range, swap: Swap | None = None
    ) -> list[T]:
        """Run ``task(index, rank)`` for every index and return their results in order.

        Args:
            task: the work of a micro-batch.
            indices: the micro-batches of this process.
            swap: how their values at a meeting get to those of other processes, and back.

        An exception of a task is raised here, after all the others have come to an end.
        """
        size = len(indices)
        places = iter(range(size))  # taken one by one: ``next`` holds the interpreter lock
        results: dict[int, T] = {}
        errors: list[BaseException] = []
        threads: list[Future[None]] = []

        def run() -> None:
            with self._tickets:
                for place in places:
                    try:
                        results[place] = task(
                            indices[place], _Member(meeting, place, indices[place])
                        )
                    except BaseException as error:
                        errors.append(error)
                        meeting.abort()
                    if errors:
                        return

        def start() -> None:
            if len(threads) < size - 1:
                threads.append(self._threads(size).submit(run))

        meeting = _Meeting(size, self._tickets, swap, on_wait=start)
        for _ in range(self._count - 1):
            start()
        run()
        for thread in threads:  # the list may grow meanwhile
            thread.result()
        if errors:
            raise next((e for e in errors if not isinstance(e, _Aborted)), errors[0])
        return [results[place] for place in range(size)]

    def _threads(self, size: int) -> ThreadPoolExecutor:
        # All but one must be able to wait at a meeting at once.
        if self._pool is None or self._pool_size < size - 1:
            self.close()
            self._pool_size = max(size - 1, 1)
            self._pool = ThreadPoolExecutor(self._pool_size, thread_name_prefix="micro-batch")
        return self._pool

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
