"""Worker processes: the same results in the same order, and none of them left behind."""

import copy
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import RunError
from engine.parallel import processes as team_module
from engine.parallel import shared_memory
from engine.parallel.group import Crew, in_order
from engine.parallel.processes import Team, can_fork
from engine.parallel.shared_memory import Exchange, Orders, SharedPiles, shared_zeros
from engine.parallel.threads import MeetingThreads, Rank
from engine.parallel.workers import Workers
from tests.support.patience import wait_until

pytestmark = pytest.mark.skipif(not can_fork(), reason="worker processes are for Linux")


MicroBatch = Callable[[Any, int, Rank], Any]


def each(task: MicroBatch) -> Callable[[tuple[Any, int], Crew], list[Any]]:
    """A task for every micro-batch, as a task for a team; an order says how many there are."""

    def carry_out(order: tuple[Any, int], crew: Crew) -> list[Any]:
        return crew.each(partial(task, order[0]), order[1], meet=True)

    return carry_out


def results(team: Team[list[Any]], order: Any, size: int, *check: Callable[[], None]) -> list[Any]:
    """What a team makes of an order, micro-batch by micro-batch."""
    shares = team.run((order, size), size, *check)
    assert [number for share in shares for number, _ in share] == list(range(size))
    return in_order(*shares)


@each
def meet(order: int, index: int, rank: Rank) -> tuple[int, int, list[list[Any]]]:
    assert rank.index == index
    return order, index, [rank.all_gather((order, m, index)) for m in range(order)]


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has waited for yet has ended too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


@contextmanager
def made(task: Any, count: int) -> Iterator[Team[Any]]:
    team = Team(task, count)
    try:
        yield team
    finally:
        team.close()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_results_come_in_order_and_all_meet(count: int) -> None:
    with made(meet, count) as team:
        for size in (1, 2, 7, 1, 3, 12):
            for meetings in (0, 1, 2, 5):
                everybody = [[(meetings, m, j) for j in range(size)] for m in range(meetings)]
                assert results(team, meetings, size) == [
                    (meetings, i, everybody) for i in range(size)
                ]


def test_the_work_is_done_elsewhere_and_shared_memory_brings_it_back() -> None:
    result = shared_zeros(4, np.float64)
    private = np.zeros(4)

    @each
    def task(order: Any, index: int, rank: Rank) -> int:
        result[index] = private[index] = index + 1
        return os.getpid()

    with made(task, 2) as team:
        pids = results(team, None, 4)
    assert os.getpid() not in pids
    assert pids[0] == pids[1] != pids[2] == pids[3]
    assert result.tolist() == [1, 2, 3, 4]
    assert not private.any()


@pytest.mark.parametrize("count", [2, 3, 5])
def test_every_micro_batch_is_taken_by_one(count: int) -> None:
    def rounds(order: int, crew: Crew) -> list[list[Any]]:
        """Of every round, what each member did."""
        seen = []
        for turn in range(order):
            own = crew.each(lambda number, rank: number, 1 + 7 * turn % 13)
            seen.append(crew.gather([(crew.index, own)]))
        return seen

    with made(rounds, count) as team:
        for turns in (0, 1, 200, 2, 201):
            everybody = team.run(turns, count)
            assert everybody == [everybody[0]] * count
            for turn, parts in enumerate(everybody[0]):
                assert [index for index, _ in parts] == list(range(count))
                done = in_order(part for _, own in parts for part in own)
                assert done == list(range(1 + 7 * turn % 13))


def test_one_s_own_share_comes_first_and_then_the_others() -> None:
    piles = SharedPiles(3)
    others = [copy.copy(piles) for _ in range(2)]  # each counts for itself
    shares = [range(3), range(3, 5), range(5, 5)]
    for _ in range(3):
        first, second, third = (
            each.take(shares, member) for member, each in enumerate([piles, *others])
        )
        # The third has no share of its own.
        assert [next(first), next(second), next(third), next(second)] == [0, 3, 1, 4]
        assert [*second, *first, *third] == [2]
    crews = [
        Crew(MeetingThreads(1), member, 3, None, each)
        for member, each in enumerate([piles, *others])
    ]
    assert crews[1].each(lambda number, rank: 10 * number, 4) == [(1, 10), (2, 20), (3, 30), (0, 0)]
    assert crews[0].each(lambda number, rank: number, 4) == []
    piles.close()


