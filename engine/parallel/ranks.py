"""Ranks: processes on one or several machines that train one network together.

Rank 0 has the run; the others carry out its orders, as worker processes do. What those find in
shared memory is sent here: an order brings the buffers, and the whole state if it was changed
outside of orders, as by a resume; the gradients are summed by all ranks together, over the same
tree as ever, and each rank then updates all parameters by itself, with the same numbers.
"""

import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np

from engine.errors import RunError
from engine.events import Traffic
from engine.kernels.partition import equal_parts
from engine.parallel.group import Numbered, ProcessGroup, refuse_gather
from engine.parallel.mpi import Connection, Stage
from engine.parallel.partial_sums import Node, nodes_of, sum_nodes
from engine.parallel.threads import MicroBatchGroup, MicroBatchThreads

T = TypeVar("T")


class Program(Protocol):
    """What ranks carry out orders with; ``WorkerProgram``, for one.

    Attributes:
        state: vectors that change with every step, the same on all ranks; the first is compared.
        buffers: arrays that change on rank 0 alone.
    """

    @property
    def state(self) -> Sequence[np.ndarray]: ...

    @property
    def buffers(self) -> Sequence[np.ndarray]: ...

    def prepare(self, order: Any) -> int:
        """Make what an order needs."""
        ...

    def run(self, order: Any, group: ProcessGroup, check: Callable[[], None]) -> Any:
        """Carry out an order as a member of a group."""
        ...


@dataclass(frozen=True)
class _Reply:
    """What a rank answers to an order.

    Attributes:
        result: of the order.
        digest: of the parameters after it.
        sent: bytes sent during the order.
        signal: the number of a signal that came meanwhile, or None.
    """

    result: Any
    digest: int
    sent: int
    signal: int | None


class RankGroup(ProcessGroup):
    """One rank's view of all of them.

    A batch of fewer micro-batches than ranks is computed by the first ones; all take the step.

    Args:
        threads: compute its micro-batches.
        connection: to the other ranks.
    """

    def __init__(self, threads: MicroBatchThreads, connection: Connection) -> None:
        super().__init__(threads, connection.rank, connection.size, connection.gather)
        self._connection = connection

    def _shares(self, size: int) -> list[range]:
        busy = min(size, self._members)
        shares = [range(part.start, part.stop) for part in equal_parts(size, busy)]
        return shares + [range(size, size)] * (self._members - busy)

    def map(
        self, task: Callable[[int, MicroBatchGroup], T], size: int, *, sync: bool = False
    ) -> list[Numbered[T]]:
        busy = min(size, self._members)
        share = self.share(size)
        gather = (lambda values: self._connection.gather(values, busy)) if sync else refuse_gather
        return list(zip(share, self._threads.map(task, share, gather), strict=True))

    def own_part(self, size: int) -> range:
        return range(size)

    def gather_of_parts(self, values: list[T]) -> list[T]:
        return values

    def finish_step(self) -> None:
        pass

    def sum_of(self, vectors: Sequence[np.ndarray], part: slice) -> np.ndarray:
        """The sum over the tree, with the same bits on every rank.

        Each rank sums the nodes of the tree that lie in its own share. Then the vector is divided:
        a rank receives its part of all nodes, sums them further, and at the end sends the sum to
        all. Ranks of one machine do so among themselves first, so that less crosses the network.
        """
        pieces, total = len(vectors), vectors[0][part]
        sums = {(0, i): vectors[i][part] for i in self.share(pieces)}
        sum_nodes(sums, pieces)
        where, cuts = slice(0, total.size), []
        for stage in self._connection.stages:
            parts = equal_parts(where.stop - where.start, len(stage.ranks))
            self._divide(sums, stage, parts, pieces, total.dtype)
            start, own = where.start, parts[list(stage.ranks).index(self.index)]
            cuts.append([slice(start + each.start, start + each.stop) for each in parts])
            where = slice(start + own.start, start + own.stop)
        (total[where],) = sums.values()
        for stage, cut in zip(reversed(self._connection.stages), reversed(cuts), strict=True):
            self._connection.complete(total, cut, stage)
        return total

    def _divide(
        self,
        sums: dict[Node, np.ndarray],
        stage: Stage,
        parts: Sequence[slice],
        pieces: int,
        dtype: Any,
    ) -> None:
        """Replace nodes by this rank's part of the nodes of a stage, as far as they are summed."""
        shares, own = self._shares(pieces), dict(sums)
        mine = dict(zip(stage.ranks, parts, strict=True))[self.index]
        sends: list[tuple[int, int, np.ndarray]] = []
        receives: list[tuple[int, int, np.ndarray]] = []
        sums |= {node: array[mine] for node, array in own.items()}
        for (rank, merged), part in zip(stage.ranks.items(), parts, strict=True):
            if rank != self.index:
                sends += [(rank, tag, own[node][part]) for tag, node in enumerate(sorted(own))]
                held = nodes_of([i for other in merged for i in shares[other]], pieces)
                arrays = [np.empty(mine.stop - mine.start, dtype) for _ in held]
                receives += [(rank, tag, array) for tag, array in enumerate(arrays)]
                sums |= zip(held, arrays, strict=True)
        self._connection.swap(sends, receives)
        sum_nodes(sums, pieces)


