"""Pools of worker processes for tests, and a task for each micro-batch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from engine.parallel.group import ProcessGroup, in_order
from engine.parallel.processes import WorkerPool
from engine.parallel.threads import MicroBatchGroup

MicroBatch = Callable[[Any, int, MicroBatchGroup], Any]


def per_micro_batch(task: MicroBatch) -> Callable[[tuple[Any, int], ProcessGroup], list[Any]]:
    """A task for every micro-batch, as a task for a pool; an order says how many there are."""

    def carry_out(order: tuple[Any, int], group: ProcessGroup) -> list[Any]:
        return group.map(partial(task, order[0]), order[1], sync=True)

    return carry_out


def results(
    pool: WorkerPool[list[Any]], order: Any, size: int, *check: Callable[[], None]
) -> list[Any]:
    """What a pool makes of an order, micro-batch by micro-batch."""
    shares = pool.run((order, size), size, *check)
    assert [number for share in shares for number, _ in share] == list(range(size))
    return in_order(*shares)


@per_micro_batch
def gather_in_rounds(
    order: int, index: int, group: MicroBatchGroup
) -> tuple[int, int, list[list[Any]]]:
    assert group.index == index
    return order, index, [group.all_gather((order, m, index)) for m in range(order)]


def ended(pid: int) -> bool:
    """Whether a process has ended; one that nobody has waited for yet has ended too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


@contextmanager
def worker_pool(task: Any, count: int) -> Iterator[WorkerPool[Any]]:
    pool = WorkerPool(task, count)
    try:
        yield pool
    finally:
        pool.close()