def test_a_worker_that_is_held_up_holds_up_nobody() -> None:
    """Who has the first micro-batch sleeps until the other has done all that is left."""
    done = shared_zeros(8, np.int64)

    def task(order: Any, crew: Crew) -> list[tuple[int, int]]:
        def work(number: int, rank: Rank) -> int:
            if number == 0:
                wait_until(lambda: int(done.sum()) == 7)
            done[number] = 1
            return crew.index

        return crew.each(work, 8)

    with made(task, 2) as team:
        shares = team.run(None, 2)
    assert sum(map(len, shares)) == 8


@pytest.mark.parametrize("meeting", [0, 1])
def test_an_error_is_raised_here_and_nobody_is_left(meeting: int) -> None:
    @each
    def task(order: Any, index: int, rank: Rank) -> int:
        if order == "fail":
            for _ in range(meeting):
                rank.all_gather(index)
            if index == 2:
                raise KeyError("what went wrong")
            rank.all_gather(index)
        return os.getpid()

    team = Team(task, 2)
    pids = set(results(team, "work", 4))
    with pytest.raises(KeyError, match="what went wrong") as caught:
        results(team, "fail", 4)
    assert "in task" in "".join(caught.value.__notes__)
    assert team.closed
    assert all(gone(pid) for pid in pids)


def test_an_error_that_cannot_be_sent_is_told_of() -> None:
    class Odd(Exception):
        pass

    @each
    def task(order: Any, index: int, rank: Rank) -> None:
        raise Odd("no pickle knows me")

    with pytest.raises(RunError, match="Odd: no pickle knows me"):
        results(Team(task, 2), None, 2)


def test_a_killed_worker_ends_the_work_with_one_line() -> None:
    @each
    def task(order: Any, index: int, rank: Rank) -> int:
        if order == "die" and index == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        rank.all_gather(index)
        return os.getpid()

    team = Team(task, 2)
    pids = results(team, "work", 2)
    with pytest.raises(RunError, match="worker process was killed"):
        results(team, "die", 2)
    assert all(gone(pid) for pid in pids)


def test_a_check_stops_work_that_would_take_for_ever() -> None:
    class Stop(Exception):
        pass

    def check() -> None:
        raise Stop

    with made(each(lambda *_: time.sleep(600)), 2) as team, pytest.raises(Stop):
        results(team, None, 2, check)
    assert team.closed


def test_signals_to_the_whole_group_are_for_the_parent() -> None:
    @each
    def task(order: Any, index: int, rank: Rank) -> int:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(os.getpid(), number)
        return index

    with made(task, 2) as team:
        assert results(team, None, 2) == [0, 1]


@pytest.mark.parametrize("size", [1 << 50, 1 << 61, 1 << 80])
def test_too_large_a_shared_vector_says_what_is_too_large(size: int) -> None:
    with pytest.raises(RunError, match=r"not enough memory for the weights: .* numbers take .* GB"):
        shared_zeros(size, np.float32, "the weights")


