"""Worker pools: the same results in the same order, errors, checks, replacements."""

import os
import signal
import time
from typing import Any

import numpy as np
import pytest

from engine.errors import RunError
from engine.parallel import processes
from engine.parallel.processes import WorkerPool, can_fork
from engine.parallel.shared_memory import shared_zeros
from engine.parallel.threads import MicroBatchGroup
from engine.parallel.workers import Workers
from tests.support.pools import ended, gather_in_rounds, per_micro_batch, results, worker_pool

pytestmark = pytest.mark.skipif(not can_fork(), reason="worker processes are for Linux")


@pytest.mark.parametrize("count", [1, 2, 3])
def test_results_come_in_order_and_all_gather(count: int) -> None:
    with worker_pool(gather_in_rounds, count) as pool:
        for size in (1, 2, 7, 1, 3, 12):
            for rounds in (0, 1, 2, 5):
                everybody = [[(rounds, m, j) for j in range(size)] for m in range(rounds)]
                assert results(pool, rounds, size) == [(rounds, i, everybody) for i in range(size)]


@pytest.mark.parametrize("round_number", [0, 1])
def test_an_error_is_raised_here_and_nobody_is_left(round_number: int) -> None:
    @per_micro_batch
    def task(order: Any, index: int, group: MicroBatchGroup) -> int:
        if order == "fail":
            for _ in range(round_number):
                group.all_gather(index)
            if index == 2:
                raise KeyError("what went wrong")
            group.all_gather(index)
        return os.getpid()

    pool = WorkerPool(task, 2)
    pids = set(results(pool, "work", 4))
    with pytest.raises(KeyError, match="what went wrong") as caught:
        results(pool, "fail", 4)
    assert "in task" in "".join(caught.value.__notes__)
    assert pool.closed
    assert all(ended(pid) for pid in pids)


def test_an_error_that_cannot_be_sent_is_told_of() -> None:
    class Odd(Exception):
        pass

    @per_micro_batch
    def task(order: Any, index: int, group: MicroBatchGroup) -> None:
        raise Odd("no pickle knows me")

    with pytest.raises(RunError, match="Odd: no pickle knows me"):
        results(WorkerPool(task, 2), None, 2)


def test_a_killed_worker_ends_the_work_with_one_line() -> None:
    @per_micro_batch
    def task(order: Any, index: int, group: MicroBatchGroup) -> int:
        if order == "die" and index == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        group.all_gather(index)
        return os.getpid()

    pool = WorkerPool(task, 2)
    pids = results(pool, "work", 2)
    with pytest.raises(RunError, match="worker process was killed"):
        results(pool, "die", 2)
    assert all(ended(pid) for pid in pids)


def test_a_check_stops_work_that_would_take_for_ever() -> None:
    class Stop(Exception):
        pass

    def check() -> None:
        raise Stop

    with worker_pool(per_micro_batch(lambda *_: time.sleep(600)), 2) as pool, pytest.raises(Stop):
        results(pool, None, 2, check)
    assert pool.closed


def test_an_error_that_no_pickle_knows_becomes_one_that_can_be_sent() -> None:
    class Odd(Exception):
        pass

    assert str(processes._portable(Odd("dear me"))) == "Odd: dear me"
    assert isinstance(processes._portable(KeyError("x")), KeyError)


def test_a_system_without_room_for_processes_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    pids: list[int] = []
    fork = os.fork

    def every_second_fails() -> int:
        calls.append(None)
        if len(calls) % 2 == 0:
            raise BlockingIOError("no more processes")
        pids.append(fork())
        return pids[-1]

    calls: list[None] = []
    monkeypatch.setattr(os, "fork", every_second_fails)
    with Workers(2) as workers:
        assert workers.pool(gather_in_rounds) is None
        asked = len(calls)
        assert workers.pool(gather_in_rounds) is None
        assert len(calls) == asked, "it is not asked again"
    assert pids
    assert all(ended(pid) for pid in pids)


def test_a_worker_that_does_not_start_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a fork while another thread held a lock of BLAS."""
    births = shared_zeros(1, np.int64)
    report_start = processes._Worker.report_start

    def first_hangs(worker: Any) -> None:
        births[0] += 1
        if births[0] == 1:
            time.sleep(600)
        report_start(worker)

    monkeypatch.setattr(processes, "_START_TIMEOUT", 0.5)
    monkeypatch.setattr(processes._Worker, "report_start", first_hangs)
    with Workers(2) as workers:
        pool = workers.pool(gather_in_rounds)
        assert pool is not None
        assert [index for _, index, _ in results(pool, 0, 3)] == [0, 1, 2]
    assert births[0] >= 3


def test_one_worker_needs_no_process() -> None:
    with Workers(1) as one:
        assert one.pool(gather_in_rounds) is None


def test_workers_close_their_pools() -> None:
    with Workers(2) as workers:
        first = workers.pool(gather_in_rounds)
        assert first is not None
        first.close()
        second = workers.pool(gather_in_rounds)
        assert second is not None
        assert results(second, 1, 2)[1] == (1, 1, [[(1, 0, 0), (1, 0, 1)]])
    assert second.closed
