"""The ranks of an MPI job: what they send each other, and how they wait.

Nothing here adds up numbers in an order that MPI chooses: values are gathered in the order of the
ranks, and sums are made where they are needed.

All waiting is polling, with short sleeps after a while: Python's handlers of signals run meanwhile,
a rank that has failed is noticed, and ranks that share a processor do not hold each other up.
"""

import os
import pickle
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from engine.errors import RunError, require_package
from engine.parallel.workers import usable_processors

T = TypeVar("T")

PACKAGE = "mpi4py"
PATIENCE = 60.0
"""Seconds that all ranks have to start."""
_LATE = (
    f"cnn-tui: some ranks have not started within {PATIENCE:.0f} s; each machine needs the same "
    "Python with cnn-tui and mpi4py: pip install 'cnn-tui[mpi]'\n"
)
_SPIN = 0.02
"""Seconds of polling without a pause: longer than ranks wait for each other in most steps."""
_PAUSE = 0.0005
"""Seconds between two polls after that."""
_yield_processor = getattr(os, "sched_yield", lambda: time.sleep(0))


def check_installed() -> None:
    """Check that mpi4py is there, which connects the ranks.

    Raises:
        MissingPackageError: it is not; the message says how to install it.
    """
    require_package(PACKAGE, "mpi", "training on several ranks needs")


class Failed(RunError):
    """Another rank failed, or cannot be reached: the ranks cannot continue together."""


@dataclass(frozen=True)
class Stage:
    """Ranks among which a sum is divided.

    Attributes:
        ranks: their numbers, in order, and for each the ranks whose results it has summed before.
        comm: MPI's name for them.
    """

    ranks: Mapping[int, Sequence[int]]
    comm: Any


