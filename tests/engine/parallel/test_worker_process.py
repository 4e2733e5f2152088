"""The life of a worker process: it starts alone, serves, and ends with its parent."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import RunError
from engine.parallel import processes, shared_memory
from engine.parallel.group import ProcessGroup
from engine.parallel.processes import WorkerPool, can_fork
from engine.parallel.shared_memory import AllGather, Mailbox, SharedWorkQueue, shared_zeros
from engine.parallel.threads import MicroBatchGroup
from tests.support.patience import wait_until
from tests.support.pools import ended, gather_in_rounds, per_micro_batch, results, worker_pool

pytestmark = pytest.mark.skipif(not can_fork(), reason="worker processes are for Linux")


def test_signals_to_the_whole_group_are_for_the_parent() -> None:
    @per_micro_batch
    def task(order: Any, index: int, group: MicroBatchGroup) -> int:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(os.getpid(), number)
        return index

    with worker_pool(task, 2) as pool:
        assert results(pool, None, 2) == [0, 1]


def test_workers_end_with_a_killed_parent_and_hold_none_of_its_files(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import fcntl, os, signal, sys, time
        from engine.parallel.processes import WorkerPool
        lock = open(sys.argv[1], "w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        pool = WorkerPool(lambda order, group: os.getpid(), 2)
        print(*pool.run(None, 2), flush=True)
        pool.run(None, 2, lambda: os.kill(os.getpid(), signal.SIGKILL))
    """)
    path = tmp_path / "lock"
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False
    )  # returns only when nobody has the output open any more
    assert done.returncode == -signal.SIGKILL, done.stderr
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 2
    wait_until(lambda: all(ended(pid) for pid in pids))


