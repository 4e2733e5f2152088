"""A shell in a terminal of tmux's, and the app in it."""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.patience import PATIENCE

ROOT = Path(__file__).parents[2]
_NUMBERS = itertools.count()


class Tmux:
    """A shell in a terminal of 80x24."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._socket = f"cnn-tui-test-{os.getpid()}-{next(_NUMBERS)}"
        self._tmux("new-session", "-d", "-s", "t", "-x", "80", "-y", "24", "sh")
        self._tmux("set-option", "-g", "status", "off")
        self._tmux("set-option", "-g", "remain-on-exit", "on")
        self.type(f"cd {folder}; export PYTHONPATH={ROOT} XDG_STATE_HOME={folder / 'state'}; clear")

    def _tmux(self, *arguments: str) -> str:
        command = ["tmux", "-L", self._socket, "-f", "/dev/null", *arguments]
        environment = {k: v for k, v in os.environ.items() if k not in ("TMUX", "NO_COLOR")}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
        return done.stdout

    def type(self, line: str) -> None:
        self._tmux("send-keys", "-t", "t", "-l", line)
        self._tmux("send-keys", "-t", "t", "Enter")

    def press(self, *keys: str) -> None:
        self._tmux("send-keys", "-t", "t", *keys)

    @property
    def screen(self) -> str:
        return self._tmux("capture-pane", "-p", "-t", "t")

    @property
    def state(self) -> str:
        """Alternate screen, mouse tracking, cursor: ``0 0 1`` in a sane terminal."""
        flags = "#{alternate_on} #{mouse_any_flag} #{cursor_flag}"
        return self._tmux("display-message", "-p", "-t", "t", flags).strip()

    def wait(self, condition: Callable[[], object], seconds: float = PATIENCE) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.screen
            time.sleep(0.05)

    def start_app(self, config: str = "", program: str = "-m tui") -> int:
        """Start it, wait for the first screen, and return its process."""
        command = f"echo $$ > pid; exec {sys.executable} {program} {config}"
        self.type(f"sh -c '{command}'; echo CODE=$?")
        self.wait(lambda: "actions" in self.screen)
        return int((self.folder / "pid").read_text())

    def close(self) -> None:
        self._tmux("kill-server")


def is_gone(pid: int) -> bool:
    """Whether a process has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False
