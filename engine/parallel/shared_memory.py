"""Memory that processes share: arrays, a mailbox for orders, an all-gather, a work queue.

All of it is made before the fork, lies in memory, and ends with the last process that has it.
"""

import mmap
import os
import pickle
import select
from collections.abc import Iterator, Sequence
from itertools import chain
from multiprocessing.connection import Connection, wait
from typing import Any

import numpy as np

from engine.errors import RunError

_ORDER = 4 << 20
"""Bytes of an order at most, which holds no data. Address space; memory only where it is used."""
_CHUNK = 4 << 20
"""Bytes that a worker writes at a time; larger values take several turns."""
_LENGTH = 8
"""Bytes before a chunk that say how much there is in all."""
_PATIENCE = 1000
"""Milliseconds between two checks whether the parent still runs."""


def shared_zeros(size: int, dtype: np.typing.DTypeLike, what: str = "an array") -> np.ndarray:
    """A vector of zeros that this process and its later forks read and write.

    Args:
        size: the number of elements.
        dtype: their type.
        what: a name for the error.

    Raises:
        RunError: there is not enough memory.
    """
    dtype = np.dtype(dtype)
    length = size * dtype.itemsize
    try:
        memory = mmap.mmap(-1, max(length, 1))
    except (OSError, OverflowError):
        raise RunError(
            f"not enough memory for {what}: {size:,} numbers take {length / (1 << 30):,.1f} GB; "
            "try a smaller network or a smaller batch"
        ) from None
    return np.frombuffer(memory, dtype, size)


class _SharedBuffer:
    """Shared memory, and an eventfd for each worker to wait on."""

    def __init__(self, count: int, size: int) -> None:
        self.memory = mmap.mmap(-1, size)
        self.eventfds: list[int] = []
        try:
            while len(self.eventfds) < count:
                self.eventfds.append(os.eventfd(0, os.EFD_SEMAPHORE))
        except OSError:
            self.close_eventfds()
            raise

    def close_eventfds(self) -> None:
        """Close this process's descriptors."""
        while self.eventfds:
            os.close(self.eventfds.pop())


class Mailbox(_SharedBuffer):
    """The order that a pool is to carry out.

    Not the pipe: Linux takes a write to it for a sign that the writer is about to sleep, and
    gives the reader its processor, which would put all workers on the same one.
    """

    def __init__(self, count: int) -> None:
        super().__init__(count, _ORDER)

    def post(self, order: Any, count: int) -> None:
        """Hand an order to the first ``count`` workers."""
        content = pickle.dumps(order)
        self.memory[: len(content)] = content
        for eventfd in self.eventfds[:count]:
            os.eventfd_write(eventfd, 1)

    def wait(self, worker: int, pipe: Connection) -> Any:
        """The next order; None when the pipe is closed at the other end."""
        for ready in wait([self.eventfds[worker], pipe]):
            if ready is not pipe:
                os.eventfd_read(self.eventfds[worker])
                return pickle.loads(self.memory)
        return None


class AllGather(_SharedBuffer):
    """An all-gather of the workers, for values of any size.

    Each worker has two slots of shared memory, used in turn, and an eventfd that the others
    write to when their own slot is written. No worker is more than one turn ahead, since a turn
    needs all of them, so a slot of the turn before is never written while another reads it.
    """

    def __init__(self, count: int) -> None:
        self.chunk = _CHUNK
        super().__init__(count, 2 * count * (_LENGTH + self.chunk))
        self.turn = 0
        self.parent = os.getpid()

    def gather(self, own: int, members: int, values: list[Any]) -> list[Any]:
        """The values of all workers, in their order."""
        contents = self._gather_bytes(own, members, pickle.dumps(values, pickle.HIGHEST_PROTOCOL))
        gathered: list[Any] = []
        for worker, content in enumerate(contents):
            gathered += values if worker == own else pickle.loads(content)
        return gathered

    def _gather_bytes(self, own: int, members: int, content: bytes) -> list[bytearray]:
        """The bytes of all workers, in as many turns as the longest take."""
        contents = [bytearray() for _ in range(members)]
        done, longest = 0, len(content)
        while done == 0 or done < longest:
            self.turn ^= 1
            self._write(own, len(content), content[done : done + self.chunk])
            for other in range(members):
                if other != own:
                    os.eventfd_write(self.eventfds[other], 1)
            for _ in range(members - 1):
                self._await(self.eventfds[own])
            for worker, received in enumerate(contents):
                if worker != own:
                    longest = max(longest, self._read(worker, received))
            done += self.chunk
        return contents

    def _await(self, eventfd: int) -> None:
        """Wait for an eventfd; not for ever, if the others were killed together with the parent."""
        poll = select.poll()
        poll.register(eventfd, select.POLLIN)
        while not poll.poll(_PATIENCE):
            if self.parent not in (os.getpid(), os.getppid()):
                raise RunError("the process that gave the order is gone")
        os.eventfd_read(eventfd)

    def _slot(self, worker: int) -> memoryview:
        size = _LENGTH + self.chunk
        start = (2 * worker + self.turn) * size
        return memoryview(self.memory)[start : start + size]

    def _write(self, worker: int, length: int, part: bytes) -> None:
        slot = self._slot(worker)
        slot[:_LENGTH] = length.to_bytes(_LENGTH, "little")
        slot[_LENGTH : _LENGTH + len(part)] = part

    def _read(self, worker: int, received: bytearray) -> int:
        """Append a worker's next part to what was received; returns the length of the whole."""
        slot = self._slot(worker)
        length = int.from_bytes(slot[:_LENGTH], "little")
        size = min(length - len(received), self.chunk)
        received += slot[_LENGTH : _LENGTH + size]
        return length


class SharedWorkQueue:
    """The ``WorkQueue`` of several processes.

    A file that was open before the fork has one offset in all of them: a process that reads a byte
    gets the next one, and Linux gives it to no other (read(2), 'Bugs'). Each member has two, used
    in turn, since an offset can only be set back while no other process reads there.

    Args:
        count: the largest number of members.
    """

    def __init__(self, count: int) -> None:
        self.files: list[int] = []
        self.count = count
        self.turn = 0
        memory = os.memfd_create("micro-batches")
        try:
            os.write(memory, bytes(range(256)))
            for _ in range(2 * count):
                # Opened by name: two processes that read at once from the descriptor which
                # memfd_create returned may get the same byte.
                self.files.append(os.open(f"/proc/self/fd/{memory}", os.O_RDONLY))
        except OSError:
            self.close()
            raise
        finally:
            os.close(memory)

    def restart(self) -> None:
        """Begin anew, while no process takes any."""
        for file in self.files:
            os.lseek(file, 0, os.SEEK_SET)

    def take(self, shares: Sequence[range], member: int) -> Iterator[int]:
        """Numbers from shares of at most 255, the own one first; each is given out once."""
        files = self._files_of_turn()
        self.turn ^= 1
        # All have finished the round before, in which this one was emptied.
        os.lseek(self._files_of_turn()[member], 0, os.SEEK_SET)
        owners = (*range(member, len(shares)), *range(member))
        return chain.from_iterable(_taken(files[owner], shares[owner]) for owner in owners)

    def _files_of_turn(self) -> list[int]:
        return self.files[self.count * self.turn :][: self.count]

    def close(self) -> None:
        """Close this process's files."""
        while self.files:
            os.close(self.files.pop())


def _taken(file: int, share: range) -> Iterator[int]:
    """The numbers that this process gets of a share, as long as there are any."""
    while (place := os.read(file, 1)) and place[0] < len(share):
        yield share[place[0]]
