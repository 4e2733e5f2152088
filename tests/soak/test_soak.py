"""The soak in its short form; ``python tests/soak`` is the long one."""

import os
import signal
from pathlib import Path

import pytest

from tests.soak import kills, stops
from tests.soak.soak_runs import SMALL, start

pytestmark = [
    pytest.mark.proof,
    pytest.mark.skipif(os.name == "nt", reason="signals and terminals of POSIX"),
]
ENDLESS = SMALL["small"].replace("epochs: 6", "epochs: 100000")


def test_runs_that_are_killed_come_to_the_same_end(tmp_path: Path) -> None:
    done = kills.soak(SMALL, tmp_path, kills=3, runs=1, seed=1, aimed=0.8)
    assert [run.problems for run in done] == [[]] * len(done)
    assert sum(run.cuts for run in done) >= 3
    assert sum(run.saving for run in done) >= 1, "the case needs a kill during a save"


def test_signals_stop_and_lose_nothing(tmp_path: Path) -> None:
    tally = stops.headless(SMALL["small"], tmp_path, signals=4, seed=0)
    assert tally.problems == []
    assert tally.signals >= 4
    assert tally.saved >= 2


def test_signals_in_the_app_leave_a_sane_terminal(tmp_path: Path) -> None:
    tally = stops.app(ENDLESS, tmp_path / "app", signals=3, seed=0)
    assert tally.problems == []
    assert tally.signals == 3
    assert tally.saved >= 2


@pytest.mark.parametrize("stop", [signal.SIGSTOP, signal.SIGTSTP])
def test_stopped_and_continued_the_app_is_drawn_and_leaves_a_sane_terminal(
    tmp_path: Path, stop: signal.Signals
) -> None:
    (tmp_path / "soak.yaml").write_text(ENDLESS)
    terminal = stops.Terminal()
    process = stops.open_app(tmp_path, terminal)
    assert not stops.watch(
        process, terminal, 60, lambda: any(tmp_path.glob("runs/*/checkpoints/step-*"))
    )
    process.send_signal(stop)
    os.waitpid(process.pid, os.WUNTRACED)
    terminal.look()
    before = len(terminal.shown)
    process.send_signal(signal.SIGCONT)
    drawn = b"actions"  # in the line of keys, which never changes
    assert not stops.watch(process, terminal, 20, lambda: drawn in terminal.shown[before:])
    assert drawn in terminal.shown[before:]
    process.send_signal(signal.SIGTERM)
    assert stops.watch(process, terminal, 60)
    assert process.wait() == 143
    assert terminal.wrong() == []
    terminal.close()


def test_ctrl_c_while_it_starts_is_no_traceback(tmp_path: Path) -> None:
    # numpy is what takes long; sent while it is imported, the signal hits the same place each time
    interrupt = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"
    (tmp_path / "numpy.py").write_text(interrupt)
    with (tmp_path / "stderr").open("wb") as errors:
        process = start(tmp_path, "train", stderr=errors)
    assert process.wait() == -signal.SIGINT
    assert (tmp_path / "stderr").read_bytes() == b""


def test_a_terminal_that_is_left_in_a_mess_is_noticed() -> None:
    terminal = stops.Terminal()
    try:
        assert terminal.wrong() == []
        os.write(terminal.end, b"\x1b[?1049h\x1b[?1000;1006h\x1b[>1u\x1b[?25l\x1b[?1006l")
        assert terminal.wrong() == [
            "mouse clicks still on",
            "the alternate screen still on",
            "the cursor is hidden",
            "the keyboard protocol is still on",
        ]
        os.write(terminal.end, b"\x1b[?1049l\x1b[?1000l\x1b[<u\x1b[?25h")
        assert terminal.wrong() == []
    finally:
        terminal.close()