class Connection:
    """This rank's connection to the others.

    Only one thread may use it at a time.

    Args:
        mpi: the module ``mpi4py.MPI``.

    Attributes:
        rank: the number of this rank, from 0.
        size: how many ranks there are.
        local_rank: its number among those on the same machine.
        cores: its share of the processors that they may use.
        hosts: the name of every rank's machine.
        machines: how many machines there are.
        stages: how a sum is divided: among the ranks of each machine first, where all have several
            and as many, then among the machines; else among all ranks at once.
        sent: bytes that this rank has sent to others, but for orders and replies.
    """

    def __init__(self, mpi: Any) -> None:
        self._mpi = mpi
        world = mpi.COMM_WORLD
        # One for each purpose, so that no message is taken for another.
        self._control, self._work, self._failures = world.Dup(), world.Dup(), world.Dup()
        self._local = world.Split_type(mpi.COMM_TYPE_SHARED)
        self._firsts = {world.size: self._work}
        self.rank, self.size = int(world.rank), int(world.size)
        self.local_rank = int(self._local.rank)
        # Launchers may bind every rank to processors of its own, or none to any.
        allowed = set().union(*self._local.allgather(usable_processors()))
        self.cores = max(len(allowed) // self._local.size, 1)
        self.sent = 0
        first = self._local.bcast(self.rank)
        found = self._gather(self._work, [(socket.gethostname(), first)])
        self.hosts: list[str] = [host for host, _ in found]
        machines: dict[int, list[int]] = {}
        for rank, (_, first) in enumerate(found):
            machines.setdefault(first, []).append(rank)
        self.machines = len(machines)
        self.stages = self._stages(list(machines.values()), world)

    def _stages(self, machines: Sequence[Sequence[int]], world: Any) -> list[Stage]:
        sizes = {len(ranks) for ranks in machines}
        if len(machines) == 1 or len(sizes) > 1 or sizes == {1}:
            return [Stage({rank: (rank,) for rank in range(self.size)}, self._work)]
        (own,) = (ranks for ranks in machines if self.rank in ranks)
        across = world.Split(self.local_rank, self.rank)
        merged = {ranks[self.local_rank]: tuple(ranks) for ranks in machines}
        return [Stage({rank: (rank,) for rank in own}, self._local), Stage(merged, across)]

    def name(self, rank: int) -> str:
        """A rank, and where it runs, in words."""
        return f"rank {rank} on {self.hosts[rank]}"

    # -- orders of rank 0 ---------------------------------------------------------------------

    def post(self, message: Any) -> None:
        """Send a message of rank 0 to all others, which wait for it in ``receive``."""
        content = np.frombuffer(pickle.dumps(message, pickle.HIGHEST_PROTOCOL), np.uint8)
        self._wait(self._control.Ibcast(np.array([content.size])))
        self._wait(self._control.Ibcast(content))

    def receive(self) -> Any:
        """The next message of rank 0."""
        length = np.zeros(1, np.int64)
        self._wait(self._control.Ibcast(length))
        content = np.empty(int(length[0]), np.uint8)
        self._wait(self._control.Ibcast(content))
        return pickle.loads(content.data)

    def replies(self, own: Any) -> list[Any]:
        """The replies of all ranks to a message, in their order, on rank 0; elsewhere nothing."""
        content = np.frombuffer(pickle.dumps(own, pickle.HIGHEST_PROTOCOL), np.uint8)
        lengths = np.zeros(self.size, np.int64)
        self._wait(self._control.Igather(np.array([content.size]), lengths))
        received = np.empty(int(lengths.sum()) if self.rank == 0 else 0, np.uint8)
        into = [received, (lengths, _starts(lengths)), self._mpi.BYTE] if self.rank == 0 else None
        self._wait(self._control.Igatherv(content, into))
        return _unpickled(received, lengths) if self.rank == 0 else []

    def in_turn(self, work: Callable[[], T]) -> T:
        """Do some work, on each machine first in one rank, then in its others."""
        if self.local_rank > 0:
            self._wait(self._local.Ibarrier())
        try:
            return work()
        finally:
            if self.local_rank == 0:
                self._wait(self._local.Ibarrier())

    # -- work in which all take part ----------------------------------------------------------

    def gather(self, values: list[Any], members: int | None = None) -> list[Any]:
        """The values of the first ranks, in their order; all of those call it.

        Args:
            values: of this rank.
            members: how many take part; None for all.
        """
        members = members or self.size
        if members not in self._firsts:
            group = self._work.Get_group().Incl(range(members))
            self._firsts[members] = self._work.Create_group(group, members)
        return self._gather(self._firsts[members], values)

    def _gather(self, comm: Any, values: list[Any]) -> list[Any]:
        content = np.frombuffer(pickle.dumps(values, pickle.HIGHEST_PROTOCOL), np.uint8)
        lengths = np.zeros(comm.size, np.int64)
        self._wait(comm.Iallgather(np.array([content.size]), lengths))
        received = np.empty(int(lengths.sum()), np.uint8)
        into = [received, (lengths, _starts(lengths)), self._mpi.BYTE]
        self._wait(comm.Iallgatherv(content, into))
        self.sent += (content.nbytes + lengths.itemsize) * (comm.size - 1)
        return [value for part in _unpickled(received, lengths) for value in part]

    def swap(
        self,
        sends: Sequence[tuple[int, int, np.ndarray]],
        receives: Sequence[tuple[int, int, np.ndarray]],
    ) -> None:
        """Send arrays to some ranks while others arrive from them.

        Args:
            sends: rank, number and contiguous array; the array may not change meanwhile.
            receives: rank, number and the contiguous array that is filled.
        """
        requests = [self._work.Irecv(array, rank, tag) for rank, tag, array in receives]
        requests += [self._work.Isend(array, rank, tag) for rank, tag, array in sends]
        self._wait(*requests)
        self.sent += sum(array.nbytes for _, _, array in sends)

    def complete(self, vector: np.ndarray, parts: Sequence[slice], stage: Stage) -> None:
        """Fill a vector with the parts that the ranks of a stage have.

        Args:
            vector: contiguous, of the same length on all ranks.
            parts: of the ranks, in the order of the stage.
            stage: which ranks.
        """
        sizes = np.array([part.stop - part.start for part in parts])
        starts = np.array([part.start for part in parts])
        into = [vector, (sizes, starts)]
        self._wait(stage.comm.Iallgatherv(self._mpi.IN_PLACE, into))
        own = int(sizes[list(stage.ranks).index(self.rank)])
        self.sent += own * vector.itemsize * (len(parts) - 1)

    # -- failures -----------------------------------------------------------------------------

    def report_failure(self, reason: str) -> None:
        """Tell rank 0 that this rank cannot continue; it then ends all."""
        content = np.frombuffer(reason.encode(), np.uint8)
        request = self._failures.Isend(content, 0)
        until = time.monotonic() + 10
        while time.monotonic() < until:  # rank 0 ends this process meanwhile
            request.Test()
            time.sleep(0.01)
        self.abort(1)

    def abort(self, code: int) -> None:
        """End the processes of all ranks at once; what there is to say was said before."""
        with open(os.devnull, "wb") as nothing:
            os.dup2(nothing.fileno(), 2)  # MPICH says that it was told to
        self._mpi.COMM_WORLD.Abort(code)

    def _wait(self, *requests: Any) -> None:
        """Wait for requests.

        Raises:
            Failed: a rank has failed, or cannot be reached.
        """
        begun = time.monotonic()
        try:
            while not self._mpi.Request.Testall(requests):
                self._look_for_failure()
                if time.monotonic() - begun < _SPIN:
                    _yield_processor()
                else:
                    time.sleep(_PAUSE)
        except self._mpi.Exception:  # it says no more than that a request failed
            raise Failed("another rank was killed, or its machine cannot be reached") from None

    def _look_for_failure(self) -> None:
        if self.rank != 0:
            return
        status = self._mpi.Status()
        if self._failures.Iprobe(status=status):
            content = np.empty(status.Get_count(self._mpi.BYTE), np.uint8)
            self._failures.Recv(content, status.Get_source())
            raise Failed(f"{self.name(status.Get_source())} failed: {content.tobytes().decode()}")


def connect() -> Connection:
    """Connect this rank to the others of its job, once all of them do so.

    If one does not within ``PATIENCE``, this process ends with a line.

    Raises:
        MissingPackageError: mpi4py is not installed.
        RunError: there is no MPI that works.
    """
    check_installed()
    try:
        with _patience():
            from mpi4py import MPI  # it waits for all ranks
    except (ImportError, RuntimeError) as error:  # no library, or another one than it was built for
        text = " ".join(str(error).split())
        raise RunError(
            f"MPI cannot be used: {text}; try: pip install --force-reinstall 'cnn-tui[mpi]'"
        ) from None
    return Connection(MPI)


@contextmanager
def _patience() -> Iterator[None]:
    """End this process if something takes too long, with a line that says why.

    While MPI waits no Python runs here, not even the handler of a signal, so that another process
    looks at the time.
    """
    reader, writer = os.pipe()
    parent, pid = os.getpid(), os.fork()
    if pid == 0:
        os.close(writer)
        if not select.select([reader], [], [], PATIENCE)[0]:
            os.write(2, _LATE.encode())
            os.kill(parent, signal.SIGKILL)
        os._exit(0)
    os.close(reader)
    try:
        yield
    finally:
        os.close(writer)
        os.waitpid(pid, 0)


def _starts(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)[:-1]])


def _unpickled(content: np.ndarray, lengths: np.ndarray) -> list[Any]:
    ends = np.cumsum(lengths)
    return [
        pickle.loads(content[end - length : end].data)
        for end, length in zip(ends, lengths, strict=True)
    ]
