"""Runs: listed, compared and opened; the broken ones too."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.content import Content
from textual.widgets import Input

from engine.runs.metrics_csv import append
from engine.storage.locks import Lock
from tests.support.app_pilot import Until, on_screen, tap, write_slow
from tests.support.proofs import rest_as_proofs
from tests.support.run_makers import make_run
from tests.support.runs_screen import ONE, TWO, column, facts, go_to, opened
from tui.app import CnnApp
from tui.screens.evaluate.screen import EvaluateScreen
from tui.screens.gradients.screen import GradientsScreen
from tui.screens.help import HelpScreen
from tui.screens.inspect.screen import InspectScreen
from tui.screens.runs.facts import DiffTable, WeightTable
from tui.screens.runs.screen import RunChart, RunTable
from tui.screens.train import curves

MakeApp = Callable[..., CnnApp]


async def test_all_runs_are_listed_the_broken_ones_with_their_reason(
    make_app: MakeApp, runs: Path, until: Until
) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        screen = await opened(app, pilot, until)
        await until(pilot, lambda: column(screen, 1) == ["bad", "cut", "two", "one"])
        assert column(screen, 3) == ["✗ broken", "■ stopped", "✓ finished", "✓ finished"]
        await until(pilot, lambda: "not JSON" in facts(screen))
        await go_to(screen, runs / TWO, pilot, until)
        assert "1,234 parameters, seed 7" in facts(screen)
        weights = [row[0][0] for row in screen.query_one(WeightTable).rows]
        assert weights == ["finished", "best"]
        assert screen.query_one(RunChart).picture.series[0].y.tolist() == [0.6, 0.9]
        assert isinstance(screen.focused, RunTable)
        await pilot.press("question_mark")
        await on_screen(pilot, HelpScreen)


async def test_without_runs_it_says_what_to_do(make_app: MakeApp, until: Until) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        screen = await opened(app, pilot, until)
        await until(pilot, lambda: "No runs yet" in str(screen.query_one("#nothing").render()))
        await tap(pilot, "i")
        assert any("no runs yet" in n.message for n in app._notifications)


async def test_a_folder_that_cannot_be_read_says_so(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    (home / "runs").write_text("a file")
    app = make_app()
    async with app.run_test() as pilot:
        screen = await opened(app, pilot, until)
        await until(pilot, lambda: "✗" in str(screen.query_one("#nothing").render()))
        assert "runs_dir" in str(screen.query_one("#nothing").render())


async def test_marked_runs_are_compared(make_app: MakeApp, runs: Path, until: Until) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        screen = await opened(app, pilot, until)
        assert screen.refuse("diff") is not None
        for run in (TWO, ONE):
            await go_to(screen, runs / run, pilot, until)
            await pilot.press("space")
        assert column(screen, 0) == ["", "", "a", "b"]
        curve = screen.query_one(RunChart)
        assert [series.name for series in curve.picture.series] == ["a", "b"]
        await pilot.press("m")
        assert curve.picture.series[0].y == pytest.approx(np.array([0.5, 0.2]))
        await pilot.press("y")
        assert curve.picture.log
        await pilot.press("d")
        await until(pilot, lambda: isinstance(screen.focused, DiffTable))
        rows = [tuple(text for text, _ in row) for row in screen.query_one(DiffTable).rows]
        assert rows == [("seed", "7", "1"), ("train.lr", "0.5", "0.05")]
        await pilot.press("escape")
        assert not screen.query_one(DiffTable).display
        await pilot.press("u")
        assert screen.store.marked == {}


@pytest.mark.parametrize("keys", rest_as_proofs(["dzzd", "dd", "zz", "d escape", "resize"]))
async def test_the_legend_keeps_its_names(
    make_app: MakeApp, runs: Path, until: Until, keys: str
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot, until)
        for run in (TWO, ONE):
            await go_to(screen, runs / run, pilot, until)
            await pilot.press("space")
        curve = screen.query_one(RunChart)

        def legend() -> str:
            return str(curve.border_title)

        await until(pilot, lambda: "a two" in legend() and "b one" in legend())
        if keys == "resize":
            await pilot.resize_terminal(60, 16)
            await until(pilot, lambda: "two" not in legend())
            await pilot.resize_terminal(120, 40)
        for key in keys.split() if " " in keys else keys if keys != "resize" else ():
            await pilot.press(key)
            await pilot.pause()
        await until(pilot, lambda: curve.size.width > 0)
        await until(pilot, lambda: "a two" in legend() and "b one" in legend())


BY_HAND = {
    "weights": ["", "", ""],
    "rates": [{"epoch": 1, "step": 4, "lr": 0.025}, {"epoch": 2, "step": 0, "lr": 0.0125}],
    "parts": [],
    "final": "",
}


async def test_a_learning_rate_set_by_hand_is_a_difference(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    make_run(home / "runs", ONE)
    make_run(home / "runs", TWO, provenance=BY_HAND)
    app = make_app()
    async with app.run_test(size=(160, 40)) as pilot:
        screen = await opened(app, pilot, until)
        for run in (ONE, TWO):
            await go_to(screen, home / "runs" / run, pilot, until)
            await pilot.press("space")
        words = "0.025 from epoch 2, batch 5; 0.0125 from epoch 3"
        await until(pilot, lambda: f"lr by hand: {words}" in facts(screen))
        await pilot.press("d")
        await until(pilot, lambda: isinstance(screen.focused, DiffTable))
        rows = [tuple(text for text, _ in row) for row in screen.query_one(DiffTable).rows]
        assert rows == [("lr by hand", "–", words)]


async def test_a_run_under_way_is_followed(make_app: MakeApp, home: Path, until: Until) -> None:
    nothing: dict[str, Any] = {"epochs": None, "best": None, "test": None, "seconds": None}
    run = make_run(
        home / "runs", ONE, status="running", accuracies=(0.5, 0.25), weights=False, **nothing
    )
    app = make_app()
    with Lock(run / ".lock"):
        async with app.run_test(size=(160, 40)) as pilot:
            screen = await opened(app, pilot, until)

            def shown() -> list[str]:
                return [column(screen, index)[0] for index in (3, 4, 5)]

            def curve() -> list[float]:
                series = screen.query_one(RunChart).picture.series
                return series[0].y.tolist() if series else []

            await until(pilot, lambda: shown() == ["▶ running", "2", "0.5000"])
            await until(pilot, lambda: curve() == [0.5, 0.25])
            await until(pilot, lambda: "epoch 2 of 3" in facts(screen))
            append(run / "metrics.csv", {"epoch": 3, "loss": 1.0, "val_acc": 0.75})
            await until(pilot, lambda: shown() == ["▶ running", "3", "0.7500"])
            await until(pilot, lambda: curve() == [0.5, 0.25, 0.75])
            await until(pilot, lambda: "epoch 3 of 3" in facts(screen))


@pytest.mark.proof
async def test_the_marks_of_the_learning_rate_are_there_after_a_resume(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    write_slow(home)
    app = make_app("slow")
    async with app.run_test() as pilot:
        await tap(pilot, "r")
        await until(pilot, lambda: app.training.history)
        await tap(pilot, "minus")
        await until(pilot, lambda: app.training.lr_changes)
        changes = list(app.training.lr_changes)
        app.training.stop()
        await until(pilot, lambda: not app.training.running)
        await tap(pilot, "R")
        await until(pilot, lambda: app.training.running and app.training.started)
        assert app.training.lr_changes == changes
        assert curves.read(app.training).changes
        app.training.stop()
        await until(pilot, lambda: not app.training.running)


async def test_no_more_runs_are_marked_than_there_are_letters(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    for i in range(7):
        make_run(home / "runs", f"2026010{i + 1}-100000-r{i}-00aa", weights=False)
    app = make_app()
    async with app.run_test() as pilot:
        screen = await opened(app, pilot, until)
        for _ in range(7):
            await pilot.press("space", "down")
        assert sorted(screen.store.marked.values()) == list("abcdef")
        assert any("6 runs are marked" in n.message for n in app._notifications)


@pytest.mark.parametrize(
    ("key", "kind"), [("i", InspectScreen), ("v", EvaluateScreen), ("g", GradientsScreen)]
)
async def test_a_run_is_opened_in_other_screens(
    make_app: MakeApp, runs: Path, until: Until, key: str, kind: type
) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        screen = await opened(app, pilot, until)
        await go_to(screen, runs / ONE, pilot, until)
        screen.query_one(WeightTable).move_to(str(runs / ONE / "checkpoints" / "best.npz"))
        await tap(pilot, key)
        await on_screen(pilot, kind)
        assert app.choice.chosen is not None
        assert app.choice.chosen.what == "best weights, epoch 3"
        if kind is EvaluateScreen:
            await until(pilot, lambda: app.screen.found)  # type: ignore[attr-defined]
            assert app.screen.found.result.acc > 0  # type: ignore[attr-defined]


async def test_the_list_is_filtered_and_sorted(make_app: MakeApp, runs: Path, until: Until) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        screen = await opened(app, pilot, until)
        await pilot.press("slash")
        await until(pilot, lambda: isinstance(screen.focused, Input))
        await pilot.press(*"finished")
        await until(pilot, lambda: column(screen, 1) == ["two", "one"])
        await pilot.press(*"xyz")
        await until(pilot, lambda: column(screen, 1) == [])
        assert "esc clears it" in screen.query_one(RunTable).empty
        await pilot.press("escape")
        await until(pilot, lambda: len(column(screen, 1)) == 4)
        assert isinstance(screen.focused, RunTable)
        await pilot.press("s")
        await until(pilot, lambda: column(screen, 1)[0] == "two")


async def test_a_run_that_vanishes_is_no_trouble(
    make_app: MakeApp, runs: Path, until: Until
) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        screen = await opened(app, pilot, until)
        await go_to(screen, runs / TWO, pilot, until)
        shutil.rmtree(runs / ONE)
        shutil.rmtree(runs / TWO)
        await tap(pilot, "i")
        await until(pilot, lambda: any("no such run" in n.message for n in app._notifications))
        screen.query_one(RunTable).move_to(str(runs / ONE))
        await until(pilot, lambda: "no such run" in facts(screen))
        await pilot.press("r")
        await until(pilot, lambda: column(screen, 1) == ["bad", "cut"])


async def test_what_is_in_a_record_is_shown_as_text(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    nasty = "[red]x[/red]\x1b[2J\u202e"
    make_run(home / "runs", ONE, dataset=nasty, model=nasty, status="failed", reason=nasty)
    app = make_app()
    async with app.run_test(size=(200, 60)) as pilot:
        screen = await opened(app, pilot, until)
        await until(pilot, lambda: "[red]x[/red]\ufffd" in facts(screen))
        text = "".join(strip.text for strip in app.screen._compositor.render_strips())
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert Content.from_markup(str(screen.query_one("#facts-pane").border_title)).plain == ONE
