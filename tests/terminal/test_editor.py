"""The terminal handed over to $EDITOR, and what can become of that."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import TINY_CONFIG
from tests.support.tmux import Tmux, is_gone

pytestmark = [
    pytest.mark.terminal,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]

SCRIPTS = {
    "killed": "kill -KILL $$",
    "failed": "exit 3",
    "raw": "stty raw -echo; printf '\\033[?1049h\\033[?25l'; kill -KILL $$",
    "removes": 'rm "$1"',
    "spoils": 'printf "\\377\\377" > "$1"',
    "enlarges": 'head -c 100000 /dev/zero > "$1"',
    "replaces": 'rm "$1"; mkdir "$1"',
    "waits": "echo $$ > editor-pid; echo EDITING; sleep 600",
    "interrupted": "trap 'exit 0' INT; echo EDITING; while :; do sleep 0.1; done",
    "good": 'sed -i "s/seed: 1/seed: 77/" "$1"',
}


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Tmux]:
    (tmp_path / "configs").mkdir()
    shutil.copy(TINY_CONFIG, tmp_path / "configs")
    for name, script in SCRIPTS.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "plain").write_text("no program\n")
    (tmp_path / "binary").write_text("no program\n")
    (tmp_path / "binary").chmod(0o755)
    tmux = Tmux(tmp_path)
    yield tmux
    tmux.close()


def start(terminal: Tmux, editor: str) -> int:
    program = terminal.folder / "start.py"
    program.write_text(
        f"import os, tui.launch, sys\nos.environ.pop('VISUAL', None)\n"
        f"os.environ['EDITOR'] = {editor!r}\n"
        "from pathlib import Path\nsys.exit(tui.launch.launch(Path(sys.argv[1])))\n"
    )
    return terminal.start_app("configs/tiny.yaml", program=str(program))


@pytest.mark.parametrize(
    ("editor", "said"),
    [
        ("no-such-editor --wait", "No such file or directory"),
        ("./plain", "Permission denied"),
        ("./binary", "Exec format error"),
        ("vi 'unclosed", "No closing quotation"),
        ("  ", "$EDITOR is not set"),
        ("''", "Permission denied"),
        ("./killed", "ended by SIGKILL"),
        ("./failed", "ended with exit code 3"),
        ("./raw", "ended by SIGKILL"),
        ("./removes", "cannot be read"),
        ("./spoils", "not text in UTF-8"),
        ("./enlarges", "more than 64 KB"),
        ("./replaces", "a folder"),
    ],
)
def test_what_goes_wrong_is_said_in_the_drawn_app(terminal: Tmux, editor: str, said: str) -> None:
    start(terminal, editor)
    terminal.press("v")
    terminal.wait(lambda: said.lower() in " ".join(terminal.screen.lower().split()))
    terminal.wait(lambda: "actions" in terminal.screen)
    assert "Traceback" not in terminal.screen
    terminal.press("q")
    terminal.wait(lambda: "CODE=0" in terminal.screen)
    assert terminal.state == "0 0 1"
    terminal.type("stty -a | tr ';' '\\n' | grep -c -- ' -icanon'; echo typed")
    terminal.wait(lambda: "\n0\ntyped" in terminal.screen)


def test_a_change_is_taken(terminal: Tmux) -> None:
    start(terminal, "./good")
    terminal.press("v")
    terminal.wait(lambda: "--set seed=77" in terminal.screen)


def test_ctrl_c_is_for_the_editor(terminal: Tmux) -> None:
    pid = start(terminal, "./interrupted")
    terminal.press("v")
    terminal.wait(lambda: "EDITING" in terminal.screen)
    terminal.press("C-c")
    terminal.wait(lambda: "actions" in terminal.screen)
    assert not is_gone(pid)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_editor_too(terminal: Tmux, number: signal.Signals, code: int) -> None:
    pid = start(terminal, "./waits")
    terminal.press("v")
    terminal.wait(lambda: "EDITING" in terminal.screen)
    os.kill(pid, number)
    terminal.wait(lambda: f"CODE={code}" in terminal.screen)
    assert is_gone(int((terminal.folder / "editor-pid").read_text()))
    assert terminal.state == "0 0 1"