def test_workers_end_though_one_of_them_is_killed_together_with_the_parent() -> None:
    """The others wait for one that will not come, and nobody is there to end them."""
    script = textwrap.dedent("""
        import os, signal, time
        from engine.parallel import shared_memory
        from engine.parallel.processes import WorkerPool
        shared_memory._PATIENCE = 50
        def task(order, group):
            group.all_gather([])
            if group.index == 0:
                time.sleep(600)
            group.all_gather([])
        pool = WorkerPool(task, 3)
        print(*pool._processes, flush=True)
        def kill():
            os.kill(pool._processes[0], signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
        pool.run(None, 3, kill)
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 3
    wait_until(lambda: all(ended(pid) for pid in pids))


def test_a_waiting_worker_checks_for_its_parent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shared_memory, "_PATIENCE", 1)
    all_gather = AllGather(2)
    late = threading.Timer(0.05, os.eventfd_write, (all_gather.eventfds[0], 1))
    late.start()
    all_gather._await(all_gather.eventfds[0])
    all_gather.parent = -1
    with pytest.raises(RunError, match="is gone"):
        all_gather._await(all_gather.eventfds[0])
    late.join()
    all_gather.close_eventfds()


def test_a_worker_serves_until_its_pipe_is_closed() -> None:
    """The worker's own loop, here in a thread, so that its every branch is seen to run."""
    ours, theirs = Pipe()
    mailbox, all_gather = Mailbox(1), AllGather(1)

    @per_micro_batch
    def task(order: Any, index: int, group: MicroBatchGroup) -> Any:
        if order is None:
            raise ValueError("nothing to do")
        return order, group.all_gather(index)

    queue = SharedWorkQueue(1)
    worker = processes._Worker(task, 0, theirs, mailbox, all_gather, queue)
    thread = threading.Thread(target=worker.serve)
    thread.start()
    mailbox.post((("hello", 2), 1), 1)
    assert ours.recv() == (True, [(0, ("hello", [0, 1])), (1, ("hello", [0, 1]))])
    mailbox.post(((None, 1), 1), 1)
    done, error = ours.recv()
    assert not done
    assert isinstance(error, ValueError)
    ours.close()
    thread.join(10)
    assert not thread.is_alive()
    worker.threads.close()
    mailbox.close_eventfds()
    all_gather.close_eventfds()
    queue.close()


def test_a_forked_process_runs_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    class Born(Exception):
        pass

    def live(*_: object) -> None:
        raise Born

    monkeypatch.setattr(os, "fork", lambda: 0)
    monkeypatch.setattr(processes, "_run", live)
    with pytest.raises(Born):
        WorkerPool(gather_in_rounds, 1)


def test_a_forked_process_never_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A forked process never returns to what its parent was doing; here it is this one."""
    ours, theirs = Pipe()
    mailbox, all_gather = Mailbox(1), AllGather(1)
    queue = SharedWorkQueue(1)
    worker = processes._Worker(gather_in_rounds, 0, theirs, mailbox, all_gather, queue)
    handled: dict[int, Any] = {}
    served: list[dict[int, Any]] = []
    kept: list[set[int]] = []
    parents: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    with monkeypatch.context() as patch:
        patch.setattr(signal, "set_wakeup_fd", lambda fd: fd)
        patch.setattr(signal, "signal", handled.__setitem__)
        patch.setattr(processes.gc, "freeze", lambda: None)
        patch.setattr(processes, "_close_files", kept.append)
        patch.setattr(processes, "_die_with", parents.append)
        patch.setattr(os, "_exit", sys.exit)
        patch.setattr(processes._Worker, "serve", lambda worker: served.append(dict(handled)))
        with pytest.raises(SystemExit):
            processes._run(worker)
    signal.signal(signal.SIGUSR1, before)
    assert ours.recv() == 64  # the greeting
    assert served == [
        {signal.SIGUSR1: signal.SIG_DFL}
        | dict.fromkeys((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), signal.SIG_IGN)
    ]
    assert parents == [os.getpid()]
    assert kept == [{theirs.fileno(), *mailbox.eventfds, *all_gather.eventfds, *queue.files}]
    ours.close()
    theirs.close()
    mailbox.close_eventfds()
    all_gather.close_eventfds()
    queue.close()


def test_only_the_worker_s_own_files_stay_open(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[tuple[int, int]] = []
    standard: list[int] = []
    opened = os.open(os.devnull, os.O_RDWR)
    monkeypatch.setattr(os, "open", lambda *_: opened)
    monkeypatch.setattr(os, "dup2", lambda _, number: standard.append(number))
    monkeypatch.setattr(os, "closerange", lambda low, high: closed.append((low, high)))
    processes._close_files({5, 9})
    monkeypatch.undo()
    os.close(opened)
    assert standard == [0, 1, 2]
    assert closed[:2] == [(3, 5), (6, 9)]
    assert closed[2][0] == 10
    assert len(closed) == 3


def test_the_parent_s_signal_handlers_are_not_the_workers() -> None:
    def never(*_: object) -> None:
        raise AssertionError("the terminal is the parent's")

    @per_micro_batch
    def task(order: Any, index: int, group: MicroBatchGroup) -> int:
        os.kill(os.getpid(), signal.SIGWINCH)
        return index

    before = signal.signal(signal.SIGWINCH, never)
    try:
        with worker_pool(task, 2) as pool:
            assert results(pool, None, 2) == [0, 1]
    finally:
        signal.signal(signal.SIGWINCH, before)


@pytest.mark.parametrize("moment", ["before the order", "in the middle", "in an all-gather"])
@pytest.mark.parametrize("stopped", [[0], [1], [0, 1]])
def test_workers_that_were_stopped_continue(moment: str, stopped: list[int]) -> None:
    begun = shared_zeros(2, np.int64)
    go = shared_zeros(1, np.int64)

    def task(order: Any, group: ProcessGroup) -> list[int]:
        if moment == "in an all-gather":
            group.all_gather([])
        begun[group.index] = 1
        while not go[0]:
            time.sleep(0.001)
        return group.all_gather([group.index])

    def stop() -> None:
        for index in stopped:
            os.kill(pool._processes[index], signal.SIGSTOP)
        go[0] = 1

    def when_begun() -> None:
        if not go[0] and begun.all():
            stop()

    with worker_pool(task, 2) as pool:
        if moment == "before the order":
            stop()
        assert pool.run(None, 2, when_begun) == [[0, 1]] * 2


@pytest.mark.parametrize("end", ["os._exit(130)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_workers_that_are_stopped_end_with_their_parent(end: str) -> None:
    script = textwrap.dedent(f"""
        import os, signal
        from engine.parallel.processes import WorkerPool
        pool = WorkerPool(lambda order, group: None, 2)
        print(*pool._processes, flush=True)
        for pid in pool._processes:
            os.kill(pid, signal.SIGSTOP)
        {end}
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stderr == ""
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 2
    wait_until(lambda: all(ended(pid) for pid in pids))


def test_a_pool_outlives_the_thread_that_made_it() -> None:
    pools: list[WorkerPool[Any]] = []
    maker = threading.Thread(
        target=lambda: pools.append(WorkerPool(lambda order, group: group.index, 2))
    )
    maker.start()
    maker.join()
    assert pools[0].run(None, 2) == [0, 1]
    pools[0].close()
