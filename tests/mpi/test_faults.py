"""Ranks at fault: all end within seconds, and the run is resumed with any number of ranks."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import Terminal
from tests.support.patience import wait_until
from tests.support.ranks import needs_mpi, run_ranks, start_ranks

pytestmark = needs_mpi

TRAIN = ("train", "quickstart", "--set", "train.epochs=2", "--set", "data.limit=1000")
SCHEDULE = ("--set", "train.scheduler.T_max=200")  # so that the number of epochs can be changed
LONG = ("train", "quickstart", "--set", "train.epochs=200", "--set", "data.limit=1000", *SCHEDULE)
MOMENT = 10.0
"""Seconds in which all has to end on a busy machine; it takes about one."""

FAIL_LATER = """
from engine.train import worker_program
learn, left = worker_program.WorkerProgram._learn, [30]
def fail(*arguments):
    left[0] -= 1
    if left[0] == 0:
        {action}
    return learn(*arguments)
if rank == {rank}:
    worker_program.WorkerProgram._learn = fail
"""


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


def record(terminal: Terminal) -> dict[str, object]:
    found: dict[str, object] = json.loads((terminal.only_run / "run.json").read_text())
    return found


def ranks_left(terminal: Terminal) -> list[int]:
    """Processes that still run in the folder of a test."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            state = (path / "stat").read_text().rpartition(")")[2].split()[0]
            here = Path(os.readlink(path / "cwd")) == terminal.folder
        except OSError:
            continue
        if here and state != "Z" and int(path.name) != os.getpid():
            found.append(int(path.name))
    return found


def resumes(terminal: Terminal, count: int) -> None:
    """Resume the only run for one epoch more, on some ranks."""
    name = terminal.only_run.name
    arguments = ("resume", name, *(["--set", "train.epochs=3"] if count == 1 else []))
    done = terminal.run(*arguments) if count == 1 else run_ranks(terminal, *[arguments] * count)
    assert done.code == 0, done.err
    assert record(terminal)["status"] == "finished"


@pytest.fixture
def no_rank_is_left(terminal: Terminal) -> Iterator[None]:
    yield
    wait_until(lambda: not ranks_left(terminal), why=lambda: ranks_left(terminal), patience=MOMENT)


@pytest.mark.parametrize("rank", [1, pytest.param(0, marks=pytest.mark.proof)])
@pytest.mark.usefixtures("no_rank_is_left")
def test_an_error_in_a_rank_ends_all_with_a_line_and_the_run_is_resumed(
    rank: int, terminal: Terminal
) -> None:
    setup = FAIL_LATER.format(rank=rank, action="raise ValueError('a fault of its own')")
    done = run_ranks(terminal, TRAIN, TRAIN, setup=setup)
    lines = [line for line in done.errors if "a fault of its own" in line]
    assert done.code == 1
    assert len(lines) == 1
    assert done.errors[-1] == lines[0]  # nothing follows
    assert "ValueError" in lines[0]
    if rank == 1:
        assert f"rank 1 on {os.uname().nodename} failed" in lines[0]
    assert record(terminal)["status"] == "failed"
    resumes(terminal, 2)


@pytest.mark.proof
@pytest.mark.usefixtures("no_rank_is_left")
def test_other_numbers_in_a_rank_end_all_with_a_line(terminal: Terminal) -> None:
    action = "self = arguments[0]; self.parameters.vector[0] += 1"
    done = run_ranks(terminal, TRAIN, TRAIN, setup=FAIL_LATER.format(rank=1, action=action))
    assert done.code == 1
    assert "has computed other weights than rank 0" in done.errors[-1]


@pytest.mark.proof
@pytest.mark.usefixtures("no_rank_is_left")
def test_a_full_disk_on_rank_0_is_a_warning_and_ends_all_as_failed(terminal: Terminal) -> None:
    setup = """
from engine.checkpoints.retention import CheckpointStore
def full(*_, **__):
    raise OSError(28, "No space left on device")
if rank == 0:
    CheckpointStore.save = full
"""
    done = run_ranks(terminal, TRAIN, TRAIN, setup=setup)
    assert done.code == 1
    assert any("training continues" in line for line in done.errors)
    assert record(terminal)["status"] == "failed"


