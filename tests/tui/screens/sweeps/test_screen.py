"""The Sweeps screen: the list, the trials of one, their order, and the way to other screens."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.app_pilot import Until, on_screen, seen, settled, tap
from tests.support.made_up_sweeps import ACCURACIES, held, make_sweep, run_name
from tests.tui.screens.sweeps.conftest import Open
from tui.app import CnnApp
from tui.screens.dialogs import Choose
from tui.screens.evaluate.screen import EvaluateScreen
from tui.screens.inspect.screen import InspectScreen
from tui.screens.sweeps.screen import SweepsScreen, SweepTable, TrialTable

MakeApp = Callable[..., CnnApp]


def cells(screen: SweepsScreen, title: str) -> list[str]:
    """A column of the trials."""
    table = screen.query_one(TrialTable)
    place = [column.title for column in table.columns].index(title)
    return [row[place][0] for row in table.rows]


def sweeps(screen: SweepsScreen) -> list[list[str]]:
    return [[cell for cell, _ in row] for row in screen.query_one(SweepTable).rows]


async def test_without_sweeps_it_says_how_to_begin_one(
    make_app: MakeApp, open_sweeps: Open, until: Until
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_sweeps(pilot)
        await until(pilot, lambda: "cnn-tui sweep tiny --grid train.lr=0.1,0.03" in seen(app))
        assert screen.refuse("inspect") == "there are no sweeps yet; n starts one"


async def test_trials_are_grouped_by_their_values_and_ranked_by_the_mean(
    make_app: MakeApp, sweep: Path, open_sweeps: Open
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_sweeps(pilot)
        assert sweeps(screen)[0][2:] == ["✓ finished", "4 of 4", "", "", "", ""]
        assert cells(screen, "") == ["1", "2"]
        assert cells(screen, "trial") == ["▸ 2 seeds", "▸ 2 seeds"]
        assert cells(screen, "lr") == ["0.03", "0.1"], "the better one first"
        assert cells(screen, "val_acc") == ["0.9250 ± 0.0354", "0.7500 ± 0.0707"]
        await tap(pilot, "s")
        assert cells(screen, "lr") == ["0.1", "0.03"], "as in the grid"
        await tap(pilot, "s", "m")
        assert [column.title for column in screen.query_one(TrialTable).columns][5] == "val_loss"
        assert cells(screen, "lr") == ["0.03", "0.1"], "of a loss, the lower one is the better one"


async def test_trials_that_are_not_repeated_are_rows_of_their_own(
    make_app: MakeApp, home: Path, open_sweeps: Open
) -> None:
    grid = ("train.lr=0.1,0.03", "layers.1.Dense.bias=true,false")
    make_sweep(home / "sweeps", grid=grid, accuracies={i: (0.5 + i / 10,) for i in (1, 2, 3)})
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_sweeps(pilot)
        assert cells(screen, "trial") == ["3", "2", "1", "4"]
        assert cells(screen, "") == ["1", "2", "3", ""]
        assert cells(screen, "bias") == ["true", "false", "true", "false"]
        assert cells(screen, "status")[2:] == ["✓ finished", "· waiting"]
        assert screen.refuse("inspect") is None
        await tap(pilot, "enter", "end")
        assert screen.refuse("inspect") == "trial 4 has no run yet"
        assert screen.refuse("write") is None, "it has a config all the same"


async def test_a_group_opens_into_its_trials(
    make_app: MakeApp, sweep: Path, open_sweeps: Open
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_sweeps(pilot)
        await tap(pilot, "enter")
        assert isinstance(screen.focused, TrialTable)
        assert "enter opens the group" in (screen.refuse("inspect") or "")
        await tap(pilot, "enter")
        assert cells(screen, "trial") == ["▾ 2 seeds", "  3  seed 1", "  4  seed 2", "▸ 2 seeds"]
        await tap(pilot, "down", "enter")
        await on_screen(pilot, Choose)
        assert "Trial 3: train.lr=0.03 seed=1" in seen(app)
        await tap(pilot, "escape")
        await on_screen(pilot, SweepsScreen)
        await tap(pilot, "up", "enter")
        assert cells(screen, "trial") == ["▸ 2 seeds", "▸ 2 seeds"]


async def test_why_a_trial_ended_is_said_where_it_is_chosen(
    make_app: MakeApp, home: Path, open_sweeps: Open, until: Until
) -> None:
    folder = make_sweep(
        home / "sweeps", grid=("train.lr=9,1",), accuracies={1: (0.5,)}, statuses={1: "diverged"}
    )
    record = folder / "runs" / run_name(1) / "run.json"
    found = json.loads(record.read_text())
    record.write_text(json.dumps(found | {"reason": "diverged in epoch 2, batch 1"}))
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_sweeps(pilot)
        assert cells(screen, "status") == ["✗ diverged", "· waiting"]
        await until(pilot, lambda: "diverged in epoch 2, batch 1 ─ enter: actions" in seen(app))


@pytest.mark.parametrize(("key", "kind"), [("i", InspectScreen), ("v", EvaluateScreen)])
async def test_a_trial_is_opened_in_other_screens(
    make_app: MakeApp,
    sweep: Path,
    open_sweeps: Open,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
    key: str,
    kind: type[InspectScreen | EvaluateScreen],
) -> None:
    monkeypatch.setattr(EvaluateScreen, "action_evaluate", lambda screen: None)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await open_sweeps(pilot)
        await tap(pilot, "enter", "enter", "down", key)
        await on_screen(pilot, kind)
        await settled(pilot, until)
        assert app.choice.chosen is not None
        assert app.choice.chosen.run == sweep / "runs" / run_name(3)
        assert app.choice.chosen.what == "finished weights"


async def test_a_sweep_that_trains_is_followed_until_it_ends(
    make_app: MakeApp, home: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.state.sweeps_store._AGAIN", 0.0)
    folder = make_sweep(home / "sweeps", accuracies={1: (0.5, 0.75), 2: (0.5,)})
    record = folder / "runs" / run_name(2) / "run.json"
    finished = record.read_text()
    record.write_text('{"status": "running"}')
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        with held(folder, 2):
            await tap(pilot, "7")
            screen = await on_screen(pilot, SweepsScreen)
            await until(pilot, lambda: sweeps(screen))
            assert sweeps(screen)[0][2:] == ["▶ running", "1 of 4", "1", "", "2", "~18 s"]
            screen.action_sort()
            await tap(pilot, "enter", "enter")
            assert cells(screen, "status")[:3] == ["▶ 1 of 2", "✓ finished", "▶ running"]
            assert cells(screen, "epoch")[:3] == ["", "2/2", "1/2"]
            assert cells(screen, "val_acc")[:3] == ["0.7500", "0.7500", "0.5000"]
            record.write_text(finished)
            await until(pilot, lambda: sweeps(screen)[0][3] == "2 of 4")
        await until(pilot, lambda: sweeps(screen)[0][2] == "■ stopped")


async def test_a_damaged_sweep_and_names_of_strangers_are_shown_in_words(
    make_app: MakeApp, home: Path, open_sweeps: Open
) -> None:
    folder = make_sweep(home / "sweeps", accuracies=ACCURACIES)
    bad = home / "sweeps" / "bad\x1b[31m"
    bad.mkdir()
    (bad / "sweep.json").write_text("{")
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_sweeps(pilot)
        assert [row[2] for row in sweeps(screen)] == ["✓ finished", "✗ broken"]
        await tap(pilot, "down")
        assert "damaged" in seen(app)
        assert "\x1b" not in seen(app)
        assert screen.refuse("inspect") == "no trial is chosen"
        assert folder.exists()


async def test_a_folder_that_cannot_be_read_is_said_and_read_again(
    make_app: MakeApp, home: Path, open_sweeps: Open, until: Until
) -> None:
    (home / "sweeps").write_text("a file in its place")
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_sweeps(pilot)
        await until(pilot, lambda: "✗ sweeps: Not a directory" in seen(app))
        (home / "sweeps").unlink()
        make_sweep(home / "sweeps")
        await tap(pilot, "r")
        await until(pilot, lambda: sweeps(screen))
