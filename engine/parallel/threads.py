"""Threads that compute micro-batches, with an all-gather between them.

Batch normalisation needs statistics of the whole batch in the middle of the network. There each
micro-batch calls ``MicroBatchGroup.all_gather``, which lets another one compute while it waits:
the protocol of data-parallel training with synchronised batch norm.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from engine.kernels.scratch import Workspace, swap_workspace

T = TypeVar("T")

Gather = Callable[[list[Any]], list[Any]]
"""An all-gather of processes: from the values of this one's micro-batches to those of all."""


class MicroBatchGroup(Protocol):
    """The micro-batches of a batch, as one of them sees them: its index, and an all-gather."""

    index: int

    def all_gather(self, value: T) -> list[T]:
        """The values of all micro-batches, in their order. Waits for all of them."""
        ...


class SoloGroup:
    """The group of a batch that is not split."""

    index = 0

    def all_gather(self, value: T) -> list[T]:
        return [value]


class _Aborted(Exception):
    """Another micro-batch failed; its error is the one to report."""


class _Tickets:
    """A semaphore for the threads that compute; each ticket comes with warm scratch memory."""

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


class _Barrier:
    """The all-gather of the micro-batches of one process, and then of all processes."""

    def __init__(
        self,
        size: int,
        tickets: _Tickets,
        gather: Gather | None,
        on_wait: Callable[[], None],
    ) -> None:
        self.size = size
        self.tickets = tickets
        self.gather = gather
        self.on_wait = on_wait
        self.changed = threading.Condition()
        self.values: list[Any] = [None] * size
        self.arrived = 0
        self.results: list[Any] = []
        self.round = 0
        self.aborted = False

    def all_gather(self, place: int, value: T) -> list[T]:
        with self.changed:
            here = self.round
            self.values[place] = value
            self.arrived += 1
            if self.arrived == self.size:
                own, self.values = self.values, [None] * self.size
                self.results = own if self.gather is None else self.gather(own)
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
            self.tickets.acquire()  # outside the lock, which the holder of the ticket may need
        if self.aborted:
            raise _Aborted
        return results

    def abort(self) -> None:
        with self.changed:
            self.aborted = True
            self.changed.notify_all()


class _Member:
    """A ``MicroBatchGroup`` whose micro-batches share a barrier."""

    def __init__(self, barrier: _Barrier, place: int, index: int) -> None:
        self.barrier = barrier
        self.place = place
        self.index = index

    def all_gather(self, value: T) -> list[T]:
        return self.barrier.all_gather(self.place, value)


class MicroBatchThreads:
    """Threads that run the micro-batches of a batch, no more of them than needed.

    A thread computes one micro-batch after the other. Only where one waits in an all-gather does
    another thread begin the next: to wake it takes as long as a layer of a small network.

    Args:
        tickets: how many compute at once.
    """

    def __init__(self, tickets: int) -> None:
        self._count = tickets
        self._tickets = _Tickets(tickets)
        self._pool: ThreadPoolExecutor | None = None
        self._pool_size = 0

    def map(
        self,
        task: Callable[[int, MicroBatchGroup], T],
        indices: range,
        gather: Gather | None = None,
    ) -> list[T]:
        """Run ``task(index, group)`` for every index and return their results in order.

        Args:
            task: the work of a micro-batch.
            indices: the micro-batches of this process.
            gather: the all-gather of the processes; None for only one.

        An exception of a task is raised here, after all others have ended.
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
                            indices[place], _Member(barrier, place, indices[place])
                        )
                    except BaseException as error:
                        errors.append(error)
                        barrier.abort()
                    if errors:
                        return

        def start() -> None:
            if len(threads) < size - 1:
                threads.append(self._threads(size).submit(run))

        barrier = _Barrier(size, self._tickets, gather, on_wait=start)
        for _ in range(self._count - 1):
            start()
        run()
        for thread in threads:  # the list may grow meanwhile
            thread.result()
        if errors:
            raise next((e for e in errors if not isinstance(e, _Aborted)), errors[0])
        return [results[place] for place in range(size)]

    def _threads(self, size: int) -> ThreadPoolExecutor:
        # All but one may wait in an all-gather at once.
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
