"""The workers of a session or a command: processes where the system has them, else threads.

The same bits for any number of them: a batch is always split into the same micro-batches, and
their results are always combined in the same order. See ``processes`` for why not threads alone.
"""

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from engine.kernels.malloc import keep_freed_memory
from engine.parallel.blas import BLAS
from engine.parallel.group import ProcessGroup
from engine.parallel.micro_batches import MOST_PIECES
from engine.parallel.processes import Task, WorkerPool, can_fork
from engine.parallel.threads import MicroBatchThreads

if TYPE_CHECKING:
    from engine.parallel.mpi import Connection
    from engine.parallel.ranks import Leader

T = TypeVar("T")

WORTH_PROCESSES = 10_000_000
"""Multiply-adds of a batch from which worker processes are worth their communication."""

TRIES = 3
"""Attempts to start processes before threads compute for good."""


class Workers:
    """A number of workers, and the processes and threads that they are.

    Use as a context manager, or call ``close``. While any is open, BLAS is held to one thread:
    our own workers use the cores better, and the sums of a product keep one order.

    Args:
        count: how many micro-batches compute at once; None for the cores this process may use.
        connection: to other ranks, with which this process computes; None without any. It may not
            fork any more then, so that threads compute.
        leader: this process as the rank that gives the others orders; it has their connection.

    Attributes:
        group: this process as its only member, for work that is not worth processes.
        threads: those of this process.
        leader: see above.
    """

    def __init__(
        self,
        count: int | None = None,
        *,
        connection: "Connection | None" = None,
        leader: "Leader | None" = None,
    ) -> None:
        keep_freed_memory()
        connection = leader.connection if leader else connection
        self.count = count or (connection.cores if connection else usable_cores())
        forks = can_fork() and connection is None
        # Work that is not worth processes is not worth another thread either.
        self.threads = MicroBatchThreads(1 if forks else self.count)
        self.group = ProcessGroup(self.threads)
        self.leader = leader
        self._pools: list[WorkerPool[Any]] = []
        self._alone = self.count == 1 or not forks
        self._open = True
        BLAS.acquire()

    def pool(self, task: Task[T]) -> WorkerPool[T] | None:
        """Processes for a task, with all that this one has in memory now; None without any."""
        if self._alone:
            return None
        self._pools = [pool for pool in self._pools if not pool.closed]
        for _ in range(TRIES):
            with suppress(OSError):
                self._pools.append(WorkerPool(task, min(self.count, MOST_PIECES)))
                return self._pools[-1]
        self._alone = True
        return None

    def close(self) -> None:
        """End the threads and the pools, and lift the limit of BLAS."""
        self.threads.close()
        for pool in self._pools:
            pool.close()
        if self._open:
            self._open = False
            BLAS.release()

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def usable_cores() -> int:
    """How many processors this process may run on."""
    return len(usable_processors())


def usable_processors() -> set[int]:
    """The numbers of the processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))
