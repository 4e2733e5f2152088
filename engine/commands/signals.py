"""Signals ask a command to come to an end; they never end it in the middle of a write."""

import os
import signal
from collections.abc import Callable
from types import FrameType, TracebackType

from engine.data import FetchCancelledError
from engine.errors import EngineError

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Interrupted(EngineError):
    """A signal ended a command before it was done.

    Attributes:
        exit_code: 128 + the signal's number, as shells have it: 130, 143 or 129.
    """

    def __init__(self, number: int) -> None:
        self.exit_code = 128 + number
        super().__init__(f"stopped by {signal.Signals(number).name}")


class Signals:
    """While it is open, the first signal calls ``on_signal`` and a second Ctrl-C leaves at once.

    A signal that is ignored stays so: ``nohup`` asks for it. A download that was given up for a
    signal leaves as ``Interrupted``.

    Attributes:
        received: the first signal's number, or None.

    Args:
        on_signal: called in the handler with the signal's name; it must only set flags.
        on_leave: called in the handler before a second Ctrl-C leaves, to give the terminal back.
    """

    def __init__(
        self,
        on_signal: Callable[[str], None] = lambda name: None,
        on_leave: Callable[[], None] = lambda: None,
    ) -> None:
        self.received: int | None = None
        self._on_signal = on_signal
        self._on_leave = on_leave
        self._old: dict[int, Callable[[int, FrameType | None], object] | int] = {}

    @property
    def exit_code(self) -> int | None:
        """128 + the signal's number, as shells have it: 130, 143 or 129; None without one."""
        return None if self.received is None else 128 + self.received

    def check(self) -> None:
        """Leave if a signal asked for it.

        Raises:
            Interrupted: it did.
        """
        if self.received is not None:
            raise Interrupted(self.received)

    def __enter__(self) -> "Signals":
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
        if isinstance(value, FetchCancelledError) and self.received is not None:
            raise Interrupted(self.received) from None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            if number == signal.SIGINT:
                self._on_leave()
                os._exit(130)
            return
        self.received = number
        self._on_signal(signal.Signals(number).name)
