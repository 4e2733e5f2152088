"""A pool of worker processes that carry out orders together.

Python's threads share one interpreter lock. NumPy releases it inside its loops, but the
operations of a small network take 5 to 100 microseconds each, and waking a thread that waits
for the lock takes as long. On two cores, two threads were 1.1 times as fast as one in batch
norm and 1.5 times in convolutions; two processes 1.9 times in both.

A worker is a fork of this process: it has the network and the data set as they are at that
moment, without a copy. What changes afterwards lies in shared memory (``shared_zeros``):
parameters, gradients, statistics, and the next order. Results come back through a pipe.
There is nothing in the file system.

Workers end with their parent, however it dies: they see the end of the pipe, and one that waits
for others polls for it. A stopped worker (SIGSTOP) would hold up all others and its parent, so
whatever waits for it makes it continue. When the parent ends, the kernel does.
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
from engine.parallel.group import ProcessGroup
from engine.parallel.shared_memory import AllGather, Mailbox, SharedWorkQueue
from engine.parallel.threads import MicroBatchThreads

T = TypeVar("T")

Task = Callable[[Any, ProcessGroup], T]
"""From an order and the process group to a result. Orders and results can be pickled."""

_POLL = 0.05
"""Seconds between two checks whether to stop."""
_START_TIMEOUT = 10.0
"""Seconds that a worker has to start."""
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None  # a fork may not load it any more


def can_fork() -> bool:
    """Whether this system has what a pool needs; elsewhere threads compute."""
    return sys.platform == "linux"


class WorkerPool(Generic[T]):
    """Worker processes, with all that this process has in memory now.

    Args:
        task: carries out an order. Of the objects that it reads, those that change after this
            moment must be in shared memory.
        count: how many processes.

    Raises:
        OSError: the system has no process or no memory left, or a worker does not start: at the
            moment of the fork another thread held a lock, in BLAS say, that stays locked in the
            worker. Another try helps.
    """

    def __init__(self, task: Task[T], count: int) -> None:
        self._processes: list[int] = []
        self._pipes: list[Connection] = []
        with ExitStack() as opened:  # there may be no descriptors left
            self._mailbox = Mailbox(count)
            opened.callback(self._mailbox.close_eventfds)
            self._queue = SharedWorkQueue(count)
            opened.callback(self._queue.close)
            all_gather = AllGather(count)
            opened.pop_all()
        try:
            for index in range(count):
                ours, theirs = Pipe()
                self._pipes.append(ours)
                pid = os.fork()
                if pid == 0:
                    _run(_Worker(task, index, theirs, self._mailbox, all_gather, self._queue))
                theirs.close()
                self._processes.append(pid)
            self._await_start()
        except BaseException:
            self.close()
            raise
        finally:
            all_gather.close_eventfds()

    def _await_start(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT
        for pipe in self._pipes:
            while not pipe.poll(_POLL):
                self._continue()
                if time.monotonic() > deadline:
                    raise TimeoutError("a worker process does not start")
            with suppress(EOFError):
                pipe.recv()

    def run(self, order: Any, members: int, check: Callable[[], None] = lambda: None) -> list[T]:
        """Run ``task(order, group)`` in some workers and return their results in order.

        Args:
            order: the argument of the task; the same for all.
            members: how many workers take part; all of them, if there are fewer.
            check: called about 20 times a second while waiting; may raise to stop at once.

        Raises:
            RunError: a worker died.
            Exception: what a task raised. After any exception the pool is closed.
        """
        pipes = self._pipes[:members]
        results: dict[Connection, T] = {}
        try:
            self._queue.restart()
            self._mailbox.post((order, len(pipes)), len(pipes))
            while len(results) < len(pipes):
                ready = wait([pipe for pipe in pipes if pipe not in results], _POLL)
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
        """Continue workers that were stopped (SIGSTOP); the others do not notice."""
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
        self._mailbox.close_eventfds()
        self._queue.close()
        self._pipes, self._processes = [], []


class _Worker:
    """The program of a worker process, until its parent closes the pipe.

    Args:
        task: see ``WorkerPool``.
        index: the number of the worker.
        pipe: replies go there; closed by the parent when there is no more to do.
        orders: the mailbox of the orders.
        all_gather: of the workers.
        queue: of the micro-batches.
    """

    def __init__(
        self,
        task: Task[Any],
        index: int,
        pipe: Connection,
        orders: Mailbox,
        all_gather: AllGather,
        queue: SharedWorkQueue,
    ) -> None:
        self.task = task
        self.index = index
        self.pipe = pipe
        self.orders = orders
        self.all_gather = all_gather
        self.queue = queue
        self.threads = MicroBatchThreads(1)

    @property
    def files(self) -> set[int]:
        """File descriptors that it needs."""
        eventfds = {self.orders.eventfds[self.index], *self.all_gather.eventfds}
        return {self.pipe.fileno(), *eventfds, *self.queue.files}

    def report_start(self) -> None:
        """Tell the parent that this process computes."""
        product = np.ones((64, 64), np.float32) @ np.ones((64, 64), np.float32)
        self.pipe.send(float(product[0, 0]))

    def serve(self) -> None:
        """Carry out orders until there are none left."""
        while (order := self.orders.wait(self.index, self.pipe)) is not None:
            reply: tuple[bool, Any]
            try:
                reply = (True, self._work(*order))
            except BaseException as error:
                reply = (False, _portable(error))
            self.pipe.send(reply)

    def _work(self, order: Any, members: int) -> Any:
        # Some workers may have taken no part in the last order.
        self.all_gather.turn = self.queue.turn = 0

        def gather(values: list[Any]) -> list[Any]:
            return self.all_gather.gather(self.index, members, values)

        if members == 1:
            return self.task(order, ProcessGroup(self.threads))
        return self.task(order, ProcessGroup(self.threads, self.index, members, gather, self.queue))


def _run(worker: _Worker) -> NoReturn:
    """Main function of a forked process: never returns to what its parent was doing."""
    try:
        _die_with(worker.all_gather.parent)
        signal.set_wakeup_fd(-1)
        for number in signal.valid_signals():
            if callable(signal.getsignal(number)):  # the parent's, about its terminal
                signal.signal(number, signal.SIG_DFL)
        # Sent to the whole group, they are meant for the parent, which knows what to do.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        gc.freeze()  # the objects of the parent are not collected here
        _close_files(worker.files)
        worker.report_start()
        worker.serve()
    finally:
        os._exit(0)


def _die_with(parent: int) -> None:
    """Have the kernel continue this process when its parent ends, so that it notices.

    For the kernel the parent is the thread that forked it. It may end before its process does:
    therefore the signal is not SIGKILL.
    """
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGCONT)
    if os.getppid() != parent:  # it ended before the kernel was told
        os._exit(0)


def _close_files(keep: set[int]) -> None:
    """Close the parent's files, so that locks and pipes end with it, and leave the terminal."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    start = 3
    for fd in [*sorted(keep), os.sysconf("SC_OPEN_MAX")]:
        os.closerange(start, fd)
        start = fd + 1


def _portable(error: BaseException) -> BaseException:
    """The error in a form that can be pickled, with the traceback as a note."""
    error.add_note("in a worker process:\n" + "".join(traceback.format_exception(error)).rstrip())
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RunError(f"{type(error).__name__}: {error}")
    return error
