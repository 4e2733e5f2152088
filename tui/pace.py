"""How often something is drawn whose numbers change all the time."""

import time


class Pace:
    """At once when it is something else, and every so often while only its numbers change.

    Every drawing while a network trains takes something from the training, and nobody reads
    numbers that change four times a second.

    Args:
        seconds: between two drawings of the same.
    """

    def __init__(self, seconds: float = 0.4) -> None:
        self.seconds = seconds
        self._what: object = None
        self._next = 0.0

    def due(self, what: object) -> bool:
        """Whether to draw now; ``what`` is compared with that of the last drawing."""
        now = time.monotonic()
        if what == self._what and now < self._next:
            return False
        self._what, self._next = what, now + self.seconds
        return True
