"""Hand the terminal to another program, and take it back however that ends."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tui.app import CnnApp

if sys.platform != "win32":
    import termios

_LOOK = 0.1
"""Seconds between two looks at whether a signal asked the app to leave."""
_PATIENCE = 2.0
"""Seconds that the other program has to end after it was asked to."""


def run_on_terminal(app: "CnnApp", command: Sequence[str]) -> None:
    """Run a program on the app's terminal until it ends; a signal to the app ends it as well.

    Args:
        app: whose terminal it is.
        command: the program and its arguments.

    Raises:
        SuspendNotSupported: the terminal cannot be handed over.
        OSError, ValueError: it cannot be started.
        ChildProcessError: it was killed, or says by its exit code that it failed.
    """
    with _handed_over(app):
        code = _run(app, command)
    if code < 0:
        raise ChildProcessError(f"ended by {signal.Signals(-code).name}")
    if code > 0:
        raise ChildProcessError(f"ended with exit code {code}")


def _run(app: "CnnApp", command: Sequence[str]) -> int:
    program = subprocess.Popen(command)
    while True:
        with suppress(subprocess.TimeoutExpired):
            return program.wait(_LOOK)
        if app.signals is not None and app.signals.received is not None:
            program.terminate()
            with suppress(subprocess.TimeoutExpired):
                return program.wait(_PATIENCE)
            program.kill()


@contextmanager
def _handed_over(app: "CnnApp") -> Iterator[None]:
    """Textual's ``suspend``, which takes the terminal back only if nothing is raised."""
    problem: BaseException | None = None
    with app.suspend():
        before, interrupt = _attributes(), signal.getsignal(signal.SIGINT)
        # Ctrl-C is for the program that has the terminal; it comes to the app as well.
        signal.signal(signal.SIGINT, lambda *_: None)
        try:
            yield
        except BaseException as error:
            problem = error
        finally:
            signal.signal(signal.SIGINT, interrupt)
            _set_attributes(before)  # a killed program leaves its own
    if problem is not None:
        raise problem


def _attributes() -> Any:
    if sys.platform == "win32":
        return None
    try:
        return termios.tcgetattr(0)
    except termios.error:
        return None


def _set_attributes(attributes: Any) -> None:
    if sys.platform != "win32" and attributes is not None:
        with suppress(termios.error):
            termios.tcsetattr(0, termios.TCSADRAIN, attributes)
