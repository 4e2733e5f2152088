"""The app in a real terminal, through tmux."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.runs.listing import RunInfo, list_runs
from tests.support import TINY_CONFIG
from tests.support.tmux import Tmux, is_gone

pytestmark = [
    pytest.mark.terminal,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Tmux]:
    (tmp_path / "configs").mkdir()
    text = TINY_CONFIG.read_text()
    endless = text.replace("epochs: 2 ", "epochs: 100000 ")
    (tmp_path / "configs" / "endless.yaml").write_text(endless)
    tmux = Tmux(tmp_path)
    yield tmux
    tmux.close()


def _run(folder: Path) -> RunInfo:
    (run,) = list_runs(folder / "runs")
    return run


def test_start_train_see_an_epoch_and_quit(terminal: Tmux) -> None:
    pid = terminal.start_app()
    assert "train quickstart now" in terminal.screen
    terminal.press("r")
    terminal.wait(lambda: "epoch 1 val" in terminal.screen)
    assert any("⠀" < character <= "⣿" for character in terminal.screen)
    terminal.press("q")
    terminal.wait(lambda: "Quit?" in terminal.screen)
    terminal.press("y")
    terminal.wait(lambda: "CODE=0" in terminal.screen)
    assert "cnn-tui resume" in terminal.screen
    assert terminal.state == "0 0 1"
    assert is_gone(pid)
    assert _run(terminal.folder).status == "stopped"


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_a_signal_leaves_a_sane_terminal_and_the_run_on_disk(
    terminal: Tmux, name: str, code: int
) -> None:
    pid = terminal.start_app("configs/endless.yaml")
    terminal.press("r")
    terminal.wait(lambda: "epoch 2 val" in terminal.screen)
    os.kill(pid, getattr(signal, name))
    terminal.wait(lambda: f"CODE={code}" in terminal.screen)
    assert terminal.state == "0 0 1"
    terminal.type("stty -a | tr ';' '\\n' | grep -c -- '-echo '; echo typed")
    terminal.wait(lambda: "\ntyped" in terminal.screen)
    assert "echo typed" in terminal.screen  # what is typed is seen again
    run = _run(terminal.folder)
    assert (run.status, run.record["reason"]) == ("stopped", name)
    assert list((run.path / "checkpoints").iterdir())


def test_a_terminal_that_goes_away_saves_the_run(terminal: Tmux) -> None:
    pid = terminal.start_app("configs/endless.yaml")
    terminal.press("r")
    terminal.wait(lambda: "epoch 2 val" in terminal.screen)
    terminal.close()
    terminal.wait(lambda: is_gone(pid))
    run = _run(terminal.folder)
    assert (run.status, run.record["reason"]) == ("stopped", "SIGHUP")


def test_a_crash_restores_the_terminal_and_names_the_log(terminal: Tmux) -> None:
    crash = (
        "import tui.launch, tui.app\n"
        "def fall(self): raise RuntimeError('fell [over')\n"
        "tui.app.CnnApp.action_next_theme = fall\n"
        "raise SystemExit(tui.launch.launch(None))\n"
    )
    (terminal.folder / "crash.py").write_text(crash)
    terminal.type(f"{sys.executable} crash.py; echo CODE=$?")
    terminal.wait(lambda: "actions" in terminal.screen)
    terminal.press("t")
    terminal.wait(lambda: "CODE=1" in terminal.screen)
    assert "internal error: RuntimeError: fell [over" in terminal.screen
    assert "cnn-tui.log" in terminal.screen.replace("\n", "")
    assert terminal.state == "0 0 1"
    log = (terminal.folder / "state" / "cnn-tui" / "cnn-tui.log").read_text()
    assert "Traceback" in log


def test_a_process_that_was_stopped_from_outside_goes_on_as_before(terminal: Tmux) -> None:
    pid = terminal.start_app()
    terminal.press("2")
    terminal.wait(lambda: "Nothing is training" in terminal.screen)
    threads = _threads(pid)
    for _ in range(3):
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.5)
    terminal.wait(lambda: "Nothing is training" in terminal.screen)
    assert _threads(pid) <= threads  # a job of the start may have ended meanwhile
    terminal.press("4")
    terminal.wait(lambda: "fresh weights" in terminal.screen)
    terminal.press("q")
    terminal.wait(lambda: "CODE=0" in terminal.screen)
    assert terminal.state == "0 0 1"
    terminal.type("stty -a | tr ';' '\\n' | grep -c -- ' -icanon'; echo typed")
    terminal.wait(lambda: "\n0\ntyped" in terminal.screen)


def _threads(pid: int) -> int:
    """How many threads a process has; 0 where there is no telling."""
    tasks = Path(f"/proc/{pid}/task")
    return len(list(tasks.iterdir())) if tasks.is_dir() else 0


def test_without_a_whole_terminal_it_says_so_in_one_line(terminal: Tmux) -> None:
    for i, streams in enumerate(["</dev/null 2>err", ">/dev/null 2>err"]):
        terminal.type(f"{sys.executable} -m tui {streams}; echo CODE{i}=$?")
        terminal.wait(lambda i=i: f"CODE{i}=2" in terminal.screen)
        error = (terminal.folder / "err").read_text()
        assert error.count("\n") == 1
        assert "needs a terminal" in error


@pytest.mark.parametrize("streams", ["2>err", "2>/dev/null", "2>&-"])
def test_what_goes_to_stderr_may_go_to_a_file(terminal: Tmux, streams: str) -> None:
    terminal.start_app(streams)
    terminal.press("q")
    terminal.wait(lambda: "CODE=0" in terminal.screen)
    assert terminal.state == "0 0 1"
    if streams == "2>err":
        assert (terminal.folder / "err").read_text() == ""


@pytest.mark.parametrize("kind", ["dumb", "unknown", ""])
def test_a_terminal_that_cannot_draw_gets_one_line(terminal: Tmux, kind: str) -> None:
    set_it = f"TERM={kind}" if kind else "env -u TERM"
    terminal.type(f"{set_it} {sys.executable} -m tui; echo CODE=$?")
    message = f"cnn-tui: the app cannot draw on this terminal (TERM is {kind or 'not set'})"
    terminal.wait(lambda: "CODE=2" in terminal.screen and message in terminal.screen)
    assert terminal.state == "0 0 1"
