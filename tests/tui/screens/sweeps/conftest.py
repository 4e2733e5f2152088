"""A working folder with a sweep, and its screen."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.support.app_pilot import Until, on_screen, tap
from tests.support.made_up_sweeps import make_sweep
from tui.app import CnnApp
from tui.screens.sweeps.screen import SweepsScreen

Open = Callable[[Pilot[int]], Awaitable[SweepsScreen]]


@pytest.fixture
def sweep(home: Path) -> Path:
    """A sweep of two learning rates with two seeds each, all finished."""
    return make_sweep(home / "sweeps", weights=True)


@pytest.fixture
def open_sweeps(until: Until) -> Open:
    """Goes to the screen, and waits until the sweeps are read and drawn."""

    async def opened(pilot: Pilot[int]) -> SweepsScreen:
        app = pilot.app
        assert isinstance(app, CnnApp)
        await tap(pilot, "7")
        screen = await on_screen(pilot, SweepsScreen)
        await until(pilot, lambda: screen.ready and screen.store.sweeps is not None)
        await until(pilot, lambda: not app.jobs)
        return screen

    return opened
