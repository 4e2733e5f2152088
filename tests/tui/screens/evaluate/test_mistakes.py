"""Mistakes: the images that a network does worst on, in two orders, and what leads on from them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.services.evaluation.evaluate import worst_images
from tests.support.app_pilot import Until, on_screen, seen, settled, tap
from tests.support.run_makers import make_run
from tests.tui.screens.evaluate.test_screen import evaluated, measurement, save_newer
from tui.app import CnnApp
from tui.charts.layer_images import as_pictures
from tui.screens.evaluate import screen as module
from tui.screens.evaluate.mistakes import screen as mistakes_module
from tui.screens.evaluate.mistakes.screen import MistakesScreen, WorstImage, WorstImages
from tui.screens.evaluate.screen import EvaluateScreen
from tui.screens.inspect.screen import InspectScreen
from tui.screens.inspect.why.screen import WhyScreen

MakeApp = Callable[..., CnnApp]


async def test_the_list_is_that_of_the_evaluation_in_both_orders(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    make_run(home / "runs")
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        evaluate = await evaluated(app, pilot, until)
        assert evaluate.found is not None
        result = evaluate.found.result
        await tap(pilot, "m")
        screen = await on_screen(pilot, MistakesScreen)
        table = screen.query_one(WorstImages)
        by_loss = worst_images(result, "loss", 500)
        assert table.keys == [str(index) for index in by_loss]
        first = [cell for cell, _ in table.rows[0]]
        assert first[0] == f"#{by_loss[0]}"
        assert float(first[4]) == pytest.approx(result.losses.max(), abs=1e-4)
        await tap(pilot, "down", "s")
        by_confidence = worst_images(result, "confidence", 500)
        assert table.keys == [str(index) for index in by_confidence]
        assert table.cursor == 0
        assert all(row[2][0].startswith("✗ ") for row in table.rows)
        await settled(pilot, until)
        expected = as_pictures(evaluate.found.test.images[by_confidence[:1]])
        assert np.array_equal(screen.query_one(WorstImage).pictures, expected)
        await tap(pilot, "y")
        why = await on_screen(pilot, WhyScreen)
        await until(pilot, lambda: why.found is not None)
        assert why.found is not None
        assert why.found.subject.name == f"#{by_confidence[0]}"
        await tap(pilot, "escape")
        await on_screen(pilot, MistakesScreen)
        await tap(pilot, "enter")
        inspect = await on_screen(pilot, InspectScreen)
        assert (inspect.inspector.sample, inspect.wants_maps) == (by_confidence[0], True)
        await tap(pilot, "6")
        await on_screen(pilot, MistakesScreen)
        await tap(pilot, "escape")
        await on_screen(pilot, EvaluateScreen)


async def test_newer_weights_are_told_and_listed_with_one_key(
    make_app: MakeApp, home: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(home / "runs")
    app = make_app()
    newer = save_newer(app, monkeypatch)
    async with app.run_test(size=(80, 24)) as pilot:
        evaluate = await evaluated(app, pilot, until)
        assert evaluate.found is not None
        result = evaluate.found.result
        right = replace(result, predictions=result.labels)
        later = replace(evaluate.found, result=right)
        monkeypatch.setattr(mistakes_module, "measured", lambda *args: later)
        await tap(pilot, "m")
        screen = await on_screen(pilot, MistakesScreen)
        await tap(pilot, "e")
        assert any("the newest weights that there are" in n.message for n in app._notifications)
        newer.extend(screen.asked)
        await until(pilot, lambda: "newer weights: e" in seen(app))
        await tap(pilot, "e")
        await until(pilot, lambda: "0 of 1,000 are wrong" in seen(app) and "epoch 9" in seen(app))
        assert "newer weights" not in seen(app)
        image = screen.image()
        assert image is not None
        assert image.selection.what == "best weights, epoch 9"
        await tap(pilot, "y")
        why = await on_screen(pilot, WhyScreen)
        await until(pilot, lambda: why.found is not None)
        before = why.found
        newer.extend(why.asked)
        await until(pilot, lambda: "newer weights: e" in seen(app))
        await tap(pilot, "e")
        await until(pilot, lambda: why.found is not before and why.found is not None)


async def test_nan_and_names_of_strangers_are_shown_as_text(
    make_app: MakeApp, home: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = measurement(("[b]cat[/b]", "d\x1b[31mog", "owl\u202e"), colour=True, nans=3)
    found.result.losses[-3:] = found.result.confidences[-3:] = np.nan
    monkeypatch.setattr(module, "measure", lambda *args, **more: found)
    make_run(home / "runs")
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await evaluated(app, pilot, until)
        await tap(pilot, "m")
        screen = await on_screen(pilot, MistakesScreen)
        rows = screen.query_one(WorstImages).rows
        assert [cell for cell, _ in rows[0]] == ["#87", "owl\ufffd", "✗ nothing", "nan", "nan"]
        assert rows[3][2][0] == "✗ d\ufffd[31mog"
        await until(pilot, lambda: "predicted as nothing: its numbers are NaN" in seen(app))


async def test_without_a_mistake_it_is_said(
    make_app: MakeApp, home: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = measurement()
    found.result.predictions[:] = found.result.labels
    monkeypatch.setattr(module, "measure", lambda *args, **more: found)
    make_run(home / "runs")
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await evaluated(app, pilot, until)
        await tap(pilot, "m")
        screen = await on_screen(pilot, MistakesScreen)
        assert screen.query_one(WorstImages).rows[0][2][0].startswith("✓ ")
        await tap(pilot, "s", "y")
        assert app.screen is screen
        await until(pilot, lambda: "no mistakes" in seen(app))
        await until(pilot, lambda: "Every image is predicted right." in seen(app))
        assert any("no mistake in the list" in n.message for n in app._notifications)
