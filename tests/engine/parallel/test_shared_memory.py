"""What processes share: arrays, the work queue, the all-gather; and nothing left open."""

import copy
import os
import subprocess
import sys
import textwrap
import threading
from multiprocessing import Pipe
from typing import Any

import numpy as np
import pytest

from engine.errors import RunError
from engine.parallel import processes, shared_memory
from engine.parallel.group import ProcessGroup, in_order
from engine.parallel.processes import can_fork
from engine.parallel.shared_memory import AllGather, Mailbox, SharedWorkQueue, shared_zeros
from engine.parallel.threads import MicroBatchGroup, MicroBatchThreads
from tests.support.patience import wait_until
from tests.support.pools import gather_in_rounds, per_micro_batch, results, worker_pool

pytestmark = pytest.mark.skipif(not can_fork(), reason="worker processes are for Linux")


def test_the_work_is_done_elsewhere_and_shared_memory_brings_it_back() -> None:
    result = shared_zeros(4, np.float64)
    private = np.zeros(4)

    @per_micro_batch
    def task(order: Any, index: int, group: MicroBatchGroup) -> int:
        result[index] = private[index] = index + 1
        return os.getpid()

    with worker_pool(task, 2) as pool:
        pids = results(pool, None, 4)
    assert os.getpid() not in pids
    assert pids[0] == pids[1] != pids[2] == pids[3]
    assert result.tolist() == [1, 2, 3, 4]
    assert not private.any()


@pytest.mark.parametrize("count", [2, 3, 5])
def test_every_micro_batch_is_taken_once(count: int) -> None:
    def rounds(order: int, group: ProcessGroup) -> list[list[Any]]:
        """Of every round, what each member did."""
        seen = []
        for turn in range(order):
            own = group.map(lambda number, group: number, 1 + 7 * turn % 13)
            seen.append(group.all_gather([(group.index, own)]))
        return seen

    with worker_pool(rounds, count) as pool:
        for turns in (0, 1, 200, 2, 201):
            everybody = pool.run(turns, count)
            assert everybody == [everybody[0]] * count
            for turn, parts in enumerate(everybody[0]):
                assert [index for index, _ in parts] == list(range(count))
                done = in_order(part for _, own in parts for part in own)
                assert done == list(range(1 + 7 * turn % 13))


def test_one_s_own_share_comes_first_and_then_the_others() -> None:
    queue = SharedWorkQueue(3)
    others = [copy.copy(queue) for _ in range(2)]  # each counts for itself
    shares = [range(3), range(3, 5), range(5, 5)]
    for _ in range(3):
        first, second, third = (
            each.take(shares, member) for member, each in enumerate([queue, *others])
        )
        # The third has no share of its own.
        assert [next(first), next(second), next(third), next(second)] == [0, 3, 1, 4]
        assert [*second, *first, *third] == [2]
    groups = [
        ProcessGroup(MicroBatchThreads(1), member, 3, None, each)
        for member, each in enumerate([queue, *others])
    ]
    assert groups[1].map(lambda number, group: 10 * number, 4) == [
        (1, 10),
        (2, 20),
        (3, 30),
        (0, 0),
    ]
    assert groups[0].map(lambda number, group: number, 4) == []
    queue.close()


def test_others_take_the_share_of_a_worker_that_is_held_up() -> None:
    """Who has the first micro-batch sleeps until the other has done all that is left."""
    done = shared_zeros(8, np.int64)

    def task(order: Any, group: ProcessGroup) -> list[tuple[int, int]]:
        def work(number: int, group: MicroBatchGroup) -> int:
            if number == 0:
                wait_until(lambda: int(done.sum()) == 7)
            done[number] = 1
            return group.index

        return group.map(work, 8)

    with worker_pool(task, 2) as pool:
        shares = pool.run(None, 2)
    assert sum(map(len, shares)) == 8


