"""Compare: two confusion matrices, their difference, and the cells that changed most."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engine.data import Split
from engine.metrics import confusion_matrix
from engine.services.evaluation.evaluate import Measurement
from tests.support.app_pilot import Until, on_screen, seen, tap
from tests.support.proofs import rest_as_proofs
from tests.support.run_makers import CONV, make_run
from tests.tui.screens.evaluate.test_screen import evaluated, measurement, save_newer
from tui.app import CnnApp
from tui.screens.dialogs import Choose
from tui.screens.evaluate import screen as module
from tui.screens.evaluate.compare import screen as compare_module
from tui.screens.evaluate.compare.screen import ChangedCells, CompareScreen
from tui.screens.evaluate.heatmap import Heatmap
from tui.screens.evaluate.screen import EvaluateScreen

MakeApp = Callable[..., CnnApp]


def better() -> Measurement:
    """Of the ten cats that were taken for dogs, six are found; and one owl is taken for a cat."""
    found = measurement()
    predictions = found.result.predictions.copy()
    predictions[:6], predictions[89] = 0, 0
    return replace(
        found,
        result=replace(found.result, predictions=predictions, acc=80 / 90),
        confusion=confusion_matrix(found.result.labels, predictions, 3),
    )


@pytest.fixture
def two_runs(make_app: MakeApp, home: Path, monkeypatch: pytest.MonkeyPatch) -> CnnApp:
    """An app with two runs, the newer one worse, whose evaluations take no time."""
    monkeypatch.setattr(module, "measure", lambda *args, **more: measurement())
    monkeypatch.setattr(compare_module, "measured", lambda *args: better())
    make_run(home / "runs", "20260101-000000-older-00aa")
    make_run(home / "runs", "20260102-000000-newer-00bb")
    return make_app()


@pytest.mark.parametrize("size", rest_as_proofs([(80, 24), (200, 60)]))
async def test_both_matrices_and_their_difference(
    two_runs: CnnApp, until: Until, size: tuple[int, int]
) -> None:
    app = two_runs
    async with app.run_test(size=size) as pilot:
        await evaluated(app, pilot, until)
        await tap(pilot, "c")
        choice = await on_screen(pilot, Choose)
        assert "newer" not in seen(app).split("Compare with which run?")[1]
        await tap(pilot, "enter")
        screen = await on_screen(pilot, CompareScreen)
        await until(pilot, lambda: screen.found)
        assert choice is not app.screen
        rows = [[cell for cell, _ in row] for row in screen.query_one(ChangedCells).rows]
        assert rows == [
            ["cat", "cat (right)", "20", "26", "+6 ✓"],
            ["cat", "dog", "10", "4", "-6 ✓"],
            ["owl", "cat", "0", "1", "+1 ✗"],
            ["owl", "owl (right)", "30", "29", "-1 ✗"],
        ]
        difference = screen.query_one("#difference", Heatmap)
        await until(pilot, lambda: "+6" in difference.render_line(2).text)
        assert "-6" in difference.render_line(2).text
        await until(pilot, lambda: "both right 74  A alone 1  B alone 6  neither 9" in seen(app))
        await until(pilot, lambda: "B minus A +0.05" in seen(app))
        shown = [pane.id for pane in screen.query(".matrix") if pane.display]
        assert len(shown) == (3 if size[0] == 200 else 1)
        await tap(pilot, "n", "n")
        assert {heatmap.cursor for heatmap in screen.query(Heatmap)} == {(2, 0)}
        assert screen.query_one(ChangedCells).key == "2 0"
        await until(pilot, lambda: "owl predicted as cat: A 0, B 1 (+1)" in seen(app))
        await tap(pilot, "m")
        await until(pilot, lambda: screen.focused is screen.query_one("#first-matrix"))
        await tap(pilot, "up", "up")
        await until(pilot, lambda: difference.cursor == (0, 0))
        await tap(pilot, "escape")
        await on_screen(pilot, EvaluateScreen)


async def test_only_runs_of_the_same_data_set_are_offered(
    make_app: MakeApp, home: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "measure", lambda *args, **more: measurement())
    make_run(
        home / "runs", "20260101-000000-other-00aa", config=CONV.replace("mnist_mini", "kmnist")
    )
    make_run(home / "runs", "20260102-000000-newer-00bb")
    app = make_app()
    async with app.run_test() as pilot:
        screen = await evaluated(app, pilot, until)
        await tap(pilot, "c")
        await until(
            pilot, lambda: any("no other run of the same" in n.message for n in app._notifications)
        )
        assert app.screen is screen


async def test_newer_weights_of_either_are_told_and_compared(
    two_runs: CnnApp, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = two_runs
    newer = save_newer(app, monkeypatch)
    async with app.run_test(size=(80, 24)) as pilot:
        await evaluated(app, pilot, until)
        await tap(pilot, "c")
        await on_screen(pilot, Choose)
        await tap(pilot, "enter")
        screen = await on_screen(pilot, CompareScreen)
        await until(pilot, lambda: screen.found)
        assert screen.refuse("newest") == "these are the newest weights that there are"
        newer.append(screen.asked[0])
        await until(pilot, lambda: "newer weights: e" in seen(app))
        await tap(pilot, "e")
        await until(pilot, lambda: "epoch 9" in seen(app) and screen.job is None)
        assert screen.found is not None
        assert screen.found.first.result.acc == better().result.acc, "A was evaluated again"
        assert not screen.found.difference.any()
        assert "newer weights" not in seen(app)


async def test_other_images_are_refused_in_one_line(
    two_runs: CnnApp, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, found = two_runs, better()
    other = replace(found, test=Split(found.test.images, found.test.labels[::-1].copy()))
    monkeypatch.setattr(compare_module, "measured", lambda *args: other)
    async with app.run_test() as pilot:
        await evaluated(app, pilot, until)
        await tap(pilot, "c")
        await on_screen(pilot, Choose)
        await tap(pilot, "enter")
        await on_screen(pilot, CompareScreen)
        await until(pilot, lambda: "✗ the two cannot be compared" in seen(app))
        await tap(pilot, "n")
        assert any("nothing to compare" in n.message for n in app._notifications)
