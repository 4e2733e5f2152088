"""A batch split over workers, with the same bits for any number of them.

A batch is always split into the same micro-batches, and what they share is always combined in
the same order; how many of them run at the same time is then only a matter of speed. Where it
is worth it, and the system can, a team of processes computes them (``team`` says why); else
threads of this process.
"""

import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypeVar

import numpy as np
from threadpoolctl import ThreadpoolController

from engine.kernels.malloc import keep_freed_memory
from engine.kernels.partition import equal_parts
from engine.parallel.group import Crew
from engine.parallel.processes import Task, Team, can_fork
from engine.parallel.threads import MeetingThreads

T = TypeVar("T")

MICRO_BATCH = 32
"""Samples of a micro-batch: rows of 32 floats fill whole cache lines and vector registers."""

WORTH_A_TEAM = 10_000_000
"""Multiply-adds of a batch from which worker processes are worth the orders and the replies."""

TRIES = 3
"""How often to ask for processes before doing without, for good."""

MOST_PIECES = 64
"""Micro-batches of a batch at most, as each has a thread; they are larger beyond 2,048 samples."""


def micro_batches(n: int) -> list[slice]:
    """The fixed split of a batch of n samples: pieces of about 32, at least two from n = 16.

    It depends on n alone, never on the machine, so every machine sums in the same order.
    """
    pieces = min(max(-(-n // MICRO_BATCH), 2 if n >= 16 else 1), MOST_PIECES)
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
    """How many micro-batches of a batch are computed at once, and by whom.

    Use as a context manager, or call ``close``. While any is open, BLAS is held to one thread:
    our own workers use the cores better, and the sums of a product keep one order.

    Args:
        count: how many micro-batches compute at once; None for the cores this process may use.

    Attributes:
        crew: this process, the only member, for what is not worth a team.
    """

    def __init__(self, count: int | None = None) -> None:
        keep_freed_memory()
        self.count = count or usable_cores()
        # Where there are processes, work that they are not worth is not worth a thread either.
        self._threads = MeetingThreads(1 if can_fork() else self.count)
        self.crew = Crew(self._threads)
        self._teams: list[Team[Any]] = []
        self._alone = self.count == 1 or not can_fork()
        self._open = True
        _blas.hold()

    def team(self, task: Task[T]) -> Team[T] | None:
        """Processes that do a task, with all that this one has in memory now; None without any."""
        if self._alone:
            return None
        self._teams = [team for team in self._teams if not team.closed]
        for _ in range(TRIES):
            with suppress(OSError):
                self._teams.append(Team(task, min(self.count, MOST_PIECES)))
                return self._teams[-1]
        self._alone = True
        return None

    def close(self) -> None:
        """End the threads and the teams, and give BLAS its own back."""
        self._threads.close()
        for team in self._teams:
            team.close()
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
