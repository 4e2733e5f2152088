"""The ways out of the app on a real terminal, when all goes wrong on the way."""

import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.runs.listing import list_runs
from tests.support import TINY_CONFIG
from tests.support.tmux import Tmux, is_gone

pytestmark = [
    pytest.mark.terminal,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]

ENDLESS = TINY_CONFIG.read_text().replace("epochs: 2 ", "epochs: 10000 ")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Tmux]:
    """A terminal in a folder that can be removed under it; ``state`` lies beside it."""
    folder = tmp_path / "work"
    (folder / "configs").mkdir(parents=True)
    (folder / "configs" / "endless.yaml").write_text(ENDLESS)
    tmux = Tmux(folder)
    tmux.type(f"export XDG_STATE_HOME={tmp_path / 'state'}; clear")
    yield tmux
    tmux.close()


PLACES = {
    "configs": ([], "actions"),
    "editor": (["e"], "ready to run"),
    "training": (["r"], "epoch 1 val"),
    "runs": (["3"], "actions"),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("way", ["q", "SIGTERM", "closed"])
def test_it_can_be_left_when_its_folder_is_gone(terminal: Tmux, place: str, way: str) -> None:
    keys, seen = PLACES[place]
    pid = terminal.start_app("configs/endless.yaml")
    terminal.press(*keys)
    terminal.wait(lambda: seen in terminal.screen)
    while terminal.folder.exists():  # the run may be writing
        shutil.rmtree(terminal.folder, ignore_errors=True)
    if way == "q":
        if place == "editor":
            terminal.press("Escape")
            terminal.wait(lambda: "train endless" in terminal.screen)
        terminal.press("q")
        if place == "training":
            terminal.wait(lambda: "Quit?" in terminal.screen)
            terminal.press("y")
    elif way == "SIGTERM":
        os.kill(pid, signal.SIGTERM)
    else:
        terminal.close()
    terminal.wait(lambda: is_gone(pid))
    if way != "closed":
        terminal.wait(lambda: f"CODE={0 if way == 'q' else 143}" in terminal.screen)
        assert "Traceback" not in terminal.screen
        assert terminal.state == "0 0 1"


STEPS = [
    "tui.state.training.Training.stop",
    "tui.state.training.Training.thread_alive",
    "tui.state.settings.AppSettings.save",
    "tui.app.CnnApp.exit",
    "textual.app.App._shutdown",
    "textual.screen.Screen._on_screen_suspend",
    "textual.drivers.linux_driver.LinuxDriver.stop_application_mode",
    "textual.drivers.linux_driver.LinuxDriver.disable_input",
    "threading._shutdown",
]
"""What runs between the wish to leave and the end of the process."""

FAULTS = {"raises": "raise RuntimeError('fell')", "hangs": "threading.Event().wait()"}

_SCRIPT = """
import importlib, sys, threading
import engine.services.signals, tui.app, tui.launch, tui.shut_down
engine.services.signals.GRACE, tui.shut_down._LAST, tui.launch._LAST = 2.0, 1.0, 1.0
step, number = sys.argv[1].split("."), 0
for number in range(len(step), 0, -1):
    try:
        place = importlib.import_module(".".join(step[:number]))
        break
    except ImportError:
        pass
for name in step[number:-1]:
    place = getattr(place, name)
whole = getattr(place, step[-1])
leave = tui.app.CnnApp.shut_down
def fault(*arguments, **options):
    {fault}
def leave_from_now_on(app, *arguments):
    setattr(place, step[-1], property(fault) if isinstance(whole, property) else fault)
    return leave(app, *arguments)
tui.app.CnnApp.shut_down = leave_from_now_on
sys.exit(tui.launch.launch(None))
"""


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.rpartition(".")[2])
def test_whatever_happens_on_the_way_out_it_ends(terminal: Tmux, step: str, kind: str) -> None:
    (terminal.folder / "script.py").write_text(_SCRIPT.replace("{fault}", FAULTS[kind]))
    pid = terminal.start_app(step, program="script.py")
    terminal.press("q")
    terminal.wait(lambda: re.search(r"CODE=\d", terminal.screen))
    assert is_gone(pid)
    assert terminal.state == "0 0 1"
    terminal.type("stty -a | tr ';' '\\n' | grep -c -- ' -icanon'; echo typed")
    terminal.wait(lambda: "\n0\ntyped" in terminal.screen)


def test_a_terminal_that_goes_without_a_signal_ends_it(terminal: Tmux) -> None:
    """As under ``nohup``: nothing but the end of its input says so."""
    (terminal.folder / "nohup.py").write_text(
        "import pathlib, signal, tui.launch\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "tui.launch.launch(pathlib.Path('configs/endless.yaml'))\n"
    )
    pid = terminal.start_app(program="nohup.py")
    terminal.press("r")
    terminal.wait(lambda: "epoch 1 val" in terminal.screen)
    terminal.close()
    terminal.wait(lambda: is_gone(pid))
    (run,) = list_runs(terminal.folder / "runs")
    assert (run.status, run.record["reason"]) == ("stopped", "SIGHUP")


@pytest.mark.parametrize("stopped", [False, True])
@pytest.mark.parametrize(
    ("numbers", "code"),
    [(["SIGTERM"], 143), (["SIGHUP"], 129), (["SIGINT"], 130), (["SIGINT", "SIGINT"], 130)],
    ids=["SIGTERM", "SIGHUP", "SIGINT", "twice SIGINT"],
)
def test_a_signal_ends_it_though_its_workers_are_stopped(
    terminal: Tmux, numbers: list[str], code: int, stopped: bool
) -> None:
    (terminal.folder / "configs" / "large.yaml").write_text(
        "dataset: mnist_mini\nmodel: lenet_mnist\ntrain: {epochs: 10000, workers: 2}\n"
    )
    pid = terminal.start_app("configs/large.yaml")
    terminal.press("r")
    terminal.wait(lambda: "epoch 1 val" in terminal.screen and len(children(pid)) == 2)
    workers = children(pid)
    if stopped:
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
    for number in numbers:
        os.kill(pid, getattr(signal, number))
    terminal.wait(lambda: f"CODE={code}" in terminal.screen)
    assert terminal.state == "0 0 1"
    terminal.wait(lambda: all(is_gone(worker) for worker in workers))


def children(pid: int) -> list[int]:
    """Its child processes."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]
