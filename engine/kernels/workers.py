"""Threads over the micro-batches of a batch, with the same bits for any number of workers.

A batch is always split into the same micro-batches, and what they share is always combined in
the same order; how many of them run at the same time is then only a matter of speed. Each
micro-batch has a thread of its own, and ``workers`` tickets say how many may compute at once.
(NumPy releases the interpreter lock in matrix products, ufuncs and copies.)

Batch normalisation needs statistics of the whole batch in the middle of the network. There the
micro-batches meet: ``Rank.all_gather`` hands over the ticket while it waits for the others. It
is the protocol of data-parallel training with synchronised batch norm, inside one process.
"""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import Any, Protocol, TypeVar

import numpy as np
from threadpoolctl import ThreadpoolController

from engine.kernels.memory import keep_freed_memory

T = TypeVar("T")

MICRO_BATCH = 32
"""Samples of a micro-batch: rows of 32 floats fill whole cache lines and vector registers."""

MOST_PIECES = 64
"""Micro-batches of a batch at most, as each has a thread; they are larger beyond 2,048 samples."""


def micro_batches(n: int) -> list[slice]:
    """The fixed split of a batch of n samples: pieces of about 32, at least two from n = 16.

    It depends on n alone, never on the machine, so every machine sums in the same order.
    """
    pieces = min(max(-(-n // MICRO_BATCH), 2 if n >= 16 else 1), MOST_PIECES)
    bounds = [n * i // pieces for i in range(pieces + 1)]
    return [slice(a, b) for a, b in pairwise(bounds)]


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


class _Meeting:
    """Where the micro-batches of one batch wait for each other."""

    def __init__(self, size: int, tickets: threading.Semaphore) -> None:
        self.size = size
        self.tickets = tickets
        self.changed = threading.Condition()
        self.values: list[Any] = [None] * size
        self.arrived = 0
        self.results: list[Any] = []
        self.round = 0
        self.aborted = False

    def gather(self, index: int, value: T) -> list[T]:
        with self.changed:
            here = self.round
            self.values[index] = value
            self.arrived += 1
            if self.arrived == self.size:
                self.results, self.values = self.values, [None] * self.size
                self.arrived = 0
                self.round += 1
                self.changed.notify_all()
                return self.results
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

    def __init__(self, meeting: _Meeting, index: int) -> None:
        self.meeting = meeting
        self.index = index

    def all_gather(self, value: T) -> list[T]:
        if self.meeting.size == 1:
            return [value]
        return self.meeting.gather(self.index, value)


class _SingleThreadedBlas:
    """Holds BLAS to one thread from the first ``hold`` to the last ``let_go``, from any thread.

    The limit is the whole process's: if every user set and restored it, one that ends would
    lift it for another that still computes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._limit: Any = None

    def hold(self) -> None:
        with self._lock:
            if self._users == 0:
                self._limit = ThreadpoolController().limit(limits=1, user_api="blas")
            self._users += 1

    def let_go(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._limit.restore_original_limits()


_blas = _SingleThreadedBlas()


class Workers:
    """A fixed number of threads' worth of computing, for the micro-batches of one batch.

    Use as a context manager, or call ``close``. While any is open, BLAS is held to one thread:
    our own threads use the cores better, and the sums of a product keep one order.

    Args:
        count: how many micro-batches compute at once; None for the cores this process may use.
    """

    def __init__(self, count: int | None = None) -> None:
        keep_freed_memory()
        self.count = count or usable_cores()
        self._tickets = threading.Semaphore(self.count)
        self._pool: ThreadPoolExecutor | None = None
        self._pool_size = 0
        self._open = True
        _blas.hold()

    def map(self, task: Callable[[int, Rank], T], size: int) -> list[T]:
        """Run ``task(index, rank)`` for every micro-batch and return their results in order.

        An exception of a task is raised here, after all the others have come to an end.
        """
        meeting = _Meeting(size, self._tickets)

        def run(index: int) -> T:
            with self._tickets:
                try:
                    return task(index, _Member(meeting, index))
                except BaseException:
                    meeting.abort()
                    raise

        futures = [self._threads(size).submit(run, index) for index in range(1, size)]
        errors: list[BaseException] = []
        results: list[T] = []
        try:
            results.append(run(0))
        except BaseException as error:
            errors.append(error)
        results += self._collect(futures, errors)
        if errors:
            raise next((e for e in errors if not isinstance(e, _Aborted)), errors[0])
        return results

    @staticmethod
    def _collect(futures: list[Future[T]], errors: list[BaseException]) -> list[T]:
        results = []
        for future in futures:
            try:
                results.append(future.result())
            except BaseException as error:
                errors.append(error)
        return results

    def _threads(self, size: int) -> ThreadPoolExecutor:
        # One thread a micro-batch, for all must be able to wait at a meeting at once.
        if self._pool is None or self._pool_size < size - 1:
            if self._pool is not None:
                self._pool.shutdown()
            self._pool_size = max(size - 1, 1)
            self._pool = ThreadPoolExecutor(self._pool_size, thread_name_prefix="micro-batch")
        return self._pool

    def close(self) -> None:
        """End the threads and give BLAS its own back."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
        if self._open:
            self._open = False
            _blas.let_go()

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def usable_cores() -> int:
    """Processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
