"""Worker processes that carry out orders together.

Python's threads share one interpreter lock. NumPy lets go of it inside its loops, but the
operations of a small network take 5 to 100 microseconds each, and to wake a thread that waits
for the lock takes as long. On two cores, two threads were 1.1 times as fast as one in batch
norm and 1.5 times in convolutions; two processes 1.9 times in both.

A worker is a fork of this process: it has the network and the data set as they are at that
moment, without a copy. What changes afterwards lies in shared memory (``shared_zeros``):
parameters, gradients, statistics, and what is to be done next. Results come back through a pipe,
whose end also tells a worker that its parent is dead, however it died. There is nothing in the
file system.
"""

import gc
import mmap
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, Generic, NoReturn, TypeVar

import numpy as np

from engine.errors import RunError
from engine.kernels.crew import Crew
from engine.kernels.meeting import MeetingThreads

T = TypeVar("T")

Task = Callable[[Any, Crew], T]
"""From an order, and the place among those who carry it out, to a result; both can be pickled."""

_SLOT = 4 << 20
"""Bytes that a worker can bring to a meeting: address space, memory only where it is used."""
_LOOK = 0.05
"""Seconds between two looks at whether to stop."""
_GREETING = 10.0
"""Seconds that a worker has to say that it is there."""


def can_fork() -> bool:
    """Whether this system has what a team needs; elsewhere threads must do."""
    return sys.platform == "linux"


def shared_zeros(size: int, dtype: np.typing.DTypeLike) -> np.ndarray:
    """A vector of zeros that this process and all forked from it afterwards read and write."""
    dtype = np.dtype(dtype)
    memory = mmap.mmap(-1, max(size * dtype.itemsize, 1))
    return np.frombuffer(memory, dtype, size)


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
        self._orders = _Orders(count)
        self._piles = SharedPiles(count)
        exchange = _Exchange(count)
        try:
            for index in range(count):
                ours, theirs = Pipe()
                self._pipes.append(ours)
                pid = os.fork()
                if pid == 0:
                    _live(task, index, theirs, self._orders, exchange, self._piles)
                theirs.close()
                self._processes.append(pid)
            self._await_greetings()
        except BaseException:
            self.close()
            raise
        finally:
            exchange.close_bells()

    def _await_greetings(self) -> None:
        for pipe in self._pipes:
            if not pipe.poll(_GREETING):
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
                for pipe in wait([pipe for pipe in pipes if pipe not in results], _LOOK):
                    results[pipe] = self._reply(pipe)  # type: ignore[index]
                check()
        except BaseException:
            self.close()
            raise
        return [results[pipe] for pipe in pipes]

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


class _Place:
    """Shared memory, and a bell for each worker."""

    def __init__(self, count: int, size: int) -> None:
        self.memory = mmap.mmap(-1, size)
        self.bells = [os.eventfd(0, os.EFD_SEMAPHORE) for _ in range(count)]

    def close_bells(self) -> None:
        """Close this process's ends."""
        while self.bells:
            os.close(self.bells.pop())


class _Orders(_Place):
    """Where a team finds what it is to do.

    Not the pipe: Linux takes a write to it for a sign that the writer is about to sleep, and
    gives the reader its processor, which would put all workers on the same one.
    """

    def __init__(self, count: int) -> None:
        super().__init__(count, _SLOT)

    def give(self, order: Any, count: int) -> None:
        """Call the first ``count`` workers."""
        content = pickle.dumps(order)
        self.memory[: len(content)] = content
        for bell in self.bells[:count]:
            os.eventfd_write(bell, 1)

    def wait(self, worker: int, pipe: Connection) -> Any:
        """The next order; None when the pipe is closed at the other end."""
        for ready in wait([self.bells[worker], pipe]):
            if ready is not pipe:
                os.eventfd_read(self.bells[worker])
                return pickle.loads(self.memory)
        return None


