"""What the tests of the app share."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from textual import events
from textual.app import App
from textual.message_pump import MessagePump
from textual.pilot import Pilot
from textual.screen import Screen

from tests.support.patience import PATIENCE
from tui.app import CnnApp


async def until(
    pilot: Pilot, condition: Callable[[], object], why: Callable[[], object] | None = None
) -> None:
    """Wait until a condition is true; ``pilot.pause`` would wait for an idle processor."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, why() if why else seen(pilot.app)
        await asyncio.sleep(0.02)


async def let_messages_through(app: App[Any]) -> None:
    """Wait until the app, its screen and all widgets have done what they were told.

    Textual's own test harness takes a process that computes little for one that has nothing to do,
    which on a busy machine it is not. Thrice, as one message often makes another.
    """
    for _ in range(3):
        waiting: list[tuple[MessagePump, asyncio.Event]] = []
        screens = app.screen_stack[-1:] if app.is_running else []
        for pump in (
            app,
            *(node for screen in screens for node in screen.walk_children(with_self=True)),
        ):
            done = asyncio.Event()
            if pump.call_later(done.set):
                waiting.append((pump, done))
        deadline = time.monotonic() + PATIENCE
        while any(pump.is_running and not done.is_set() for pump, done in waiting):
            if app._exit or app._exception is not None or time.monotonic() > deadline:
                return
            await asyncio.sleep(0.001)


Until = Callable[[Pilot, Callable[[], object]], Awaitable[None]]


async def tap(pilot: Pilot, *keys: str) -> None:
    """Press keys while something trains; ``pilot.press`` would wait for an idle processor.

    Each has been handled when the next one is pressed, but a screen that it opens may not be
    there yet: ``on_screen`` waits for that.
    """
    for key in keys:
        pilot.app.simulate_key(key)
        await let_messages_through(pilot.app)


AnyScreen = TypeVar("AnyScreen", bound=Screen[Any])


async def on_screen(pilot: Pilot, kind: type[AnyScreen]) -> AnyScreen:
    """Wait until a screen of a class is shown and has its widgets; return it."""
    app = pilot.app
    await until(
        pilot,
        lambda: (
            isinstance(app.screen, kind) and getattr(app.screen, "ready", app.screen.is_mounted)
        ),  # dialogs have no ``ready``
    )
    screen = app.screen
    assert isinstance(screen, kind)
    return screen


async def burst(pilot: Pilot, *keys: str, gap: float = 0.0) -> None:
    """Press keys as a machine does: the next is there before the one before it took effect."""
    for key in keys:
        name = {" ": "space"}.get(key, key)
        pilot.app.post_message(events.Key(name, key if len(key) == 1 else None))
        await asyncio.sleep(gap)
    await pilot.pause()


def write_slow(home: Path, epochs: int = 500, limit: int = 4000) -> None:
    """A config that trains for longer than a test."""
    text = (home / "configs" / "tiny.yaml").read_text()
    text = text.replace("epochs: 2 ", f"epochs: {epochs} ").replace("limit: 600", f"limit: {limit}")
    text = text.replace("batch_size: 64", "batch_size: 16")
    (home / "configs" / "slow.yaml").write_text(text)


@asynccontextmanager
async def training(app: CnnApp, until: Until) -> AsyncIterator[Pilot[int]]:
    """The app while it trains what it has opened; the training is stopped in the end."""
    async with app.run_test() as pilot:
        await tap(pilot, "r")
        await until(pilot, lambda: app.training.started)
        yield pilot
        if app.is_running:
            app.training.stop()
            await until(pilot, lambda: not app.training.running)


def seen(app: App[Any]) -> str:
    """What is on the screen, line by line."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


async def settled(pilot: Pilot, until: Until) -> None:
    """Wait until no job is under way, and what came of them is drawn."""
    app = pilot.app
    assert isinstance(app, CnnApp)
    await until(pilot, lambda: getattr(app.screen, "ready", True) and not app.jobs)
    await pilot.pause()
    await until(pilot, lambda: not app.jobs)
