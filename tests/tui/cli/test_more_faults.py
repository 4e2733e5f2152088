"""The command line when memory is short, the clock jumps, or two want the same run."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.support.command_line import SMALL, Terminal
from tests.support.patience import wait_until

if sys.platform == "win32":
    pytest.skip("signals of POSIX", allow_module_level=True)

pytestmark = pytest.mark.proof
THREE = [*SMALL, "--set", "train.epochs=3", "--set", "train.checkpoint_every.steps=1"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The weights of a run that nothing happened to."""
    terminal = Terminal(tmp_path_factory.mktemp("whole"))
    assert terminal.run_here("train", *THREE).code == 0
    return (terminal.only_run / "weights.npz").read_bytes()


def python(before: str, *arguments: str) -> str:
    """A command line in a process where something was changed before."""
    run = f"from tui.cli.main import main\nsys.exit(main({list(arguments)!r}))\n"
    return f"{before}\nimport sys\n{run}"


MEMORY = """
import numpy as np
from engine.train.trainer import Trainer
real, turns = Trainer.steps, 0
def steps(self, *arguments, **options):
    global turns
    turns += 1
    if turns == 6:
        np.empty(1 << 50)
    return real(self, *arguments, **options)
Trainer.steps = steps
"""


def test_short_of_memory_it_is_one_line_and_the_checkpoint_is_kept(
    terminal: Terminal, whole: bytes
) -> None:
    done = terminal.python(python(MEMORY, "train", *THREE, "--quiet"))
    assert done.code == 1
    (line,) = done.errors
    assert line.startswith("not enough memory: unable to allocate 8.00 PiB for an array")
    assert line.endswith("; try a smaller batch or a smaller network")
    assert sorted(path.stem for path in terminal.only_run.glob("checkpoints/step-*")) == [
        "step-00000004",
        "step-00000005",
    ]
    listed = terminal.run_here("runs", "list")
    assert "failed" in listed.out
    assert terminal.run_here("train", *THREE, "--resume").code == 0
    assert (terminal.only_run / "weights.npz").read_bytes() == whole


CLOCK = """
import itertools, time
jumps = itertools.count()
time.time = lambda: 1e9 - 3600 * next(jumps)
time.time_ns = lambda: int(time.time() * 1e9)
import datetime
class Back(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(time.time(), tz)
datetime.datetime = Back
"""


def test_a_clock_that_jumps_back_changes_nothing(terminal: Terminal, whole: bytes) -> None:
    done = terminal.python(python(CLOCK, "train", *THREE))
    assert (done.code, "Traceback" in done.err) == (0, False)
    run = terminal.only_run
    assert run.name.startswith("2001"), "the case needs another clock"
    assert (run / "weights.npz").read_bytes() == whole
    seconds = [float(row.split(",")[6]) for row in _rows(run)]
    assert all(0 <= second < 60 for second in seconds)


def test_a_resume_goes_by_steps_and_not_by_times(terminal: Terminal, whole: bytes) -> None:
    process = terminal.start("train", *THREE, "--set", "train.epochs=300")
    wait_until(lambda: len(list(terminal.folder.glob("runs/*/checkpoints/step-*"))) >= 2)
    process.kill()
    terminal.finish(process)
    steps = sorted(terminal.only_run.glob("checkpoints/step-*"))
    for age, path in enumerate(steps):  # the last one looks the oldest
        os.utime(path, (2e9 - age * 1e6, 2e9 - age * 1e6))
    again = terminal.start("resume", terminal.only_run.name, "--json")
    assert again.stdout is not None
    start = again.stdout.readline()
    again.kill()
    terminal.finish(again)
    epoch, step = divmod(int(steps[-1].stem[5:]), _steps_per_epoch(start))
    assert f'"epoch": {epoch}, "step": {step},' in start


def test_two_processes_on_one_run(terminal: Terminal) -> None:
    process = terminal.start("train", *THREE, "--set", "train.epochs=3000")
    wait_until(lambda: list(terminal.folder.glob("runs/*/checkpoints/step-*")))
    second = terminal.run("resume", terminal.only_run.name)
    assert second.code == 1
    (line,) = second.errors
    assert line == f"{terminal.only_run}: in use by process {process.pid}; stop it first"
    process.send_signal(signal.SIGTERM)
    assert terminal.finish(process).code == 143


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_stopped_by_the_shell_and_continued(terminal: Terminal, whole: bytes) -> None:
    process = terminal.start("train", *THREE, setup="os.setpgid(0, 0)")
    wait_until(lambda: list(terminal.folder.glob("runs/*/checkpoints/step-*")))
    process.send_signal(signal.SIGTSTP)
    stat = Path(f"/proc/{process.pid}/stat")
    wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T")
    saved = sorted(terminal.only_run.glob("checkpoints/*"))
    time.sleep(0.2)
    assert sorted(terminal.only_run.glob("checkpoints/*")) == saved
    process.send_signal(signal.SIGCONT)
    assert terminal.finish(process).code == 0
    assert (terminal.only_run / "weights.npz").read_bytes() == whole


def _rows(run: Path) -> list[str]:
    return (run / "metrics.csv").read_text().splitlines()[1:]


def _steps_per_epoch(start: str) -> int:
    return int(start.partition('"steps_per_epoch": ')[2].partition(",")[0])