@pytest.mark.parametrize("size", [1 << 50, 1 << 61, 1 << 80])
def test_too_large_a_shared_vector_says_what_is_too_large(size: int) -> None:
    with pytest.raises(RunError, match=r"not enough memory for the weights: .* numbers take .* GB"):
        shared_zeros(size, np.float32, "the weights")


@pytest.mark.parametrize("count", [2, 3])
def test_values_of_any_size_are_gathered(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 1,000 bytes a turn: none, one, just so many, and several, each member another size."""
    monkeypatch.setattr(shared_memory, "_CHUNK", 1000)

    @per_micro_batch
    def task(order: list[int], index: int, group: MicroBatchGroup) -> list[list[bytes]]:
        return [group.all_gather(bytes([index]) * (size * (index + 1))) for size in order]

    sizes = [0, 1, 10, 400, 500, 900, 940, 950, 960, 1000, 1900, 5000, 123_457, 3]
    with worker_pool(task, count) as pool:
        everybody = [[bytes([i]) * (size * (i + 1)) for i in range(4)] for size in sizes]
        assert results(pool, sizes, 4) == [everybody] * 4


def test_without_descriptors_there_is_no_pool_and_none_are_lost() -> None:
    script = textwrap.dedent("""
        import os, resource
        from engine.parallel.workers import Workers
        def count():
            return len(os.listdir("/proc/self/fd"))
        with Workers(8) as workers:
            before = count()
            for limit in range(before, before + 60, 3):
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, 4096))
                pool = workers.pool(lambda order, group: group.index)
                if pool is not None:
                    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
                    assert pool.run(None, 8) == list(range(8))
                    pool.close()
                    print("with", limit - before)
                workers._alone = False
                resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
                assert count() == before, (limit, before, count())
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "with" in done.stdout


@pytest.mark.parametrize(("kind", "opens"), [(Mailbox, "eventfd"), (SharedWorkQueue, "open")])
def test_what_cannot_be_made_leaves_nothing_open(
    kind: Any, opens: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[None] = []
    real = getattr(os, opens)

    def third_fails(*arguments: Any) -> int:
        calls.append(None)
        if len(calls) == 3:
            raise OSError("no descriptors left")
        return real(*arguments)

    before = len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(os, opens, third_fails)
    with pytest.raises(OSError, match="no descriptors left"):
        kind(4)
    monkeypatch.undo()
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_all_gather_of_one_member_is_its_own_values() -> None:
    assert ProcessGroup(MicroBatchThreads(1)).all_gather([1, 2]) == [1, 2]


def test_an_all_gather_without_sync_is_an_error() -> None:
    with (
        worker_pool(lambda _, all_: all_.map(lambda i, one: one.all_gather(i), 4), 2) as pool,
        pytest.raises(RunError, match="all-gather"),
    ):
        pool.run(None, 2)
    queue = SharedWorkQueue(1)
    with pytest.raises(RunError, match="all-gather"):
        ProcessGroup(MicroBatchThreads(1), 0, 1, None, queue).map(
            lambda i, group: group.all_gather(i), 2
        )
    queue.close()


def test_values_are_gathered_in_the_order_of_the_workers() -> None:
    """Two of them, here as threads of this process, in several rounds."""
    all_gather = AllGather(2)
    members = [all_gather, copy.copy(all_gather)]  # each counts for itself
    seen: dict[int, list[Any]] = {}

    _, pipe = Pipe()

    def take_part(own: int) -> None:
        mailbox, queue = Mailbox(1), SharedWorkQueue(2)
        worker = processes._Worker(gather_in_rounds, own, pipe, mailbox, members[own], queue)
        seen[own] = worker._work((50, 5), 2)
        worker.threads.close()

    threads = [threading.Thread(target=take_part, args=(own,)) for own in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    everybody = [[(50, m, i) for i in range(5)] for m in range(50)]
    assert in_order(seen[0] + seen[1]) == [(50, i, everybody) for i in range(5)]
    all_gather.close_eventfds()
