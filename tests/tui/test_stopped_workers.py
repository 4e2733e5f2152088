"""A process is told to end while its worker processes are stopped: it ends, and leaves nobody."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.parallel.processes import can_fork
from tests.support.command_line import SMALL, Terminal
from tests.support.patience import wait_until

pytestmark = [
    pytest.mark.proof,
    pytest.mark.skipif(not can_fork(), reason="worker processes are for Linux"),
]

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}

_SCRIPT = """
import signal, sys
from engine.train.evaluator import Evaluator
from engine.train.loop import Loop
from tui.cli.main import main
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)  # whoever runs the tests may have them ignored
phase, *arguments = sys.argv[1:]
evaluate, measure = Evaluator.evaluate, Loop._evaluate
current = "evaluating"
def named(loop, phase, batches):
    global current
    current = phase
    return measure(loop, phase, batches)
def endless(*arguments):
    while current == phase:
        evaluate(*arguments)
        open("is there", "w").close()
    return evaluate(*arguments)
Evaluator.evaluate, Loop._evaluate = endless, named
sys.exit(main(arguments))
"""
"""The command line; the phase that it is to be met in lasts for ever."""

TRAIN = ["--no-ui", "--set", "data.limit=2000", "--set", "train.workers=2", "--set"]
PHASES = {
    "training": [*TRAIN, "train.epochs=100000"],
    "validating": [*TRAIN, "train.epochs=1"],
    "testing": [*TRAIN, "train.epochs=1"],
    "evaluating": ["evaluate", "--config", "quickstart", "--set", "train.workers=2", "--weights"],
}


def workers_of(pid: int) -> list[int]:
    """The child processes that are at work."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return [child for child in found if state(child) != "Z"]


def state(pid: int) -> str:
    """The kernel's letter; ``Z`` too for a process that is not there."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "Z"


def stop(workers: list[int]) -> None:
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)


def all_gone(workers: list[int]) -> bool:
    return all(state(worker) == "Z" for worker in workers)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Those of a run that is over."""
    terminal = Terminal(tmp_path_factory.mktemp("trained"))
    assert terminal.run("--no-ui", *SMALL).code == 0
    return terminal.only_run / "weights.npz"


def start(
    terminal: Terminal, phase: str, weights: Path
) -> tuple["subprocess.Popen[str]", list[int]]:
    """A command in a phase, and its workers."""
    arguments = [*PHASES[phase], *([str(weights)] if phase == "evaluating" else [])]
    process = subprocess.Popen(
        [sys.executable, "-c", _SCRIPT, phase, *arguments],
        cwd=terminal.folder,
        env=os.environ | terminal.variables,
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    there = "runs/*/checkpoints/step-*" if phase == "training" else "is there"
    wait_until(lambda: list(terminal.folder.glob(there)))
    wait_until(lambda: len(workers_of(process.pid)) == 2)
    return process, workers_of(process.pid)


@pytest.mark.parametrize("stopped", [False, True])
@pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)
@pytest.mark.parametrize("phase", PHASES)
def test_a_signal_ends_it_as_ever(
    terminal: Terminal, weights: Path, phase: str, number: signal.Signals, stopped: bool
) -> None:
    process, workers = start(terminal, phase, weights)
    if stopped:
        stop(workers)
    process.send_signal(number)
    done = terminal.finish(process)
    assert done.code == CODES[number]
    assert "did not end" not in done.err
    assert "Traceback" not in done.err
    wait_until(lambda: all_gone(workers))
    if phase != "evaluating":
        record = json.loads((terminal.only_run / "run.json").read_text())
        assert (record["status"], record["reason"]) == ("stopped", number.name)
        assert list(terminal.only_run.glob("checkpoints/step-*"))


@pytest.mark.parametrize("end", [[signal.SIGINT] * 2, [signal.SIGKILL]], ids=["ctrl-c", "kill"])
@pytest.mark.parametrize("phase", PHASES)
def test_no_orphan_is_left(
    terminal: Terminal, weights: Path, phase: str, end: list[signal.Signals]
) -> None:
    process, workers = start(terminal, phase, weights)
    stop(workers)
    for number in end:
        process.send_signal(number)
    code = terminal.finish(process).code
    assert code in ((130,) if end[0] == signal.SIGINT else (-signal.SIGKILL,))
    wait_until(lambda: all_gone(workers))
