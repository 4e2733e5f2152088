"""How long tests wait for something that is about to come true: as long as a busy machine takes.

Waiting ends as soon as it is true, so that only a test that fails takes this long.
"""

import time
from collections.abc import Callable

PATIENCE = 120.0
"""Seconds."""


def wait_until(
    condition: Callable[[], object],
    *,
    why: Callable[[], object] = lambda: "it never came true",
    patience: float = PATIENCE,
) -> None:
    """Wait until a condition is true.

    Args:
        condition: what is waited for.
        why: what to say where it is not, e.g. what the screen shows.
        patience: seconds.
    """
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, why()
        time.sleep(0.005)
