"""Splits, sums and all-gathers in a fixed order, with any number of workers."""

import threading

import numpy as np
import pytest

from engine.kernels import malloc, scratch
from engine.parallel import workers as module
from engine.parallel.group import in_order
from engine.parallel.micro_batches import micro_batches, tree_sum
from engine.parallel.threads import MicroBatchGroup, MicroBatchThreads, SoloGroup
from engine.parallel.workers import Workers, usable_cores


@pytest.mark.parametrize("n", [1, 15, 16, 17, 32, 33, 64, 65, 100, 1000])
def test_micro_batches_cover_the_batch_evenly(n: int) -> None:
    pieces = micro_batches(n)
    assert [i for piece in pieces for i in range(piece.start, piece.stop)] == list(range(n))
    sizes = [piece.stop - piece.start for piece in pieces]
    assert max(sizes) - min(sizes) <= 1
    assert (len(pieces) >= 2) == (n >= 16)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_the_tree_has_one_shape(count: int) -> None:
    def joined(items: list[str]) -> str:
        pairs = [items[i : i + 2] for i in range(0, len(items), 2)]
        merged = [f"({pair[0]}+{pair[1]})" if len(pair) == 2 else pair[0] for pair in pairs]
        return merged[0] if len(merged) == 1 else joined(merged)

    class Term:
        def __init__(self, text: str) -> None:
            self.text = text

        def __add__(self, other: "Term") -> "Term":
            return Term(f"({self.text}+{other.text})")

    names = [chr(ord("a") + i) for i in range(count)]
    arrays = [np.array([Term(name)], dtype=object) for name in names]
    assert tree_sum(arrays)[0].text == joined(names)
    assert tree_sum(arrays) is arrays[0]


@pytest.mark.parametrize("count", [1, 2, 4])
def test_results_and_meetings_keep_the_order(count: int) -> None:
    def task(i: int, group: MicroBatchGroup) -> tuple[int, list[int], list[str]]:
        return i, group.all_gather(10 * i), group.all_gather(str(i))

    with Workers(count) as workers:
        for size in (1, 3, 6, 2):
            everybody = [10 * i for i in range(size)], [str(i) for i in range(size)]
            assert in_order(workers.group.map(task, size)) == [(i, *everybody) for i in range(size)]
    assert SoloGroup().all_gather(7) == [7]


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("culprit", [0, 2, 4])
def test_one_error_ends_the_batch_and_not_the_workers(count: int, culprit: int) -> None:
    def task(i: int, group: MicroBatchGroup) -> list[int]:
        group.all_gather(i)
        if i == culprit:
            raise ZeroDivisionError(f"micro-batch {i}")
        return group.all_gather(i)

    with Workers(count) as workers:
        with pytest.raises(ZeroDivisionError, match=f"micro-batch {culprit}"):
            workers.group.map(task, 5)
        parts = workers.group.map(lambda i, group: group.all_gather(i), 3)
        assert in_order(parts) == [[0, 1, 2]] * 3


def test_no_more_compute_at_once_than_there_are_workers() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def task(i: int, group: MicroBatchGroup) -> None:
        nonlocal running, most
        for turn in range(20):
            with lock:
                running += 1
                most = max(most, running)
            sum(range(500))
            with lock:
                running -= 1
            group.all_gather(turn)

    with Workers(2) as workers:
        workers.group.map(task, 6)
    assert 1 <= most <= 2


def test_cores_where_affinity_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert usable_cores() >= 1
    monkeypatch.delattr(module.os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(module.os, "cpu_count", lambda: 6)
    assert usable_cores() == 6
    monkeypatch.setattr(module.os, "cpu_count", lambda: None)
    assert usable_cores() == 1


def test_scratch_memory_is_reused_and_no_other_thread_s() -> None:
    first = scratch.scratch("test", (4, 3), np.dtype(np.float32))
    assert np.shares_memory(scratch.scratch("test", (2, 3), np.dtype(np.float32)), first)
    assert not np.shares_memory(scratch.scratch("other", (4, 3), np.dtype(np.float32)), first)
    assert not np.shares_memory(scratch.scratch("test", (4, 3), np.dtype(np.float64)), first)
    larger = scratch.scratch("test", (5, 3), np.dtype(np.float32))
    assert larger.shape == (5, 3)
    elsewhere: list[np.ndarray] = []
    thread = threading.Thread(
        target=lambda: elsewhere.append(scratch.scratch("test", (5, 3), np.dtype(np.float32)))
    )
    thread.start()
    thread.join()
    assert not np.shares_memory(elsewhere[0], larger)


@pytest.mark.parametrize("tickets", [1, 2])
def test_scratch_memory_goes_with_the_ticket(tickets: int) -> None:
    def task(i: int, group: MicroBatchGroup) -> list[np.ndarray]:
        own = scratch.scratch("test", (5,), np.dtype(np.float32))
        own[:] = i
        held = own.copy()  # nobody else writes to it while this one computes
        group.all_gather(i)
        return [own, held]

    threads = MicroBatchThreads(tickets)
    parts = threads.map(task, range(6))
    threads.close()
    assert [held.tolist() for _, held in parts] == [[i] * 5 for i in range(6)]
    assert len({own.ctypes.data for own, _ in parts}) <= tickets


def test_memory_is_kept_only_where_the_c_library_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(malloc.platform, "libc_ver", lambda: ("musl", "1.2"))
    assert malloc.keep_freed_memory.__wrapped__() is False
