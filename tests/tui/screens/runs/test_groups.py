"""Groups of seeds in Runs: one row that opens, mean and std, a band, and what is left to train."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from engine.runs.groups import Place
from tests.support.app_pilot import Until, seen, tap
from tests.support.run_makers import make_run
from tests.support.runs_screen import column, facts, opened
from tui.app import CnnApp
from tui.screens.runs.facts import DiffTable
from tui.screens.runs.screen import RunChart, RunsScreen, RunTable

MakeApp = Callable[..., CnnApp]
Shown = Callable[[], AbstractAsyncContextManager[tuple[Pilot[int], RunsScreen]]]

GROUP = "seeds-0a0b0c"


@pytest.fixture
def grouped_runs(home: Path) -> Path:
    """A run by itself, the newest, and two finished seeds of a group of three."""
    root = home / "runs"
    make_run(root, "20260109-100000-alone-00ff")
    for index, accuracies in ((1, (0.5, 0.7)), (2, (0.7, 0.9))):
        make_run(
            root,
            f"20260101-10000{index}-net-000{index}",
            accuracies=accuracies,
            overrides=(f"seed={4 + index}",),
            group=Place(GROUP, index, 3).to_json(),
        )
    return root


@pytest.fixture
def shown(make_app: MakeApp, grouped_runs: Path, until: Until) -> Shown:
    """The app that shows these runs."""

    @asynccontextmanager
    async def opening() -> AsyncIterator[tuple[Pilot[int], RunsScreen]]:
        app = make_app()
        async with app.run_test(size=(120, 40)) as pilot:
            yield pilot, await opened(app, pilot, until)

    return opening


async def to_group(screen: RunsScreen, root: Path, pilot: Pilot[int], until: Until) -> None:
    screen.query_one(RunTable).move_to(str(root / GROUP))
    await until(pilot, lambda: GROUP in str(screen.query_one("#facts-pane").border_title))
    await until(pilot, lambda: not pilot.app.jobs)  # type: ignore[attr-defined]


async def test_a_group_is_one_row_that_opens_into_its_runs(
    shown: Shown, grouped_runs: Path, until: Until
) -> None:
    async with shown() as (pilot, screen):
        assert column(screen, 1) == ["alone", "▸ net 3 seeds"]
        assert column(screen, 3)[1] == "■ 2 of 3"
        assert column(screen, 5)[1] == "0.8000 ± 0.1414"
        await to_group(screen, grouped_runs, pilot, until)
        assert "std of 2 seeds (sample, n − 1)" in facts(screen)
        assert "R trains what is left" in facts(screen)
        for action in ("inspect", "evaluate", "gradients", "export", "delete"):
            assert "enter opens the group" in (screen.refuse(action) or "")
        await tap(pilot, "enter")
        assert column(screen, 1) == ["alone", "▾ net 3 seeds", "  seed 5", "  seed 6"]
        await tap(pilot, "down")
        assert screen.chosen is not None
        assert screen.chosen.record["seed"] == 5
        assert screen.refuse("inspect") is None, "a run of a group is a run"
        await tap(pilot, "up", "enter")
        assert column(screen, 1) == ["alone", "▸ net 3 seeds"]


async def test_a_group_is_drawn_as_its_mean_with_a_band(
    shown: Shown, grouped_runs: Path, until: Until
) -> None:
    async with shown() as (pilot, screen):
        await to_group(screen, grouped_runs, pilot, until)
        chart = screen.query_one(RunChart)
        await until(pilot, lambda: chart.picture.bands)
        (line,) = chart.picture.series
        (band,) = chart.picture.bands
        assert line.y == pytest.approx(np.array([0.6, 0.8]))
        assert band.high - band.low == pytest.approx(np.full(2, 2 * 0.1 * 2**0.5))
        await until(pilot, lambda: "⠕ mean ± std" in seen(screen.cnn))


async def test_a_group_is_compared_with_a_run(
    shown: Shown, grouped_runs: Path, until: Until
) -> None:
    async with shown() as (pilot, screen):
        await tap(pilot, "space")
        await to_group(screen, grouped_runs, pilot, until)
        await tap(pilot, "space")
        assert column(screen, 0) == ["a", "b"]
        await tap(pilot, "d")
        await until(pilot, lambda: isinstance(screen.focused, DiffTable))
        rows = [tuple(cell for cell, _ in row) for row in screen.query_one(DiffTable).rows]
        assert ("seed", "1", "[5, 6]") in rows
        screen.store.refresh()
        await until(pilot, lambda: not screen.cnn.jobs)
        assert len(screen.store.marked) == 2, "the group's mark outlives a refresh"


async def test_the_filter_keeps_a_group_whole(
    shown: Shown, grouped_runs: Path, until: Until
) -> None:
    async with shown() as (pilot, screen):
        await tap(pilot, "slash")
        await until(pilot, lambda: isinstance(screen.focused, Input))
        await tap(pilot, *"0002", "enter")
        await until(pilot, lambda: column(screen, 1) == ["▸ net 3 seeds"])
        assert column(screen, 5) == ["0.8000 ± 0.1414"]
        await tap(pilot, "escape", "slash")
        await until(pilot, lambda: isinstance(screen.focused, Input))
        await tap(pilot, *GROUP.replace("-", " "), "enter")
        await until(pilot, lambda: column(screen, 1) == ["▸ net 3 seeds"])


async def test_what_is_left_of_a_group_is_trained(
    shown: Shown, grouped_runs: Path, until: Until
) -> None:
    async with shown() as (pilot, screen):
        await to_group(screen, grouped_runs, pilot, until)
        await tap(pilot, "R")
        await until(pilot, lambda: screen.cnn.training.seeds)
        assert screen.cnn.training.seeds is not None
        assert screen.cnn.training.seeds.place == Place(GROUP, 3, 3)
        assert len(screen.cnn.training.seeds.curves) == 2
        assert screen.cnn.training.config is not None
        assert screen.cnn.training.config.seed == 7
        await until(pilot, lambda: not screen.cnn.training.running)
