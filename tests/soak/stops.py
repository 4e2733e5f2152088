"""SIGINT, SIGTERM and SIGHUP at random moments, headless and in the app on a terminal."""

import fcntl
import itertools
import os
import random
import re
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from engine.runs.listing import list_runs
from tests.soak.soak_runs import (
    SIGNALS,
    TIMEOUT,
    Cut,
    delay,
    has_traceback,
    problems,
    refer,
    start,
    wait_for_end,
)

_MODE = re.compile(rb"\x1b\[\?([0-9;]+)([hl])")
_KEYBOARD = re.compile(rb"\x1b\[([<>])[0-9]*u")
OFF = {
    1000: "mouse clicks",
    1002: "mouse drags",
    1003: "mouse moves",
    1004: "focus reports",
    1006: "mouse coordinates",
    1015: "mouse coordinates",
    1016: "mouse pixels",
    1049: "the alternate screen",
    2004: "bracketed paste",
    2048: "resize reports",
}
"""Modes of a terminal that nobody wants after the program is gone."""


@dataclass
class Tally:
    """What became of the signals, in one way of running.

    Attributes:
        way: "headless" or "app".
        signals: how many there were.
        codes: how often each exit code came.
        saved: after how many there was a run, stopped or finished, on the disk.
        problems: what should not be, in one line each.
    """

    way: str
    signals: int = 0
    codes: dict[int, int] = field(default_factory=dict)
    saved: int = 0
    problems: list[str] = field(default_factory=list)

    def count(self, number: int, returned: int, *, is_through: bool = False) -> None:
        """A process has ended after a signal; if it was through, it may have ended by itself."""
        self.signals += 1
        # A signal before our handlers are there kills, as it kills any program; a shell says the
        # same number of it. After they are gone, all is done.
        code = 128 - returned if returned < 0 else returned
        self.codes[code] = self.codes.get(code, 0) + 1
        if code != SIGNALS[signal.Signals(number)] and not (code == 0 and is_through):
            self.problems.append(f"exit code {code} after signal {number}")


def headless(text: str, folder: Path, *, signals: int, seed: int) -> Tally:
    """Stop runs by signals until there were so many; each resumes where it was stopped."""
    rng = random.Random(seed)
    tally = Tally("headless")
    reference = refer("stops", text, folder / "reference")
    numbers = itertools.count()
    while tally.signals < signals:
        run = Cut.new("stops", text, folder / f"run-{next(numbers)}")
        while True:
            process = run.begin(rng.choice((1, 2, 4)))
            if wait_for_end(process, delay(reference, rng)):
                break
            number = rng.choice(list(SIGNALS))
            process.send_signal(number)
            if not wait_for_end(process, TIMEOUT):
                tally.problems.append("it hangs")
                process.kill()
            code = process.wait()
            if b"init_import_site" in (run.folder / "stderr").read_bytes():
                code = -number  # a Ctrl-C that came before Python itself was there
            tally.count(number, code, is_through=run.is_through)
            tally.problems += problems(run.folder)
            _judge(tally, run.folder)
            if run.is_through:
                break
        run.finish(reference)
        tally.problems += run.problems
    return tally


def _judge(tally: Tally, folder: Path) -> None:
    """After a signal, the newest run is on the disk, or none was begun."""
    info = next(iter(list_runs(folder / "runs")), None)
    if info is not None:
        tally.saved += info.status in ("stopped", "finished")
        if info.status not in ("stopped", "finished"):
            tally.problems.append(f"{info.id} is {info.status}")


class Terminal:
    """A terminal of which we hold the other end, and what came to it."""

    def __init__(self) -> None:
        self.ours, self.end = os.openpty()
        fcntl.ioctl(self.end, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.before = termios.tcgetattr(self.end)
        os.set_blocking(self.ours, False)
        self.shown = b""

    def look(self) -> None:
        """Read what has come: a terminal that nobody reads would hold the process up."""
        with suppress(OSError):
            while data := os.read(self.ours, 65536):
                self.shown += data

    def wrong(self) -> list[str]:
        """What is not as it was before."""
        self.look()
        found = []
        if termios.tcgetattr(self.end) != self.before:
            found.append("the terminal's settings are not restored")
        on = modes(self.shown)
        found += [f"{name} still on" for number, name in OFF.items() if number in on]
        if 25 not in on:
            found.append("the cursor is hidden")
        pushed = _KEYBOARD.findall(self.shown)
        if pushed.count(b">") > pushed.count(b"<"):
            found.append("the keyboard protocol is still on")
        return found

    def close(self) -> None:
        os.close(self.ours)
        os.close(self.end)


def modes(shown: bytes) -> set[int]:
    """The private modes that are on after a program has written this; the cursor is at first."""
    on = {25}
    for numbers, switch in _MODE.findall(shown):
        for number in map(int, numbers.split(b";")):
            (on.add if switch == b"h" else on.discard)(number)
    return on


def app(text: str, folder: Path, *, signals: int, seed: int) -> Tally:
    """Start the app, press r to train, and send a signal: while it starts, trains or saves."""
    rng = random.Random(seed)
    tally = Tally("app")
    folder.mkdir(parents=True)
    (folder / "soak.yaml").write_text(text)
    starts = _time_to_start(folder)
    for _ in range(signals):
        number = rng.choice(list(SIGNALS))
        terminal = Terminal()
        process = open_app(folder, terminal)
        watch(process, terminal, rng.uniform(0, 3 * starts))
        process.send_signal(number)
        if not watch(process, terminal, TIMEOUT):
            tally.problems.append("it hangs")
            process.kill()
        tally.count(number, process.wait())
        tally.problems += terminal.wrong() + problems(folder)
        _judge(tally, folder)
        terminal.close()
        if has_traceback(terminal.shown):
            tally.problems.append("a traceback")
    return tally


def open_app(folder: Path, terminal: Terminal) -> subprocess.Popen[bytes]:
    own = "import fcntl, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0)"
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), terminal.end)
    return start(folder, "soak.yaml", setup=own, **streams)


def watch(
    process: subprocess.Popen[bytes],
    terminal: Terminal,
    seconds: float,
    until: Callable[[], bool] = lambda: False,
) -> bool:
    """Look at the terminal for so long, and press r when the app is there; True if it ended."""
    deadline = time.monotonic() + seconds
    pressed = b"actions" in terminal.shown
    while process.poll() is None:
        terminal.look()
        if not pressed and b"actions" in terminal.shown:
            pressed = True
            os.write(terminal.ours, b"r")
        if until() or time.monotonic() >= deadline:
            return False
        time.sleep(0.01)
    return True


def _time_to_start(folder: Path) -> float:
    """Seconds from the command to a training that is under way."""
    terminal = Terminal()
    began = time.monotonic()
    process = open_app(folder, terminal)
    watch(process, terminal, TIMEOUT, lambda: any(folder.glob("runs/*/checkpoints/step-*")))
    seconds = time.monotonic() - began
    process.terminate()
    watch(process, terminal, TIMEOUT)
    process.wait()
    terminal.close()
    return seconds
