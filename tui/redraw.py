"""How often to look at a training, and to redraw numbers that change all the time."""

import time

TURN = 0.47
"""Seconds; two ticks of the app."""

INTERVAL = 1.0
"""Seconds between two looks at a training: numbers that change faster cannot be followed."""
REST = 20
"""Seconds of rest for every second that a look took: it takes a twentieth of a core at most."""


class Pace:
    """When to look again at a network that trains.

    Attributes:
        due: whether it is time; for what a user asks for it always is.
    """

    def __init__(self) -> None:
        self._next = 0.0

    @property
    def due(self) -> bool:
        return time.monotonic() >= self._next

    def rest(self, seconds: float, least: float = INTERVAL) -> None:
        """Wait, now that something was found out about the training.

        Args:
            seconds: processor time that it took.
            least: seconds to wait at least.
        """
        self._next = max(self._next, time.monotonic() + max(least, REST * seconds))


class RedrawTimer:
    """Redraws at once for other content, and at every other tick for other numbers.

    Every drawing while a network trains takes something from the training, and nobody reads
    numbers that change four times a second. All go by one clock: what shows the same number in
    two places shows the same one.
    """

    def __init__(self) -> None:
        self._last: object = None

    def due(self, what: object) -> bool:
        """Whether to draw now; ``what`` is compared with that of the last drawing."""
        now = (what, int(time.monotonic() / TURN))
        if now == self._last:
            return False
        self._last = now
        return True