@pytest.mark.parametrize("count", [2, 3])
def test_a_meeting_has_room_for_anything(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 1,000 bytes a turn: none, one, just so many, and several, each member another size."""
    monkeypatch.setattr(shared_memory, "_CHUNK", 1000)

    @each
    def task(order: list[int], index: int, rank: Rank) -> list[list[bytes]]:
        return [rank.all_gather(bytes([index]) * (size * (index + 1))) for size in order]

    sizes = [0, 1, 10, 400, 500, 900, 940, 950, 960, 1000, 1900, 5000, 123_457, 3]
    with made(task, count) as team:
        everybody = [[bytes([i]) * (size * (i + 1)) for i in range(4)] for size in sizes]
        assert results(team, sizes, 4) == [everybody] * 4


def test_workers_end_with_a_killed_parent_and_hold_none_of_its_files(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import fcntl, os, signal, sys, time
        from engine.parallel.processes import Team
        lock = open(sys.argv[1], "w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        team = Team(lambda order, crew: os.getpid(), 2)
        print(*team.run(None, 2), flush=True)
        team.run(None, 2, lambda: os.kill(os.getpid(), signal.SIGKILL))
    """)
    path = tmp_path / "lock"
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False
    )  # returns only when nobody has the output open any more
    assert done.returncode == -signal.SIGKILL, done.stderr
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 2
    wait_until(lambda: all(gone(pid) for pid in pids))


def test_workers_end_though_one_of_them_is_killed_together_with_the_parent() -> None:
    """The others wait for one that will not come, and nobody is there to end them."""
    script = textwrap.dedent("""
        import os, signal, time
        from engine.kernels import shared
        from engine.parallel.processes import Team
        shared._PATIENCE = 50
        def task(order, crew):
            crew.gather([])
            if crew.index == 0:
                time.sleep(600)
            crew.gather([])
        team = Team(task, 3)
        print(*team._processes, flush=True)
        def kill():
            os.kill(team._processes[0], signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
        team.run(None, 3, kill)
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 3
    wait_until(lambda: all(gone(pid) for pid in pids))


def test_without_descriptors_there_is_no_team_and_none_are_lost() -> None:
    script = textwrap.dedent("""
        import os, resource
        from engine.parallel.workers import Workers
        def count():
            return len(os.listdir("/proc/self/fd"))
        with Workers(8) as workers:
            before = count()
            for limit in range(before, before + 60, 3):
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, 4096))
                team = workers.team(lambda order, crew: crew.index)
                if team is not None:
                    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
                    assert team.run(None, 8) == list(range(8))
                    team.close()
                    print("with", limit - before)
                workers._alone = False
                resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
                assert count() == before, (limit, before, count())
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "with" in done.stdout


@pytest.mark.parametrize(("kind", "opens"), [(Orders, "eventfd"), (SharedPiles, "open")])
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


def test_who_waits_for_a_bell_looks_for_the_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_memory, "_PATIENCE", 1)
    exchange = Exchange(2)
    late = threading.Timer(0.05, os.eventfd_write, (exchange.bells[0], 1))
    late.start()
    exchange._await(exchange.bells[0])
    exchange.parent = -1
    with pytest.raises(RunError, match="is gone"):
        exchange._await(exchange.bells[0])
    late.join()
    exchange.close_bells()


def test_a_gathering_of_one_is_what_it_brought() -> None:
    assert Crew(MeetingThreads(1)).gather([1, 2]) == [1, 2]


def test_a_meeting_that_nobody_announced_is_an_error() -> None:
    with (
        made(lambda order, crew: crew.each(lambda i, rank: rank.all_gather(i), 4), 2) as team,
        pytest.raises(RunError, match="meets"),
    ):
        team.run(None, 2)
    piles = SharedPiles(1)
    with pytest.raises(RunError, match="meets"):
        Crew(MeetingThreads(1), 0, 1, None, piles).each(lambda i, rank: rank.all_gather(i), 2)
    piles.close()


def test_a_worker_serves_until_its_pipe_is_closed() -> None:
    """The worker's own loop, here in a thread, so that its every branch is seen to run."""
    ours, theirs = Pipe()
    orders, exchange = Orders(1), Exchange(1)

    @each
    def task(order: Any, index: int, rank: Rank) -> Any:
        if order is None:
            raise ValueError("nothing to do")
        return order, rank.all_gather(index)

    piles = SharedPiles(1)
    worker = team_module._Worker(task, 0, theirs, orders, exchange, piles)
    thread = threading.Thread(target=worker.serve)
    thread.start()
    orders.give((("hello", 2), 1), 1)
    assert ours.recv() == (True, [(0, ("hello", [0, 1])), (1, ("hello", [0, 1]))])
    orders.give(((None, 1), 1), 1)
    done, error = ours.recv()
    assert not done
    assert isinstance(error, ValueError)
    ours.close()
    thread.join(10)
    assert not thread.is_alive()
    worker.threads.close()
    orders.close_bells()
    exchange.close_bells()
    piles.close()


