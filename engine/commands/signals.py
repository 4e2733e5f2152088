"""Signals ask a command to come to an end; they never end it in the middle of a write."""

import os
import signal
from collections.abc import Callable
from types import FrameType, TracebackType

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Signals:
    """While it is open, the first signal calls ``on_signal`` and a second Ctrl-C leaves at once.

    Attributes:
        received: the first signal's number, or None.

    Args:
        on_signal: called in the handler with the signal's name; it must only set flags.
    """

    def __init__(self, on_signal: Callable[[str], None] = lambda name: None) -> None:
        self.received: int | None = None
        self._on_signal = on_signal
        self._old: dict[int, object] = {}

    @property
    def exit_code(self) -> int | None:
        """128 + the signal's number, as shells have it: 130, 143 or 129; None without one."""
        return None if self.received is None else 128 + self.received

    def __enter__(self) -> "Signals":
        for name in _NAMES:
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None:
                self._old[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            if number == signal.SIGINT:
                os._exit(130)
            return
        self.received = number
        self._on_signal(signal.Signals(number).name)
