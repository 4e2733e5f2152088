"""Worker processes that carry out orders together.

Python's threads share one interpreter lock. NumPy lets go of it inside its loops, but the
operations of a small network take 5 to 100 microseconds each, and to wake a thread that waits
for the lock takes as long. On two cores, two threads were 1.1 times as fast as one in batch
norm and 1.5 times in convolutions; two processes 1.9 times in both.

A worker is a fork of this process: it has the network and the data set as they are at that
moment, without a copy. What changes afterwards lies in shared memory (``shared_zeros``):
parameters, gradients, statistics, and what is to be done next. Results come back through a pipe.
There is nothing in the file system.

Workers end with their parent, however it dies: the end of the pipe tells them, and one that waits
for others looks for itself. A worker that somebody stopped (SIGSTOP) would hold up all the others,
and its parent with them: who waits for it makes it continue. When the parent ends, the kernel does.
"""

import ctypes
import gc
import os
import pickle
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, Generic, NoReturn, TypeVar

import numpy as np

from engine.errors import RunError
from engine.parallel.group import Crew
from engine.parallel.shared_memory import Exchange, Orders, SharedPiles
from engine.parallel.threads import MeetingThreads

T = TypeVar("T")

Task = Callable[[Any, Crew], T]
"""From an order and one's place among those who carry it out to a result. Orders and results
can be pickled."""

_LOOK = 0.05
"""Seconds between two looks at whether to stop."""
_GREETING = 10.0
"""Seconds that a worker has to say that it is there."""
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None  # a fork may not load it any more


def can_fork() -> bool:
    """Whether this system has what a team needs; elsewhere threads must do."""
    return sys.platform == "linux"


class Team(Generic[T]):
    """Some worker processes, with all that this process has in memory now.

    Args:
        task: what they do, again and again. Of the objects that it reads, those that change
            after this moment must be in shared memory.
        count: how many.

    Raises:
        OSError: the system has no process or no memory left, or a worker does not start: at the
            moment of the fork another thread held a lock, in BLAS say, that nobody will release
            in the worker. Another try will do.
    """

    def __init__(self, task: Task[T], count: int) -> None:
        self._processes: list[int] = []
        self._pipes: list[Connection] = []
        with ExitStack() as opened:  # one may find no descriptors left
            self._orders = Orders(count)
            opened.callback(self._orders.close_bells)
            self._piles = SharedPiles(count)
            opened.callback(self._piles.close)
            exchange = Exchange(count)
            opened.pop_all()
        try:
            for index in range(count):
                ours, theirs = Pipe()
                self._pipes.append(ours)
                pid = os.fork()
                if pid == 0:
                    _live(_Worker(task, index, theirs, self._orders, exchange, self._piles))
                theirs.close()
                self._processes.append(pid)
            self._await_greetings()
        except BaseException:
            self.close()
            raise
        finally:
            exchange.close_bells()

    def _await_greetings(self) -> None:
        deadline = time.monotonic() + _GREETING
        for pipe in self._pipes:
            while not pipe.poll(_LOOK):
                self._continue()
                if time.monotonic() > deadline:
                    raise TimeoutError("a worker process does not start")
            with suppress(EOFError):
                pipe.recv()

    def run(self, order: Any, members: int, check: Callable[[], None] = lambda: None) -> list[T]:
        """Have ``task(order, crew)`` done by some workers and return their results in order.

        Args:
            order: what to do; the same for all.
            members: how many can have something to do; all workers, if it is more.
            check: called now and then while waiting; may raise to stop at once.

        Raises:
            RunError: a worker died.
            Exception: what a task raised. After any exception the team is closed.
        """
        pipes = self._pipes[:members]
        results: dict[Connection, T] = {}
        try:
            self._piles.restart()
            self._orders.give((order, len(pipes)), len(pipes))
            while len(results) < len(pipes):
                ready = wait([pipe for pipe in pipes if pipe not in results], _LOOK)
                for pipe in ready:
                    results[pipe] = self._reply(pipe)  # type: ignore[index]
                if not ready:
                    self._continue()
                check()
        except BaseException:
            self.close()
            raise
        return [results[pipe] for pipe in pipes]

    def _continue(self) -> None:
        """Let workers go on that somebody has stopped; the others do not notice."""
        for pid in self._processes:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    @staticmethod
    def _reply(pipe: Any) -> T:
        try:
            done, answer = pipe.recv()
        except (EOFError, OSError):
            raise RunError("a worker process was killed, perhaps for want of memory") from None
        if not done:
            raise answer
        return answer

    @property
    def closed(self) -> bool:
        """Whether its workers are gone."""
        return not self._processes

    def close(self) -> None:
        """End the workers at once: they own nothing that could be lost."""
        for pipe in self._pipes:
            pipe.close()
        for pid in self._processes:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in self._processes:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
        self._orders.close_bells()
        self._piles.close()
        self._pipes, self._processes = [], []


