"""The learning rate finder in the app: its curve, its suggestion, and the config it goes into."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from engine.errors import DataError
from engine.services.rate_finder import RateFinding, find_rate
from engine.workbench import RatePoint, RateRange
from tests.support.app_pilot import Until, on_screen, seen, settled, tap, training, write_slow
from tests.support.proofs import rest_as_proofs
from tests.support.run_makers import CONV
from tests.support.small_runs import make_config
from tui.app import CnnApp
from tui.screens.train.rates import screen as module
from tui.screens.train.rates.screen import RateChart, RatesScreen, picture
from tui.screens.train.screen import TrainScreen

MakeApp = Callable[..., CnnApp]
SHORT = RateRange(1e-4, 10.0, 40)


@pytest.fixture
def app(make_app: MakeApp, home: Path, monkeypatch: pytest.MonkeyPatch) -> CnnApp:
    (home / "configs" / "conv.yaml").write_text("# mine\n" + CONV)
    monkeypatch.setattr(module, "RateRange", lambda: SHORT)
    return make_app("conv")


async def opened(pilot: Pilot, until: Until) -> RatesScreen:
    await tap(pilot, "2")
    await on_screen(pilot, TrainScreen)
    await tap(pilot, "f")
    return await on_screen(pilot, RatesScreen)


@pytest.mark.parametrize("size", rest_as_proofs([(60, 16), (80, 24), (200, 60)]), ids=str)
async def test_the_suggestion_is_marked_said_and_written_as_one_change(
    app: CnnApp, until: Until, home: Path, size: tuple[int, int]
) -> None:
    async with app.run_test(size=size) as pilot:
        document = app.workspace.document
        document.set("train.lr", 0.5)
        screen = await opened(pilot, until)
        await settled(pilot, until)
        before, config = document.text, document.config
        assert config is not None
        expected = find_rate(config, SHORT)
        assert screen.found is not None
        assert screen.found.points == expected.points, "as the command has them"
        shown = seen(app)
        for words in ("is suggested", "▲", "●", "Suggested: ", f"w writes {expected.override}"):
            assert words in shown
        await tap(pilot, "w")
        assert document.config is not None
        assert document.config.train.lr == expected.suggestion
        assert document.text.startswith("# mine\n")
        await until(pilot, lambda: f"✓ the config has {expected.override}, unsaved" in seen(app))
        assert screen.refuse("write") == f"train.lr is {expected.suggestion} already"
        await tap(pilot, "1", "u")
        assert document.text == before
        await tap(pilot, "2")
        assert await on_screen(pilot, RatesScreen) is screen
        await until(pilot, lambda: f"w writes {expected.override}" in seen(app))
        await tap(pilot, "escape")
        await on_screen(pilot, TrainScreen)
    assert {path.name for path in home.iterdir()} == {"configs"}, "no run, no report"


async def test_the_curve_grows_while_it_sweeps_and_esc_stops_it(
    app: CnnApp, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[bool] = []

    def endless(config, rates, *, progress, cancelled, on_point):  # type: ignore[no-untyped-def]
        for i in range(10):
            on_point(RatePoint(rates.rate(i), 2.3 - 0.1 * i, 2.3 - 0.1 * i))
        while not cancelled():
            pass
        stopped.append(True)

    monkeypatch.setattr(module, "find_rate", endless)
    async with app.run_test() as pilot:
        screen = await opened(pilot, until)
        await until(pilot, lambda: "batch 10/40" in seen(app))
        assert len(screen.query_one(RateChart).picture.series[0].x) == 10
        assert screen.refuse("again") == "the sweep is under way; esc stops it"
        assert screen.refuse("write") == "the sweep is under way; wait for its end"
        await tap(pilot, "escape")
        await on_screen(pilot, TrainScreen)
        await until(pilot, lambda: stopped)


async def test_while_a_training_runs_it_is_refused_with_a_reason(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    write_slow(home)
    app = make_app("slow")
    async with training(app, until) as pilot:
        await tap(pilot, "f")
        assert isinstance(app.screen, TrainScreen)
        assert app.screen.refuse("find_rate") == (
            "a training is running and needs the processor; x stops it"
        )


async def test_it_makes_way_for_a_training_that_is_started_elsewhere(
    app: CnnApp, home: Path, until: Until
) -> None:
    async with app.run_test() as pilot:
        screen = await opened(pilot, until)
        await tap(pilot, "1", "r")
        await on_screen(pilot, TrainScreen)
        assert not screen.is_attached
        app.training.stop()
        await until(pilot, lambda: not app.training.running)


async def test_what_goes_wrong_is_said(
    app: CnnApp, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*args: object, **more: object) -> None:
        raise DataError("the images are damaged")

    monkeypatch.setattr(module, "find_rate", damaged)
    async with app.run_test() as pilot:
        screen = await opened(pilot, until)
        await until(pilot, lambda: "✗ the images are damaged" in seen(app))
        assert screen.refuse("write") == "there is nothing to write; r starts over"
        app.workspace.document.set("dataset", 3)
        assert screen.refuse("again") == "the config has errors; 1 shows them"
        await tap(pilot, "escape")
        train = await on_screen(pilot, TrainScreen)
        assert train.refuse("find_rate") == "the config has errors; 1 shows them"


async def test_another_config_that_is_opened_since_is_not_written(
    app: CnnApp, until: Until, home: Path
) -> None:
    async with app.run_test() as pilot:
        screen = await opened(pilot, until)
        await settled(pilot, until)
        app.workspace.choose(home / "configs" / "tiny.yaml")
        assert screen.refuse("write") == "another config is open now; r sweeps that one"


def test_the_picture_holds_what_is_above_the_beginning_at_its_edge(tmp_path: Path) -> None:
    found = find_rate(make_config(tmp_path), SHORT)
    shown = picture(list(found.points), SHORT, found.reading, found)
    assert found.reading is not None
    assert max(max(series.y) for series in shown.series) <= found.reading.ceiling
    assert shown.x_end == pytest.approx(5.0), "powers of ten"
    assert [mark.symbol for mark in shown.marks] == ["▲", "●"]
    at = math.log10((found.suggestion or 0) / SHORT.low)
    assert all(mark.x == pytest.approx(at) for mark in shown.marks)
    broken = RateFinding(
        found.config, SHORT, found.points[:30], "not finite", SHORT.rate(30), None, found.reading
    )
    cross = picture(list(broken.points), SHORT, found.reading, broken).marks[-1]
    assert cross.symbol == "✗"
    assert cross.x == pytest.approx(30 / 39 * 5)
