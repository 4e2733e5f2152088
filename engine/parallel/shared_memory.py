"""What several processes share: arrays, orders, and what they tell each other.

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
"""Bytes of an order: what to do, never the data. Address space, memory only where it is used."""
_CHUNK = 4 << 20
"""Bytes that a worker hands over at a time; what is larger takes several turns."""
_LENGTH = 8
"""Bytes before a chunk that say how much there is in all."""
_PATIENCE = 1000
"""Milliseconds between two looks at whether there still is a parent."""


def shared_zeros(size: int, dtype: np.typing.DTypeLike, what: str = "an array") -> np.ndarray:
    """A vector of zeros that this process and all forked from it afterwards read and write.

    Args:
        size: how many numbers.
        dtype: of what type.
        what: what they are, for the error.

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


class _Place:
    """Shared memory, and a bell for each worker."""

    def __init__(self, count: int, size: int) -> None:
        self.memory = mmap.mmap(-1, size)
        self.bells: list[int] = []
        try:
            while len(self.bells) < count:
                self.bells.append(os.eventfd(0, os.EFD_SEMAPHORE))
        except OSError:
            self.close_bells()
            raise

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
        super().__init__(count, _ORDER)

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
    """Where workers swap what their micro-batches bring to a meeting, whatever its size.

    Each has two slots of shared memory, used in turn, and a bell that the others ring when their
    own slot is written. Nobody is more than one turn ahead, since the next one needs all, so the
    slots of the turn before are never written while somebody reads them.
    """

    def __init__(self, count: int) -> None:
        self.chunk = _CHUNK
        super().__init__(count, 2 * count * (_LENGTH + self.chunk))
        self.turn = 0
        self.parent = os.getpid()

    def swap(self, own: int, members: int, values: list[Any]) -> list[Any]:
        """Everybody's values, in the order of the workers."""
        contents = self._swap_bytes(own, members, pickle.dumps(values, pickle.HIGHEST_PROTOCOL))
        everybody: list[Any] = []
        for worker, content in enumerate(contents):
            everybody += values if worker == own else pickle.loads(content)
        return everybody

    def _swap_bytes(self, own: int, members: int, content: bytes) -> list[bytearray]:
        """What everybody brings, in as many turns as the longest takes."""
        contents = [bytearray() for _ in range(members)]
        done, longest = 0, len(content)
        while done == 0 or done < longest:
            self.turn ^= 1
            self._write(own, len(content), content[done : done + self.chunk])
            for other in range(members):
                if other != own:
                    os.eventfd_write(self.bells[other], 1)
            for _ in range(members - 1):
                self._await(self.bells[own])
            for worker, received in enumerate(contents):
                if worker != own:
                    longest = max(longest, self._read(worker, received))
            done += self.chunk
        return contents

    def _await(self, bell: int) -> None:
        """Wait for a bell; not for ever, if the others were killed together with the parent."""
        ringing = select.poll()
        ringing.register(bell, select.POLLIN)
        while not ringing.poll(_PATIENCE):
            if self.parent not in (os.getpid(), os.getppid()):
                raise RunError("the process that gave the order is gone")
        os.eventfd_read(bell)

    def _slot(self, worker: int) -> memoryview:
        size = _LENGTH + self.chunk
        start = (2 * worker + self.turn) * size
        return memoryview(self.memory)[start : start + size]

    def _write(self, worker: int, length: int, part: bytes) -> None:
        slot = self._slot(worker)
        slot[:_LENGTH] = length.to_bytes(_LENGTH, "little")
        slot[_LENGTH : _LENGTH + len(part)] = part

    def _read(self, worker: int, received: bytearray) -> int:
        """Add a worker's next part to what was received; returns how much it will be in all."""
        slot = self._slot(worker)
        length = int.from_bytes(slot[:_LENGTH], "little")
        size = min(length - len(received), self.chunk)
        received += slot[_LENGTH : _LENGTH + size]
        return length


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
        except OSError:
            self.close()
            raise
        finally:
            os.close(memory)

    def restart(self) -> None:
        """Begin anew, while nobody takes any."""
        for file in self.files:
            os.lseek(file, 0, os.SEEK_SET)

    def take(self, shares: Sequence[range], member: int) -> Iterator[int]:
        """Numbers from shares of at most 255, its own first, each given to only one who asks."""
        files = self._files_of_turn()
        self.turn ^= 1
        # All are through with the round before, where this one was emptied.
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
    """What this process gets of a share, as long as there is any."""
    while (place := os.read(file, 1)) and place[0] < len(share):
        yield share[place[0]]
