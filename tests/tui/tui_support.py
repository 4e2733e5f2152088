"""What the tests of the app share."""

import asyncio
from collections.abc import Awaitable, Callable

from textual.pilot import Pilot

Until = Callable[[Pilot, Callable[[], object]], Awaitable[None]]


async def tap(pilot: Pilot, *keys: str) -> None:
    """Press keys while something trains; ``pilot.press`` would wait for an idle processor."""
    for key in keys:
        pilot.app.simulate_key(key)
        await asyncio.sleep(0.05)
