"""The pictures of a sweep: curves with their bands, parallel coordinates, importance."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.sweeps.importance import shares
from engine.sweeps.listing import SweepInfo, TrialGroup, TrialInfo, sweep_info
from tests.support.app_pilot import Until, seen, tap
from tests.support.made_up_sweeps import ACCURACIES, make_sweep
from tests.tui.screens.sweeps.conftest import Open
from tui.app import CnnApp
from tui.screens.sweeps import pictures
from tui.screens.sweeps.panes import ImportancePane, ParallelPane, TrialChart
from tui.screens.sweeps.rows import ranking

MakeApp = Callable[..., CnnApp]


async def test_the_best_are_drawn_as_their_mean_with_a_band_and_their_number(
    make_app: MakeApp, sweep: Path, open_sweeps: Open, until: Until
) -> None:
    app = make_app()
    async with app.run_test(size=(160, 40)) as pilot:
        screen = await open_sweeps(pilot)
        chart = screen.query_one(TrialChart)
        await until(pilot, lambda: len(chart.picture.bands) == 2)
        assert [line.name for line in chart.picture.series] == ["2", "1"], "the best on top"
        assert chart.picture.series[1].y == pytest.approx(np.array([0.65, 0.925]))
        band = chart.picture.bands[1]
        assert band.high - band.low == pytest.approx(2 * np.array([0.1, 0.05]) / 2**0.5)
        await until(pilot, lambda: "⠕ mean ± std  1 lr=0.03  2 lr=0.1" in seen(app))
        await tap(pilot, "enter", "enter", "down")
        await until(pilot, lambda: chart.picture.series[-1].name == "●")
        assert chart.picture.series[-1].y == pytest.approx(np.array([0.6, 0.9])), "of trial 3 alone"
        await tap(pilot, "y")
        assert chart.picture.log


async def test_all_pictures_are_there_in_a_wide_terminal_and_one_after_the_other_in_a_narrow_one(
    make_app: MakeApp, sweep: Path, open_sweeps: Open, until: Until
) -> None:
    app = make_app()
    async with app.run_test(size=(160, 40)) as pilot:
        screen = await open_sweeps(pilot)
        await until(pilot, lambda: "parallel coordinates" in seen(app))
        assert "what explains val_acc" in seen(app)
        assert screen.refuse("picture") == "all pictures are shown; tab goes to them"
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "parallel coordinates" not in seen(app))
        await tap(pilot, "p")
        await until(pilot, lambda: "parallel coordinates" in seen(app))
        await tap(pilot, "p")
        await until(pilot, lambda: "what explains val_acc" in seen(app))
        await until(pilot, lambda: "83%" in seen(app))
        await tap(pilot, "z")
        await until(pilot, lambda: isinstance(screen.focused, ImportancePane))
        await tap(pilot, "p")
        await until(pilot, lambda: isinstance(screen.focused, TrialChart))
        await tap(pilot, "p", "escape")
        await until(pilot, lambda: "trials 4" in seen(app))
        await until(pilot, lambda: screen.query_one("#trials").has_focus)


async def test_in_the_smallest_terminal_the_pictures_have_the_screen_for_themselves(
    make_app: MakeApp, sweep: Path, open_sweeps: Open, until: Until
) -> None:
    app = make_app()
    async with app.run_test(size=(60, 16)) as pilot:
        screen = await open_sweeps(pilot)
        assert not screen.query_one(ParallelPane).region.area
        await tap(pilot, "z", "p")
        await until(pilot, lambda: "parallel coordinates" in seen(app))
        await until(pilot, lambda: "1 0.03" in seen(app))
        assert "1 0.9250" in seen(app)


def test_parallel_coordinates_have_an_axis_for_each_key_and_the_result(
    home: Path,
) -> None:
    accuracies = {i: (0.5, 0.5 + i / 20) for i in range(1, 9)}
    grid = ("train.lr=0.1,0.03", "train.batch_size=32,64", "seed=1..2")
    sweep = sweep_info(make_sweep(home / "sweeps", grid=grid, accuracies=accuracies))
    ranked = ranking(sweep, "val_acc")
    axes, traces, missing = pictures.coordinates_of(sweep, ranked, None, None, {}, 9)
    assert [axis.title for axis in axes] == ["lr", "batch_size", "val_acc"]
    assert (len(traces), missing) == (4, 0), "seeds are one line"
    assert [trace.symbol for trace in traces] == ["4", "3", "2", "1"], "the best on top"
    assert traces[-1].places == pytest.approx((0.0, 1.0, 1.0))
    axes, traces, missing = pictures.coordinates_of(
        sweep, ranked, None, None, {"train.batch_size": 0.1, "train.lr": 0.6}, 2
    )
    assert [axis.title for axis in axes] == ["lr", "val_acc"], "the key that matters most stays"
    assert missing == 1
    axes, traces, _ = pictures.coordinates_of(sweep, ranking(sweep, "val_loss"), None, None, {}, 9)
    assert traces[-1].places[2] == 1.0, "the lowest loss is above"


def test_values_without_a_result_have_their_place_from_the_start(home: Path) -> None:
    grid = ("train.lr=0.1,0.03,0.01", "seed=1..2")
    sweep = sweep_info(make_sweep(home / "sweeps", grid=grid, accuracies={1: (0.5,)}))
    axes, traces, _ = pictures.coordinates_of(sweep, ranking(sweep, "val_acc"), None, None, {}, 9)
    assert sorted(label for _, label in axes[0].labels) == ["0.01", "0.03", "0.1"]
    assert [trace.places for trace in traces] == [(1.0, 0.5)]


def test_shares_are_bars_with_numbers_and_few_trials_say_nothing(home: Path) -> None:
    sweep = sweep_info(make_sweep(home / "sweeps"))
    found = shares(
        [one.settings for one in sweep.trials], [one.results["val_acc"] for one in sweep.trials]
    )
    lines = pictures.importance_lines(sweep, "val_acc", found, 40).plain.splitlines()
    assert [line.split()[0] for line in lines] == ["lr", "seed", "1.7%:"]
    assert lines[0].endswith(" 83%")
    assert "━━━━" in lines[0]
    few = make_sweep(home / "sweeps", "few", accuracies={1: ACCURACIES[1]})
    words = pictures.importance_lines(sweep_info(few), "val_acc", {}, 40).plain
    assert words == "nothing can be said yet: 4 finished trials are needed; 1 is"
    words = pictures.importance_lines(sweep, "test_acc", {}, 40).plain
    assert words == "nothing can be said yet: all trials have the same test_acc, or none"


def test_of_a_thousand_trials_the_best_the_worst_and_the_chosen_one_are_lines() -> None:
    trials = tuple(
        TrialInfo(i, {"train.lr": str(i)}, "finished", results={"val_acc": 1 - i / 1000})
        for i in range(1, 1001)
    )
    sweep = SweepInfo(Path("x"), "x", trials=trials)
    chosen = trials[500]
    ranked = ranking(sweep, "val_acc")
    _, traces, _ = pictures.coordinates_of(sweep, ranked, chosen, None, {}, 9)
    assert len(traces) <= pictures.MOST_LINES + 6
    assert [trace.symbol for trace in traces[-6:]] == ["●", "5", "4", "3", "2", "1"]
    assert min(trace.places[1] for trace in traces) == 0.0
    group = TrialGroup((trials[400],))
    _, traces, _ = pictures.coordinates_of(sweep, ranked, None, group, {}, 9)
    assert traces[-6].symbol == "●"
