"""The processes that train the trials, as the process of the sweep sees them."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import engine
from engine.sweeps.plan import Trial

Post = Callable[[Any, Mapping[str, Any] | None], None]
"""Takes a child and an answer of it, in a thread of its own; None when it ended."""


class TrialProcess(Protocol):
    """A process that trains one trial after the other, here or elsewhere.

    Attributes:
        trial: what it trains now, or None.
        ready: whether it ever answered.
        cores: those that it may use; None for its share of this machine's.
    """

    trial: Trial | None
    ready: bool
    cores: int | None

    def give(self, trial: Trial, order: Mapping[str, Any]) -> None:
        """Have it train a trial; if it is dead already, that will be told."""
        ...

    def answer(self, prune: bool) -> None:
        """Tell it after an epoch whether its trial is pruned, which it waits for if so ordered."""
        ...

    def leave(self) -> None:
        """Have it end; what it trains is saved first."""
        ...

    @property
    def idle(self) -> bool:
        """Whether it can be given a trial."""
        ...

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        ...


class Starter(Protocol):
    """What starts the processes of a sweep."""

    def can_start(self) -> bool:
        """Whether there is room for another one now.

        Raises:
            RunError: there will never be.
        """
        ...

    def start(self, post: Post) -> TrialProcess:
        """Start one.

        Raises:
            OSError: it cannot be started.
        """
        ...


_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


class ChildProcess:
    """A process that trains one trial after the other, see ``engine.sweeps.child``.

    It lives for as long as this process keeps its stdin open, so it ends when this one is killed.

    Args:
        post: gets its answers.
        folder: its working folder; that of this process by default.
        variables: of its environment, beside those of this process.

    Raises:
        OSError: the system has no process or no memory left.
    """

    cores: int | None = None

    def __init__(
        self, post: Post, folder: Path | None = None, variables: Mapping[str, str] | None = None
    ) -> None:
        self.trial: Trial | None = None
        self.ready = False
        self._left = False
        package = str(Path(engine.__file__).parents[1])
        found = os.environ.get("PYTHONPATH")
        own = {"PYTHONPATH": os.pathsep.join([package, *([found] if found else [])])}
        with signals_held_back():
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "engine.sweeps.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, **own, **(variables or {})},
                cwd=folder,
            )
        threading.Thread(target=self._read, args=[post], daemon=True).start()

    def _read(self, post: Post) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with suppress(ValueError):  # killed while it wrote the line
                post(self, json.loads(line))
        self._process.stdout.close()
        self._process.wait()
        post(self, None)

    def give(self, trial: Trial, order: Mapping[str, Any]) -> None:
        self.trial = trial
        self.send({"trial": trial.index, **order})

    def answer(self, prune: bool) -> None:
        self.send({"prune": prune})

    def send(self, line: Mapping[str, Any]) -> None:
        """Write it a line; if it is dead already, that will be told."""
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):
            self._process.stdin.write(json.dumps(line).encode() + b"\n")
            self._process.stdin.flush()

    def wait(self) -> None:
        """Wait until it has ended."""
        self._process.wait()

    def leave(self) -> None:
        assert self._process.stdin is not None
        self._left = True
        with suppress(OSError):
            self._process.stdin.close()

    @property
    def idle(self) -> bool:
        return self.trial is None and not self._left

    @property
    def ending(self) -> str:
        code = self._process.returncode
        if code is not None and code < 0:
            with suppress(ValueError):
                return f"killed by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"


@contextmanager
def signals_held_back() -> Iterator[None]:
    """Have a new process begin with its signals held back, until it ignores them.

    Those that come meanwhile for this process are delivered afterwards.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    numbers = {getattr(signal, name) for name in _SIGNALS}
    old = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old)