class Leader:
    """Rank 0: gives orders to all ranks, and carries them out as one of them.

    Args:
        connection: to the other ranks.

    Attributes:
        broken: whether the ranks cannot continue together, so that all have to be ended at once.
        traffic: what was sent to train.
        on_signal: called with the number of a signal that another rank has received.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.broken = False
        self.traffic = Traffic(connection.size, connection.machines)
        self.on_signal: Callable[[int], None] = lambda number: None
        self._known: np.ndarray | None = None

    def ask(self, name: str, content: Any, own: Callable[[], Any]) -> list[Any]:
        """Send a message to the others; the answers of all ranks, in their order.

        Args:
            name: what the others are to do, see ``Follower``.
            content: what they need for it.
            own: gives this rank's answer, while the others work on theirs.
        """
        try:
            self.connection.post((name, content))
            return self.connection.replies(own())
        except BaseException:
            self.broken = True
            raise

    def run(
        self,
        program: Program,
        order: Any,
        threads: MicroBatchThreads,
        check: Callable[[], None],
        steps: int,
    ) -> list[Any]:
        """The results of an order from all ranks, in their order.

        Args:
            program: prepared for the order.
            order: what to do.
            threads: compute the micro-batches of this rank.
            check: may raise to stop an order in which ranks do not wait for each other; the
                others then carry it out in vain.
            steps: optimizer steps of the order; 0 if ranks do not wait for each other.

        Raises:
            Failed: another rank failed.
            RunError: the ranks do not compute the same numbers.
        """
        state, before = program.state, self.connection.sent
        changed = self._known is None or not np.array_equal(
            self._known.view(np.uint8), state[0].view(np.uint8)
        )
        stopped: list[BaseException] = []
        try:
            content = order, list(program.buffers), list(state) if changed else None
            self.connection.post(("order", content))
            result: Any = None
            try:
                result = program.run(order, RankGroup(threads, self.connection), check)
            except Exception as error:
                if steps:
                    raise
                stopped.append(error)
            own = _Reply(result, digest(state[0]), self.connection.sent - before, None)
            replies = self.connection.replies(own)
            self._compare(replies)
        except BaseException:
            self.broken = True  # the others may be waiting for what this rank does not send
            raise
        self._known = state[0].copy()
        if steps:
            self.traffic.count(len(result.results), sum(reply.sent for reply in replies))
        for reply in replies:
            if reply.signal is not None:
                self.on_signal(reply.signal)
        if stopped:
            raise stopped[0]
        return [reply.result for reply in replies]

    def _compare(self, replies: Sequence[_Reply]) -> None:
        for rank, reply in enumerate(replies):
            if reply.digest != replies[0].digest:
                here, there = self.connection.name(0), self.connection.name(rank)
                raise RunError(
                    f"{there} has computed other weights than {here}: another processor, or a "
                    "fault in its memory; train without that machine"
                )

    def dismiss(self, code: int) -> None:
        """Let the others end, with this exit code; at once if the ranks are broken."""
        if self.broken:
            self.connection.abort(code)
        self.connection.post(("end", code))


class Follower:
    """A rank other than 0: does what rank 0 says, until it ends.

    Args:
        connection: to the other ranks.
        answers: what to do with other messages than orders, by name.
    """

    def __init__(self, connection: Connection, answers: Mapping[str, Callable[[Any], Any]]) -> None:
        self.connection = connection
        self.program: Program | None = None
        self.threads = MicroBatchThreads(1)
        self._answers = answers
        self._signal: int | None = None

    def serve(self) -> int:
        """Carry out orders until rank 0 ends; its exit code."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:  # as rank 0 has it, under nohup
                signal.signal(number, self._note)
        while True:
            name, content = self.connection.receive()
            if name == "end":
                return int(content)
            try:
                answer = self._work(*content) if name == "order" else self._answers[name](content)
            except BaseException as error:
                with suppress(Exception):
                    text = " ".join(f"{type(error).__name__}: {error}".split())
                    self.connection.report_failure(text)
                raise
            self.connection.replies(answer)

    def _note(self, number: int, frame: object) -> None:
        """Remember a signal; rank 0 decides what follows."""
        self._signal = number

    def _work(
        self, order: Any, buffers: Sequence[np.ndarray], state: Sequence[np.ndarray] | None
    ) -> _Reply:
        program, before = self.program, self.connection.sent
        assert program is not None  # it is made before there are orders
        for own, array in [
            *zip(program.buffers, buffers, strict=True),
            *(zip(program.state, state, strict=True) if state is not None else ()),
        ]:
            own[...] = array
        program.prepare(order)
        result = program.run(order, RankGroup(self.threads, self.connection), lambda: None)
        number, self._signal = self._signal, None
        sent = self.connection.sent - before
        return _Reply(result, digest(program.state[0]), sent, number)


def digest(vector: np.ndarray) -> int:
    """A number that differs, but by rare chance, where a bit of a vector does."""
    return int(np.bitwise_xor.reduce(vector.view(f"u{vector.itemsize}"), initial=0))
