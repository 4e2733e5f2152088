"""How often to redraw numbers that change all the time."""

import time

TURN = 0.47
"""Seconds; two ticks of the app."""


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
