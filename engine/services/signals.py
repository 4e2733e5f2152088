"""Signals that end a command or the app: cleanly, and within a limited time.

A signal sets a flag and never interrupts a write. The main thread then has a limited time to
finish; after it, a watchdog thread ends the process, even where no Python code of the main thread
runs any more (a disk, a pipe or a terminal that does not answer).
"""

import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType, TracebackType

from engine.errors import Cancelled, EngineError, ExitCode

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")

GRACE = 40.0
"""Seconds from the first signal to the end, at most: a checkpoint on a slow disk takes some."""
_MOMENT = 1.0
"""Seconds that the main thread has to act on a second Ctrl-C."""


def write_if_possible(descriptor: int, content: bytes) -> None:
    """Write to a terminal or a pipe, unless that would block."""
    with suppress(OSError, ValueError):
        if select.select([], [descriptor], [], 0)[1]:
            os.write(descriptor, content)


class Interrupted(EngineError):
    """A signal ended a command before it was done.

    Attributes:
        exit_code: 128 + the signal's number, as shells have it: 130, 143 or 129.
    """

    def __init__(self, number: int) -> None:
        self.exit_code = ExitCode.of_signal(number)
        super().__init__(f"stopped by {signal.Signals(number).name}")


class LastResort:
    """Watchdog that ends the process if it has not ended by itself within a given time.

    Args:
        before: called in the watchdog's thread just before it ends the process.
        counts: whether a signal starts the countdown.

    Attributes:
        wakeup: a descriptor for ``signal.set_wakeup_fd``; the number of a signal written to it
            starts the countdown.
    """

    def __init__(
        self,
        before: Callable[[], None] = lambda: None,
        counts: Callable[[int], bool] = lambda number: False,
    ) -> None:
        self._before = before
        self._counts = counts
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._deadline: float | None = None
        self._signalled = False
        self._code = 0
        self.wakeup = self._writer.fileno()
        threading.Thread(target=self._watch, name="cnn-tui-last-resort", daemon=True).start()

    def begin(self, exit_code: int, seconds: float | None = None) -> None:
        """Start the countdown; of several calls, the first exit code and the earliest end count.

        Args:
            exit_code: of the process.
            seconds: until its end; None for ``GRACE``.
        """
        end = time.monotonic() + (GRACE if seconds is None else seconds)
        if self._deadline is None:
            self._code, self._deadline = exit_code, end
        self._deadline = min(self._deadline, end)
        with suppress(OSError):
            self._writer.send(b"\0")  # no signal: it only has the thread look at the time

    def call_off(self) -> None:
        """Stop the watchdog."""
        self._writer.close()

    def _watch(self) -> None:
        with self._reader:
            while True:
                left = None if self._deadline is None else self._deadline - time.monotonic()
                if left is not None and left <= 0:
                    break
                self._reader.settimeout(left)
                try:
                    received = self._reader.recv(64)
                except TimeoutError:
                    break
                if not received:
                    return
                for number in filter(self._counts, received):
                    if self._signalled and number == signal.SIGINT:
                        self._code = ExitCode.of_signal(number)
                        self._deadline = time.monotonic() + _MOMENT
                    self._signalled = True
                    self.begin(ExitCode.of_signal(number))
        self._before()
        os._exit(self._code)


class Signals:
    """Handlers of SIGINT, SIGTERM and SIGHUP, as a context manager.

    The first signal calls ``on_signal``; a second Ctrl-C ends the process at once, and so does the
    watchdog ``GRACE`` seconds after the first signal. A signal that is ignored stays ignored
    (``nohup``). Work that was cancelled for a signal leaves the context as ``Interrupted``.

    Attributes:
        received: the first signal's number, or None.
        relayed: the number of a signal that another process of the same work has received.
        on_signal: called in the handler with the signal's name; it must only set flags.
        last_resort: the watchdog.

    Args:
        on_signal: see above.
        on_leave: restores the terminal; called before a second Ctrl-C or the watchdog ends the
            process, in the handler or in another thread.
    """

    def __init__(
        self,
        on_signal: Callable[[str], None] = lambda name: None,
        on_leave: Callable[[], None] = lambda: None,
    ) -> None:
        self.received: int | None = None
        self.relayed: int | None = None
        self.on_signal = on_signal
        self._on_leave = on_leave
        self._wakeup = -1
        self._old: dict[int, Callable[[int, FrameType | None], object] | int] = {}

    @property
    def exit_code(self) -> int | None:
        """128 + the signal's number, as shells have it: 130, 143 or 129; None without one."""
        number = self.relayed if self.received is None else self.received
        return None if number is None else ExitCode.of_signal(number)

    def relay(self, number: int) -> None:
        """Act on a signal that came to another process; it may come here as well."""
        self.relayed = number
        self.on_signal(signal.Signals(number).name)

    def check(self) -> None:
        """Raise if a signal was received.

        Raises:
            Interrupted: one was.
        """
        if self.received is not None:
            raise Interrupted(self.received)

    def __enter__(self) -> "Signals":
        self.last_resort = LastResort(self._give_up, self._is_ours)
        self._wakeup = signal.set_wakeup_fd(self.last_resort.wakeup, warn_on_full_buffer=False)
        for name in _NAMES:
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            handler = None if number is None else signal.getsignal(number)
            if number is not None and handler not in (None, signal.SIG_IGN):
                signal.signal(number, self._handle)
                self._old[number] = handler
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        self.last_resort.call_off()
        if isinstance(value, Cancelled) and self.received is not None:
            raise Interrupted(self.received) from None

    def _is_ours(self, number: int) -> bool:
        return number in self._old and signal.getsignal(number) == self._handle

    def _give_up(self) -> None:
        self._on_leave()
        if self.received is not None:
            name = signal.Signals(self.received).name
            write_if_possible(2, f"{name}: it did not end within {GRACE:.0f} s\n".encode())

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            if number == signal.SIGINT:
                self._on_leave()
                os._exit(ExitCode.of_signal(number))
            return
        self.received = number
        self.on_signal(signal.Signals(number).name)
