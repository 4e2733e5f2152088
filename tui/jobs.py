"""Jobs on background threads, which never keep the app from quitting.

Textual's own thread workers are waited for when the app ends, however long they take. These are
daemon threads: they are asked to stop, and one that does not check ``cancelled`` is abandoned.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from textual.message import Message
from textual.message_pump import MessagePump


class JobEnded(Message):
    """The end of a job; the app then calls its callback."""

    bubble = False

    def __init__(self, job: "Job") -> None:
        super().__init__()
        self.job = job


class Job:
    """Work on a background thread.

    Attributes:
        cancelled: whether it was told to stop; the work looks at it as often as it can.
        label, done, total: its progress, set by ``report``.
        running: whether the thread is still at it.
        seconds: processor time that its thread has used, once it has ended.

    Args:
        pump: gets ``JobEnded``: the app.
        work: called with the job, in the thread; its result goes to ``on_done``.
        on_done: called with the result in the app's thread, unless it was cancelled.
        on_error: the same with an exception.
    """

    def __init__(
        self,
        pump: MessagePump,
        work: Callable[["Job"], Any],
        *,
        on_done: Callable[[Any], None] = lambda result: None,
        on_error: Callable[[Exception], None] | None = None,
        name: str = "job",
    ) -> None:
        self.cancelled = False
        self.label, self.done, self.total = "", 0, 0
        self.seconds = 0.0
        self.on_done, self.on_error = on_done, on_error
        self.result: Any = None
        self.error: Exception | None = None
        self._pump, self._work = pump, work
        self._thread = threading.Thread(target=self._run, name=f"cnn-tui-{name}", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def cancel(self) -> None:
        """Ask it to stop; neither ``on_done`` nor ``on_error`` is called after that."""
        self.cancelled = True

    def report(self, label: str, done: int, total: int) -> None:
        """Report progress, from the thread; fits the engine's ``progress`` arguments."""
        self.label, self.done, self.total = label, done, total

    def join(self, seconds: float) -> None:
        """Wait for the thread, at most so long."""
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            self.result = self._work(self)
        except Exception as error:
            self.error = error
        self.seconds = time.thread_time()
        self._pump.post_message(JobEnded(self))
