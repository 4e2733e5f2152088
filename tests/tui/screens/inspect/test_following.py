"""How often the views of a network look at it while it trains."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.app_pilot import (
    Until,
    let_messages_through,
    on_screen,
    tap,
    training,
    write_slow,
)
from tests.support.proofs import rest_as_proofs
from tui import jobs, redraw
from tui.app import CnnApp
from tui.screens.inspect.screen import InspectScreen

MakeApp = Callable[..., CnnApp]


@pytest.mark.parametrize("keys", rest_as_proofs(["ew", "e", "w", "y", ""]))
async def test_a_look_that_takes_three_seconds_is_followed_by_a_minute_of_rest(
    make_app: MakeApp, home: Path, until: Until, monkeypatch: pytest.MonkeyPatch, keys: str
) -> None:
    now = 1000.0
    monkeypatch.setattr(redraw, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(jobs, "time", SimpleNamespace(thread_time=lambda: 3.0))
    write_slow(home)
    app = make_app("slow")
    async with training(app, until) as pilot:
        await tap(pilot, "3")
        inspector = (await on_screen(pilot, InspectScreen)).inspector
        await until(pilot, lambda: inspector.inspection and not app.jobs)
        for depth, key in enumerate(keys, 2):
            await tap(pilot, key)
            await until(
                pilot,
                lambda depth=depth: (
                    len(app.screen_stack) == depth
                    and getattr(app.screen, "ready", False)
                    and not app.jobs
                ),
            )
        session = app.training.session
        assert session is not None

        async def still() -> bool:
            """Whether nothing more is looked at, though the training continues."""
            app.screen.refresh_tick()  # type: ignore[attr-defined]
            await until(pilot, lambda: not app.jobs)
            version = inspector.version
            for _ in range(3):
                step = session.progress.global_step
                await until(pilot, lambda step=step: session.progress.global_step > step)
                await let_messages_through(app)
                app.screen.refresh_tick()  # type: ignore[attr-defined]
            await until(pilot, lambda: not app.jobs)
            return inspector.version == version

        assert await still()
        now += 59
        assert await still()
        version = inspector.version
        now += 2
        await until(pilot, lambda: inspector.version > version and not app.jobs)
        assert await still()
        app.training.toggle_pause()
        await until(pilot, lambda: app.training.phase == "paused" and not app.jobs)
        step = session.progress.global_step
        app.training.step()
        await until(pilot, lambda: inspector.inspection and inspector.inspection.step == step + 1)
