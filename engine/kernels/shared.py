"""What several processes share: arrays, orders, and what they tell each other.

All of it is made before the fork, lies in memory, and ends with the last process that has it.
"""

import mmap
import os
import pickle
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

import numpy as np

from engine.errors import RunError

_SLOT = 4 << 20
"""Bytes that a worker can bring to a meeting: address space, memory only where it is used."""


def shared_zeros(size: int, dtype: np.typing.DTypeLike) -> np.ndarray:
    """A vector of zeros that this process and all forked from it afterwards read and write."""
    dtype = np.dtype(dtype)
    memory = mmap.mmap(-1, max(size * dtype.itemsize, 1))
    return np.frombuffer(memory, dtype, size)


class _Place:
    """Shared memory, and a bell for each worker."""

    def __init__(self, count: int, size: int) -> None:
        self.memory = mmap.mmap(-1, size)
        self.bells = [os.eventfd(0, os.EFD_SEMAPHORE) for _ in range(count)]

    def close_bells(self) -> None:
        """Close this process's ends."""
        while self.bells:
            os.close(self.bells.pop())


class Orders(_Place):
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


class Exchange(_Place):
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
