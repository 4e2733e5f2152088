"""Controls of a running session, safe to use from any thread."""

import math
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from engine.train.snapshot import Snapshot


@dataclass(frozen=True)
class PendingRequests:
    """The requests to a session that it has not carried out yet."""

    stop: str | None
    paused: bool
    lr: float | None
    checkpoint: bool
    snapshots: tuple[Future[Snapshot], ...]


class Controls:
    """Requests to a session, which reads them between batches, at least ten times a second."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._has_new = False
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

        self._request(hold)

    def resume(self) -> None:
        """Continue after ``pause``."""

        def run() -> None:
            self._paused = False
            self._single_steps = 0

        self._request(run)

    def step(self) -> None:
        """Train one more batch, then hold."""

        def one_more() -> None:
            self._paused = True
            self._single_steps += 1

        self._request(one_more)

    def stop(self, reason: str = "stopped") -> None:
        """Save a checkpoint and end, before the next batch. The first reason counts."""
        self._request(lambda: setattr(self, "_stop", self._stop or reason))

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
        self._request(lambda: setattr(self, "_lr", lr))

    def checkpoint_now(self) -> None:
        """Save a checkpoint before the next batch."""
        self._request(lambda: setattr(self, "_checkpoint", True))

    def request_snapshot(self) -> Future[Snapshot]:
        """Ask for a snapshot after the next batch, or at once while paused.

        Returns:
            A future; it is cancelled if the session ends, or has ended, without a network.
        """
        future: Future[Snapshot] = Future()
        self._request(lambda: self._snapshots.append(future))
        if self._closed:
            self.close()
        return future

    @property
    def paused(self) -> bool:
        """Whether the session is paused, or will be before the next batch."""
        return self._paused

    @property
    def stop_reason(self) -> str | None:
        """The reason that was given for a stop, or None."""
        return self._stop

    def take(self) -> PendingRequests:
        """All pending requests; each is returned once, but for ``stop`` and ``paused``."""
        with self._changed:
            holds = self._paused and self._single_steps == 0
            pending = PendingRequests(
                self._stop, holds, self._lr, self._checkpoint, tuple(self._snapshots)
            )
            self._lr, self._checkpoint, self._snapshots = None, False, []
            self._has_new = False
            return pending

    def take_step(self) -> None:
        """Use up one single step, if there are any: a batch begins."""
        with self._changed:
            self._single_steps = max(0, self._single_steps - 1)

    def wait(self, seconds: float) -> None:
        """Wait for a request since the last ``take``, at most this long."""
        with self._changed:
            self._changed.wait_for(lambda: self._has_new, seconds)

    def close(self) -> None:
        """Cancel all snapshots asked for, now or later: the session is over."""
        with self._changed:
            self._closed = True
            for future in self._snapshots:
                future.cancel()
            self._snapshots = []

    def _request(self, change: Callable[[], None]) -> None:
        with self._changed:
            change()
            self._has_new = True
            self._changed.notify_all()