class _Exchange(_Place):
    """Where workers swap what their micro-batches bring to a meeting.

    Each has two slots of shared memory, used in turn, and a bell that the others ring when their
    own slot is written. Nobody is more than one meeting ahead, since the next one needs all, so
    the slots of the meeting before are never written while somebody reads them.
    """

    def __init__(self, count: int) -> None:
        super().__init__(count, 2 * count * _SLOT)
        self.turn = 0

    def swap(self, own: int, members: int, values: list[Any]) -> list[Any]:
        """Everybody's values, in the order of the workers."""
        self.turn ^= 1
        self._write(own, pickle.dumps(values, pickle.HIGHEST_PROTOCOL))
        for other in range(members):
            if other != own:
                os.eventfd_write(self.bells[other], 1)
        for _ in range(members - 1):
            os.eventfd_read(self.bells[own])
        everybody: list[Any] = []
        for worker in range(members):
            everybody += values if worker == own else pickle.loads(self._slot(worker))
        return everybody

    def _slot(self, worker: int) -> memoryview:
        start = (2 * worker + self.turn) * _SLOT
        return memoryview(self.memory)[start : start + _SLOT]

    def _write(self, worker: int, content: bytes) -> None:
        if len(content) > _SLOT:
            raise RunError(f"a worker brought {len(content):,} bytes to a meeting: too many")
        self._slot(worker)[: len(content)] = content


class SharedPiles:
    """The ``Piles`` of several processes: see ``crew``.

    A file that was open before the fork is read at one place by all of them: whoever reads a byte
    gets the next one, and Linux sees to it that nobody else does (read(2), 'Bugs'). Each member
    has two, used in turn, since the place in one can only be set back when nobody reads there.

    Args:
        count: how many members there can be.
    """

    def __init__(self, count: int) -> None:
        self.files: list[int] = []
        self.count = count
        self.turn = 0
        memory = os.memfd_create("micro-batches")
        try:
            os.write(memory, bytes(range(256)))
            for _ in range(2 * count):
                # Opened by name: of what memfd_create itself returns, Linux gives the same byte
                # to two who read at once.
                self.files.append(os.open(f"/proc/self/fd/{memory}", os.O_RDONLY))
        finally:
            os.close(memory)

    def restart(self) -> None:
        """Begin anew, while nobody takes any."""
        for file in self.files:
            os.lseek(file, 0, os.SEEK_SET)

    def take(self, shares: Sequence[range], member: int) -> Iterator[int]:
        """Numbers from shares of at most 255, its own first, each given to only one who asks."""
        start = self.count * self.turn
        self.turn ^= 1
        # All are through with the round before, where this one was emptied.
        os.lseek(self.files[self.count * self.turn + member], 0, os.SEEK_SET)
        for owner in (*range(member, len(shares)), *range(member)):
            share, file = shares[owner], self.files[start + owner]
            while (place := os.read(file, 1)) and place[0] < len(share):
                yield share[place[0]]

    def close(self) -> None:
        """Close this process's files."""
        while self.files:
            os.close(self.files.pop())


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
        orders: _Orders,
        exchange: _Exchange,
        piles: SharedPiles,
    ) -> None:
        self.task = task
        self.index = index
        self.pipe = pipe
        self.orders = orders
        self.exchange = exchange
        self.piles = piles
        self.threads = MeetingThreads(1)

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


def _live(
    task: Task[Any],
    index: int,
    pipe: Connection,
    orders: _Orders,
    exchange: _Exchange,
    piles: SharedPiles,
) -> NoReturn:
    """The life of a forked process: it never returns to what its parent was doing."""
    try:
        signal.set_wakeup_fd(-1)
        for number in signal.valid_signals():
            if callable(signal.getsignal(number)):  # the parent's, about its terminal
                signal.signal(number, signal.SIG_DFL)
        # Those who send these to the whole group mean the parent, which knows what to do.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        gc.freeze()  # what the parent left behind is not this process's to tidy up
        _let_go_of_files({pipe.fileno(), orders.bells[index], *exchange.bells, *piles.files})
        worker = _Worker(task, index, pipe, orders, exchange, piles)
        worker.greet()
        worker.serve()
    finally:
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