@pytest.mark.proof
@pytest.mark.usefixtures("no_rank_is_left")
def test_early_stopping_ends_all_ranks(terminal: Terminal) -> None:
    callbacks = (
        "callbacks=[early_stopping: {monitor: val_acc, mode: max, patience: 1, min_delta: 1}]"
    )
    done = run_ranks(terminal, *[(*LONG, "--set", callbacks)] * 2)
    assert done.code == 0, done.err
    assert record(terminal)["status"] == "finished"


def begin(terminal: Terminal) -> "subprocess.Popen[str]":
    """Start a long training on two ranks; it has a checkpoint."""
    process = start_ranks(terminal, LONG, LONG)
    wait_until(lambda: list(terminal.folder.glob("runs/*/checkpoints/step-*.npz")))
    return process


def rank_pids(process: "subprocess.Popen[str]") -> list[int]:
    """The processes of the ranks, in the order of their numbers."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            variables = (path / "environ").read_bytes().split(b"\0")
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            parents = int(Path(f"/proc/{parent}/stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            continue
        numbers = [v.removeprefix(b"PMI_RANK=") for v in variables if v.startswith(b"PMI_RANK=")]
        if numbers and parents == process.pid:
            found[int(numbers[0])] = int(path.name)
    return [found[rank] for rank in sorted(found)]


TIMES = [0, *(pytest.param(i, marks=pytest.mark.proof) for i in range(1, 20))]


@pytest.mark.parametrize("turn", TIMES)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.usefixtures("no_rank_is_left")
def test_a_signal_to_mpiexec_saves_and_ends_all(
    number: signal.Signals, turn: int, terminal: Terminal
) -> None:
    process = begin(terminal)
    time.sleep(turn * 0.05)  # another moment each time
    process.send_signal(number)
    done = terminal.finish(process)
    assert done.code == 128 + number
    assert any(f"stopped ({number.name})" in line for line in done.errors)
    assert record(terminal)["status"] == "stopped"
    assert json.loads((terminal.only_run / "run.json").read_text())["ranks"]["ranks"] == 2


@pytest.mark.proof
@pytest.mark.usefixtures("no_rank_is_left")
def test_a_signal_to_another_rank_saves_and_ends_all(terminal: Terminal) -> None:
    process = begin(terminal)
    os.kill(rank_pids(process)[1], signal.SIGTERM)
    done = terminal.finish(process)
    assert done.code == 128 + signal.SIGTERM
    assert record(terminal)["status"] == "stopped"


@pytest.mark.proof
@pytest.mark.parametrize("turn", range(20))
@pytest.mark.parametrize("whom", ["rank 0", "rank 1", "mpiexec"])
@pytest.mark.usefixtures("no_rank_is_left")
def test_a_killed_process_ends_all_and_the_run_is_resumed(
    whom: str, turn: int, terminal: Terminal
) -> None:
    process = begin(terminal)
    pids = rank_pids(process)
    assert len(pids) == 2
    time.sleep(turn * 0.05)
    victim = process.pid if whom == "mpiexec" else pids[int(whom[-1])]
    os.kill(victim, signal.SIGKILL)
    done = terminal.finish(process)
    # Rank 0 may notice that another one is gone before mpiexec ends it.
    noticed = any("another rank was killed" in line for line in done.errors)
    assert done.code in ((1,) if noticed else (9, -9)), done.err
    wait_until(lambda: not ranks_left(terminal), patience=MOMENT)
    assert record(terminal)["status"] == ("failed" if noticed else "running")
    if turn % 5 == 0:
        listed = terminal.run("runs", "list")
        assert ("failed" if noticed else "interrupted") in listed.out
        epochs = len((terminal.only_run / "metrics.csv").read_text().splitlines())
        more = ("resume", terminal.only_run.name, "--set", f"train.epochs={epochs + 1}")
        again = run_ranks(terminal, *[more] * (1 + turn // 5)) if turn else terminal.run(*more)
        assert again.code == 0, again.err
