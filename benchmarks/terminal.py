"""Programs that want a terminal, run in one that nobody sees."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

COLUMNS, LINES = 120, 40
_LAST = 4000


@dataclass(frozen=True)
class Done:
    """How it ended.

    Attributes:
        code: its exit code.
        written: how many bytes it wrote to the terminal.
        last: the last of them.
    """

    code: int
    written: int
    last: str


def run_in_terminal(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    size: tuple[int, int] = (COLUMNS, LINES),
) -> Done:
    """Run it to its end in a terminal.

    Args:
        command: the program and its arguments.
        folder: its working folder.
        environment: all of its variables.
        size: columns and lines.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    child = subprocess.Popen(
        command, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    written, last = 0, b""

    def swallow() -> None:
        nonlocal written, last
        while True:
            try:
                data = os.read(ours, 1 << 16)
            except OSError:  # Linux says so when the other side is closed
                return
            if not data:
                return
            written += len(data)
            last = (last + data)[-_LAST:]

    reader = threading.Thread(target=swallow, daemon=True)
    reader.start()
    try:
        code = child.wait()
    except BaseException:
        child.terminate()
        child.wait()
        raise
    finally:
        reader.join(5)
        os.close(ours)
    return Done(code, written, last.decode(errors="replace"))