class _Worker:
    """What a worker process does until its parent closes the pipe.

    Args:
        task: see ``Team``.
        index: which worker it is.
        pipe: replies go there; closed by the parent when there is no more to do.
        orders: come from there.
        exchange: the meeting place of the team.
        piles: where micro-batches are taken from.
    """

    def __init__(
        self,
        task: Task[Any],
        index: int,
        pipe: Connection,
        orders: Orders,
        exchange: Exchange,
        piles: SharedPiles,
    ) -> None:
        self.task = task
        self.index = index
        self.pipe = pipe
        self.orders = orders
        self.exchange = exchange
        self.piles = piles
        self.threads = MeetingThreads(1)

    @property
    def files(self) -> set[int]:
        """What it needs open."""
        bells = {self.orders.bells[self.index], *self.exchange.bells}
        return {self.pipe.fileno(), *bells, *self.piles.files}

    def greet(self) -> None:
        """Say that it computes."""
        product = np.ones((64, 64), np.float32) @ np.ones((64, 64), np.float32)
        self.pipe.send(float(product[0, 0]))

    def serve(self) -> None:
        """Carry out orders until there are no more."""
        while (order := self.orders.wait(self.index, self.pipe)) is not None:
            reply: tuple[bool, Any]
            try:
                reply = (True, self._work(*order))
            except BaseException as error:
                reply = (False, _portable(error))
            self.pipe.send(reply)

    def _work(self, order: Any, members: int) -> Any:
        # Some workers may have had nothing to do the last time.
        self.exchange.turn = self.piles.turn = 0

        def swap(values: list[Any]) -> list[Any]:
            return self.exchange.swap(self.index, members, values)

        if members == 1:
            return self.task(order, Crew(self.threads))
        return self.task(order, Crew(self.threads, self.index, members, swap, self.piles))


def _live(worker: _Worker) -> NoReturn:
    """The life of a forked process: it never returns to what its parent was doing."""
    try:
        _end_with(worker.exchange.parent)
        signal.set_wakeup_fd(-1)
        for number in signal.valid_signals():
            if callable(signal.getsignal(number)):  # the parent's, about its terminal
                signal.signal(number, signal.SIG_DFL)
        # Those who send these to the whole group mean the parent, which knows what to do.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        gc.freeze()  # what the parent left behind is not this process's to tidy up
        _let_go_of_files(worker.files)
        worker.greet()
        worker.serve()
    finally:
        os._exit(0)


def _end_with(parent: int) -> None:
    """Have the kernel continue this process when its parent ends, so that it notices.

    For the kernel that is the thread which forked it. One that goes on without that thread does
    not notice: therefore it is not SIGKILL.
    """
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGCONT)
    if os.getppid() != parent:  # it ended before the kernel was told
        os._exit(0)


def _let_go_of_files(keep: set[int]) -> None:
    """Close the parent's files, so that locks and pipes end with the parent; no terminal either."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    start = 3
    for fd in [*sorted(keep), os.sysconf("SC_OPEN_MAX")]:
        os.closerange(start, fd)
        start = fd + 1


def _portable(error: BaseException) -> BaseException:
    """The error in a form that gets through a pipe, with the place where it was raised."""
    error.add_note("in a worker process:\n" + "".join(traceback.format_exception(error)).rstrip())
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RunError(f"{type(error).__name__}: {error}")
    return error
