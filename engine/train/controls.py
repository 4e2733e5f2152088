"""The levers of a running session, safe to pull from any thread."""

import math
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from engine.train.snapshot import Snapshot


@dataclass(frozen=True)
class Orders:
    """What the session was told since it last looked."""

    stop: str | None
    paused: bool
    lr: float | None
    checkpoint: bool
    snapshots: tuple[Future[Snapshot], ...]


class Controls:
    """Orders to a session. It reads them between two batches, at least every tenth of a second."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._news = False
        self._closed = False
        self._stop: str | None = None
        self._paused = False
        self._single_steps = 0
        self._lr: float | None = None
        self._checkpoint = False
        self._snapshots: list[Future[Snapshot]] = []

    def pause(self) -> None:
        """Hold before the next batch."""

        def hold() -> None:
            self._paused = True
            self._single_steps = 0

        self._order(hold)

    def resume(self) -> None:
        """Go on after ``pause``."""

        def go_on() -> None:
            self._paused = False
            self._single_steps = 0

        self._order(go_on)

    def step(self) -> None:
        """Train one more batch, then hold."""

        def one_more() -> None:
            self._paused = True
            self._single_steps += 1

        self._order(one_more)

    def stop(self, reason: str = "stopped") -> None:
        """Save a checkpoint and end, before the next batch. The first reason counts."""
        self._order(lambda: setattr(self, "_stop", self._stop or reason))

    def stop_from_signal(self, reason: str) -> None:
        """``stop`` without taking the lock: for signal handlers, which may interrupt its holder."""
        self._stop = self._stop or reason

    def set_lr(self, lr: float) -> None:
        """Set the learning rate; the rest of the schedule scales with it.

        Raises:
            ValueError: it is not a finite number above 0.
        """
        if not (math.isfinite(lr) and lr > 0):
            raise ValueError(f"the learning rate must be a finite number above 0, got {lr}")
        self._order(lambda: setattr(self, "_lr", lr))

    def checkpoint_now(self) -> None:
        """Save a checkpoint before the next batch."""
        self._order(lambda: setattr(self, "_checkpoint", True))

    def request_snapshot(self) -> Future[Snapshot]:
        """A look inside after the next batch (or at once, while paused).

        Returns:
            A future; it is cancelled if the session ends, or has ended, without a network.
        """
        future: Future[Snapshot] = Future()
        self._order(lambda: self._snapshots.append(future))
        if self._closed:
            self.close()
        return future

    @property
    def paused(self) -> bool:
        """Whether the session holds, or will before the next batch."""
        return self._paused

    @property
    def stop_reason(self) -> str | None:
        """Why it was told to stop, or None."""
        return self._stop

    def take(self) -> Orders:
        """All orders so far; each is given once, but for ``stop`` and ``paused``."""
        with self._changed:
            holds = self._paused and self._single_steps == 0
            orders = Orders(self._stop, holds, self._lr, self._checkpoint, tuple(self._snapshots))
            self._lr, self._checkpoint, self._snapshots = None, False, []
            self._news = False
            return orders

    def take_step(self) -> None:
        """A batch begins: while paused, it uses up one single step."""
        with self._changed:
            self._single_steps = max(0, self._single_steps - 1)

    def wait(self, seconds: float) -> None:
        """Wait for an order since the last ``take``, or for so long."""
        with self._changed:
            self._changed.wait_for(lambda: self._news, seconds)

    def close(self) -> None:
        """The session is over: what is still asked for, now or later, is cancelled."""
        with self._changed:
            self._closed = True
            for future in self._snapshots:
                future.cancel()
            self._snapshots = []

    def _order(self, change: Callable[[], None]) -> None:
        with self._changed:
            change()
            self._news = True
            self._changed.notify_all()
