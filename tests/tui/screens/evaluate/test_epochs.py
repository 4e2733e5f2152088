"""Epochs: each class of a run from its first epoch to its last."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.films import film
from tests.support.app_pilot import Until, on_screen, seen, settled, tap
from tests.support.proofs import rest_as_proofs
from tests.support.run_makers import add_film, make_run
from tui.app import CnnApp
from tui.screens.evaluate.epochs.screen import ClassCurves, EpochsScreen
from tui.screens.evaluate.screen import EvaluateScreen

MakeApp = Callable[..., CnnApp]


@pytest.mark.parametrize("size", rest_as_proofs([(60, 16), (80, 24), (200, 60)]), ids=str)
async def test_every_class_has_a_line(
    make_app: MakeApp, home: Path, until: Until, size: tuple[int, int]
) -> None:
    add_film(make_run(home / "runs"))
    app = make_app()
    async with app.run_test(size=size) as pilot:
        await tap(pilot, "6")
        await on_screen(pilot, EvaluateScreen)
        await settled(pilot, until)
        await tap(pilot, "a")
        screen = await on_screen(pilot, EpochsScreen)
        await until(pilot, lambda: screen.found)
        await settled(pilot, until)
        assert screen.found is not None
        assert len(screen.query_one(ClassCurves).rows) == len(screen.found.classes)
        assert f"epochs 0 to 2, {len(screen.found.epochs)} moments" in " ".join(seen(app).split())
        assert any(block in seen(app) for block in "▂▃▄▅▆▇█")
        await tap(pilot, "escape")
        await on_screen(pilot, EvaluateScreen)


async def test_a_run_without_a_film_and_one_that_is_damaged_say_so(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    run = make_run(home / "runs")
    app = make_app()
    async with app.run_test() as pilot:
        await tap(pilot, "6")
        screen = await on_screen(pilot, EvaluateScreen)
        await settled(pilot, until)
        assert "kept no film" in str(screen.refuse("epochs"))
        add_film(run)
        film.frames(run)[-1].write_bytes(b"nothing")
        await tap(pilot, "a")
        epochs = await on_screen(pilot, EpochsScreen)
        await until(pilot, lambda: "its beginning is damaged" in " ".join(seen(app).split()))
        assert epochs.found is None