def test_what_workers_swap_comes_in_order() -> None:
    """Two of them, here as threads of this process, at meetings one after the other."""
    exchange = Exchange(2)
    members = [exchange, copy.copy(exchange)]  # each counts for itself
    seen: dict[int, list[Any]] = {}

    _, pipe = Pipe()

    def take_part(own: int) -> None:
        orders, piles = Orders(1), SharedPiles(2)
        worker = team_module._Worker(meet, own, pipe, orders, members[own], piles)
        seen[own] = worker._work((50, 5), 2)
        worker.threads.close()

    threads = [threading.Thread(target=take_part, args=(own,)) for own in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    everybody = [[(50, m, i) for i in range(5)] for m in range(50)]
    assert in_order(seen[0] + seen[1]) == [(50, i, everybody) for i in range(5)]
    exchange.close_bells()


def test_the_fork_lives_its_own_life(monkeypatch: pytest.MonkeyPatch) -> None:
    class Born(Exception):
        pass

    def live(*_: object) -> None:
        raise Born

    monkeypatch.setattr(os, "fork", lambda: 0)
    monkeypatch.setattr(team_module, "_live", live)
    with pytest.raises(Born):
        Team(meet, 1)


def test_an_error_that_no_pickle_knows_becomes_one_that_can_be_sent() -> None:
    class Odd(Exception):
        pass

    assert str(team_module._portable(Odd("dear me"))) == "Odd: dear me"
    assert isinstance(team_module._portable(KeyError("x")), KeyError)


def test_a_life_ends_where_it_began(monkeypatch: pytest.MonkeyPatch) -> None:
    """A forked process never returns to what its parent was doing; here it is this one."""
    ours, theirs = Pipe()
    orders, exchange = Orders(1), Exchange(1)
    piles = SharedPiles(1)
    worker = team_module._Worker(meet, 0, theirs, orders, exchange, piles)
    handled: dict[int, Any] = {}
    served: list[dict[int, Any]] = []
    kept: list[set[int]] = []
    parents: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    with monkeypatch.context() as patch:
        patch.setattr(signal, "set_wakeup_fd", lambda fd: fd)
        patch.setattr(signal, "signal", handled.__setitem__)
        patch.setattr(team_module.gc, "freeze", lambda: None)
        patch.setattr(team_module, "_let_go_of_files", kept.append)
        patch.setattr(team_module, "_end_with", parents.append)
        patch.setattr(os, "_exit", sys.exit)
        patch.setattr(team_module._Worker, "serve", lambda worker: served.append(dict(handled)))
        with pytest.raises(SystemExit):
            team_module._live(worker)
    signal.signal(signal.SIGUSR1, before)
    assert ours.recv() == 64  # the greeting
    assert served == [
        {signal.SIGUSR1: signal.SIG_DFL}
        | dict.fromkeys((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), signal.SIG_IGN)
    ]
    assert parents == [os.getpid()]
    assert kept == [{theirs.fileno(), *orders.bells, *exchange.bells, *piles.files}]
    ours.close()
    theirs.close()
    orders.close_bells()
    exchange.close_bells()
    piles.close()


def test_only_the_worker_s_own_files_stay_open(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[tuple[int, int]] = []
    standard: list[int] = []
    opened = os.open(os.devnull, os.O_RDWR)
    monkeypatch.setattr(os, "open", lambda *_: opened)
    monkeypatch.setattr(os, "dup2", lambda _, number: standard.append(number))
    monkeypatch.setattr(os, "closerange", lambda low, high: closed.append((low, high)))
    team_module._let_go_of_files({5, 9})
    monkeypatch.undo()
    os.close(opened)
    assert standard == [0, 1, 2]
    assert closed[:2] == [(3, 5), (6, 9)]
    assert closed[2][0] == 10
    assert len(closed) == 3


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
        assert workers.team(meet) is None
        asked = len(calls)
        assert workers.team(meet) is None
        assert len(calls) == asked, "it is not asked again"
    assert pids
    assert all(gone(pid) for pid in pids)


def test_a_worker_that_hangs_from_its_birth_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a fork while another thread held a lock of BLAS."""
    births = shared_zeros(1, np.int64)
    greet = team_module._Worker.greet

    def first_hangs(worker: Any) -> None:
        births[0] += 1
        if births[0] == 1:
            time.sleep(600)
        greet(worker)

    monkeypatch.setattr(team_module, "_GREETING", 0.5)
    monkeypatch.setattr(team_module._Worker, "greet", first_hangs)
    with Workers(2) as workers:
        team = workers.team(meet)
        assert team is not None
        assert [index for _, index, _ in results(team, 0, 3)] == [0, 1, 2]
    assert births[0] >= 3


def test_the_parent_s_signal_handlers_are_not_the_workers() -> None:
    def never(*_: object) -> None:
        raise AssertionError("the terminal is the parent's")

    @each
    def task(order: Any, index: int, rank: Rank) -> int:
        os.kill(os.getpid(), signal.SIGWINCH)
        return index

    before = signal.signal(signal.SIGWINCH, never)
    try:
        with made(task, 2) as team:
            assert results(team, None, 2) == [0, 1]
    finally:
        signal.signal(signal.SIGWINCH, before)


def test_one_worker_needs_no_process() -> None:
    with Workers(1) as one:
        assert one.team(meet) is None


def test_workers_close_their_teams() -> None:
    with Workers(2) as workers:
        first = workers.team(meet)
        assert first is not None
        first.close()
        second = workers.team(meet)
        assert second is not None
        assert results(second, 1, 2)[1] == (1, 1, [[(1, 0, 0), (1, 0, 1)]])
    assert second.closed


@pytest.mark.parametrize("moment", ["before the order", "in the middle", "at a meeting"])
@pytest.mark.parametrize("stopped", [[0], [1], [0, 1]])
def test_workers_that_were_stopped_continue(moment: str, stopped: list[int]) -> None:
    begun = shared_zeros(2, np.int64)
    go = shared_zeros(1, np.int64)

    def task(order: Any, crew: Crew) -> list[int]:
        if moment == "at a meeting":
            crew.gather([])
        begun[crew.index] = 1
        while not go[0]:
            time.sleep(0.001)
        return crew.gather([crew.index])

    def stop() -> None:
        for index in stopped:
            os.kill(team._processes[index], signal.SIGSTOP)
        go[0] = 1

    def when_begun() -> None:
        if not go[0] and begun.all():
            stop()

    with made(task, 2) as team:
        if moment == "before the order":
            stop()
        assert team.run(None, 2, when_begun) == [[0, 1]] * 2


@pytest.mark.parametrize("end", ["os._exit(130)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_workers_that_are_stopped_end_with_their_parent(end: str) -> None:
    script = textwrap.dedent(f"""
        import os, signal
        from engine.parallel.processes import Team
        team = Team(lambda order, crew: None, 2)
        print(*team._processes, flush=True)
        for pid in team._processes:
            os.kill(pid, signal.SIGSTOP)
        {end}
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stderr == ""
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 2
    wait_until(lambda: all(gone(pid) for pid in pids))


def test_a_team_outlives_the_thread_that_made_it() -> None:
    teams: list[Team[Any]] = []
    maker = threading.Thread(target=lambda: teams.append(Team(lambda order, crew: crew.index, 2)))
    maker.start()
    maker.join()
    assert teams[0].run(None, 2) == [0, 1]
    teams[0].close()
