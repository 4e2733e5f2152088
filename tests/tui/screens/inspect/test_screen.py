"""Inspect: config, run and training from the inside."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from engine import data
from tests.support.app_pilot import Until, let_messages_through, on_screen, tap
from tests.support.run_makers import CONV, make_run
from tui.app import CnnApp
from tui.screens.dialogs import AskPath, Choose
from tui.screens.help import HelpScreen
from tui.screens.inspect.gallery import GalleryPane, Pictures, Sample
from tui.screens.inspect.screen import InspectScreen
from tui.state.selection import of_run
from tui.widgets.line import Line
from tui.widgets.table import Table
from tui.widgets.words import Words

MakeApp = Callable[..., CnnApp]


@pytest.fixture
def conv(home: Path) -> str:
    (home / "configs" / "conv.yaml").write_text(CONV)
    return "conv"


async def test_the_layers_get_the_focus_back_where_it_was_lost(
    make_app: MakeApp, conv: str, until: Until
) -> None:
    app = make_app(conv)
    async with app.run_test() as pilot:
        screen = await opened(app, pilot, until)
        screen.set_focus(None)
        await until(pilot, lambda: screen.focused is screen.query_one(Table))


async def test_the_layers_keep_the_focus_where_news_of_hiding_comes_late(
    make_app: MakeApp, conv: str, until: Until
) -> None:
    app = make_app(conv)
    async with app.run_test() as pilot:
        screen = await opened(app, pilot, until)
        table = screen.query_one(Table)
        table.post_message(events.Hide())
        await let_messages_through(pilot.app)
        assert screen.focused is table


async def opened(app: CnnApp, pilot: Pilot, until: Until) -> InspectScreen:
    await tap(pilot, "3")
    screen = await on_screen(pilot, InspectScreen)
    await until(pilot, lambda: screen.inspector.inspection and screen.query_one(Table).rows)
    await until(pilot, lambda: screen.focused is screen.query_one(Table))
    return screen


def column(screen: InspectScreen, title: str) -> list[str]:
    table = screen.query_one(Table)
    index = [c.title for c in table.columns].index(title)
    return [row[index][0] for row in table.rows]


def pictures(screen: InspectScreen) -> tuple[int, ...] | None:
    shown = screen.query_one(GalleryPane)._gallery
    return None if shown is None else shown.pictures.shape


def _test_image(index: int) -> np.ndarray:
    return data.load("mnist_mini").test.images[index, 0]


def line(screen: InspectScreen) -> str:
    return screen.query_one("#subject", Line).render().plain


async def test_a_config_before_its_first_step(make_app: MakeApp, conv: str, until: Until) -> None:
    app = make_app(conv)
    async with app.run_test() as pilot:
        screen = await opened(app, pilot, until)
        assert "fresh weights" in line(screen)
        assert column(screen, "output") == [
            "4×12×12", "4×12×12", "4×6×6", "6×4×4", "6×4×4", "96", "10",
        ]  # fmt: skip
        assert [bool(cell) for cell in column(screen, "grad rms")] == [
            True, False, False, True, False, False, True,
        ]  # fmt: skip
        assert set(column(screen, "step size")) == {""}, "nothing is updated"
        assert column(screen, "silent")[1] == "0%"
        assert pictures(screen) == (4, 5, 5)


async def test_pictures_follow_the_chosen_layer(make_app: MakeApp, conv: str, until: Until) -> None:
    app = make_app(conv)
    async with app.run_test() as pilot:
        screen = await opened(app, pilot, until)
        await tap(pilot, "down")
        await until(pilot, lambda: pictures(screen) == (4, 12, 12))  # a ReLU has only maps
        await tap(pilot, "down", "down", "right_square_bracket")
        await until(pilot, lambda: pictures(screen) == (6, 3, 3))
        pane = screen.query_one(GalleryPane)
        await until(pilot, lambda: "input channel 2/4" in str(pane.border_subtitle))
        await tap(pilot, "left_square_bracket", "left_square_bracket")
        await until(pilot, lambda: "input channel 4/4" in str(pane.border_subtitle))
        await tap(pilot, "m")
        await until(pilot, lambda: pictures(screen) == (6, 4, 4))
        before = screen.inspector.inspection
        await tap(pilot, "n")
        await until(pilot, lambda: screen.inspector.inspection is not before)
        assert screen.inspector.inspection is not None
        assert screen.inspector.inspection.sample == 1
        await until(pilot, lambda: "image #1" in line(screen))
        sample = screen.query_one(Sample)
        assert (sample.display, sample.captions) == (True, ("#1",))
        assert (sample.pictures[0] * 255 == _test_image(1)).all()
        await tap(pilot, "N", "N")
        await until(pilot, lambda: "image #999" in line(screen))
        await until(pilot, lambda: sample.captions == ("#999",))
        await tap(pilot, "m")
        await until(pilot, lambda: pictures(screen) == (6, 3, 3))
        assert not sample.display, "filters are not of an image"
        await tap(pilot, "enter")
        await until(pilot, lambda: isinstance(screen.focused, Pictures))
        await tap(pilot, "right")
        await until(pilot, lambda: screen.query_one(Pictures).cursor == 1)


async def test_a_whitening_layer_says_what_its_filters_stand_for(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    layers = "layers: [Whitening2D, GlobalMaxPool2D, Dense: {out_features: 10}]"
    (home / "configs" / "white.yaml").write_text(f"dataset: mnist_mini\n{layers}\n")
    app = make_app("white")
    async with app.run_test(size=(200, 60)) as pilot:
        screen = await opened(app, pilot, until)
        await until(pilot, lambda: "filters are random until" in _shown(screen, "#about"))
        assert screen.inspector.inspection is not None
        weight = screen.inspector.inspection.layers["0"].weights["weight"]
        weight[4:] = -weight[:4]
        await until(pilot, lambda: "Filter 0 stands for " in _shown(screen, "#about"))
        await until(pilot, lambda: "% of the variance" in _shown(screen, "#scale"))


def _shown(screen: InspectScreen, selector: str) -> str:
    return str(screen.query_one(selector, Words).content)


async def test_a_training_is_followed_and_its_levers_are_here_too(
    make_app: MakeApp, conv: str, home: Path, until: Until
) -> None:
    text = CONV.replace("epochs: 3", "epochs: 500").replace("limit: 400", "limit: 4000")
    (home / "configs" / "long.yaml").write_text(text)
    app = make_app("long")
    async with app.run_test() as pilot:
        await tap(pilot, "r")
        await until(pilot, lambda: app.training.started)
        screen = await opened(app, pilot, until)
        await until(pilot, lambda: "live" in line(screen))
        await until(pilot, lambda: all(column(screen, "step size")[i] for i in (0, 3, 6)))
        assert screen.inspector.context is not None
        assert screen.inspector.context.start is not None
        first = screen.inspector.version
        await until(pilot, lambda: screen.inspector.version > first + 2)
        await tap(pilot, "space")
        await until(pilot, lambda: app.training.phase == "paused")
        session = app.training.session
        assert session is not None
        step = session.progress.global_step
        await until(pilot, lambda: screen.inspector.inspection.step == step)  # type: ignore[union-attr]
        await until(pilot, lambda: "paused" in line(screen) and not app.jobs)
        seen = screen.inspector.version
        await asyncio.sleep(0.6)
        assert screen.inspector.version == seen, "nothing new, so nothing is looked at"
        await tap(pilot, "s")
        await until(pilot, lambda: screen.inspector.version > seen)
        await tap(pilot, "1")
        await until(pilot, lambda: not app.jobs)
        seen = screen.inspector.version
        await tap(pilot, "2", "space")
        await asyncio.sleep(0.5)
        assert screen.inspector.version == seen, "a screen that nobody sees asks for nothing"
        app.training.stop()
        await until(pilot, lambda: not app.training.running)
        await tap(pilot, "3")
        await until(pilot, lambda: "run" in line(screen) and screen.inspector.version > seen)
        await until(pilot, lambda: column(screen, "step size") == [""] * 7)


async def test_another_network_is_chosen_from_a_list(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    make_run(home / "runs")
    make_run(home / "runs", "20260102-030405-empty-00bb", weights=False)
    app = make_app()
    async with app.run_test() as pilot:
        screen = await opened(app, pilot, until)
        await tap(pilot, "o")
        await on_screen(pilot, Choose)
        await pilot.press("end", "enter")
        await until(pilot, lambda: app.choice.chosen)
        await until(pilot, lambda: "conv-00aa" in line(screen))
        await until(pilot, lambda: len(screen.query_one(Table).rows) == 7)
        assert "finished weights" in line(screen)
        await tap(pilot, "o")
        await on_screen(pilot, Choose)
        await pilot.press("home", *["down"] * 3, "enter")
        await until(pilot, lambda: any("no weights" in n.message for n in app._notifications))
        assert app.choice.chosen is not None, "what was looked at stays"
        assert app.choice.chosen.what == "finished weights"


async def test_a_file_of_weights_is_chosen_for_the_chosen_config(
    make_app: MakeApp, conv: str, home: Path, until: Until
) -> None:
    run = make_run(home / "elsewhere")
    (home / "mine.npz").write_bytes((run / "weights.npz").read_bytes())
    (home / "not.npz").write_bytes(b"nothing")
    app = make_app(conv)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot, until)
        for name, said in (
            ("not.npz", lambda: any("damaged" in n.message for n in app._notifications)),
            ("mine.npz", lambda: "weights of conv" in line(screen)),
        ):
            await tap(pilot, "o")
            await on_screen(pilot, Choose)
            await pilot.press("home", "down", "down", "enter")
            await on_screen(pilot, AskPath)
            app.screen.query_one(Input).value = str(home / name)
            await pilot.press("enter")
            await until(pilot, said)
        await until(pilot, lambda: len(screen.query_one(Table).rows) == 7)
        assert app.choice.current is app.choice.chosen


async def test_without_data_there_are_weights_and_a_reason(
    make_app: MakeApp, home: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNN_TUI_DATA", str(home / "nothing here"))
    (home / "configs" / "far.yaml").write_text(CONV.replace("mnist_mini", "mnist"))
    app = make_app("far")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot, until)
        assert "mnist is not downloaded" in line(screen)
        assert set(column(screen, "grad rms")) == {""}
        assert pictures(screen) is not None
        assert screen.refuse("sample") is not None
        await tap(pilot, "m")
        await until(pilot, lambda: pictures(screen) is None)
        assert "not downloaded" in screen.query_one(Pictures).empty


async def test_a_config_with_errors_and_a_broken_file_say_what_to_do(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    (home / "configs" / "bad.yaml").write_text("dataset: nothing\n")
    app = make_app("bad")
    async with app.run_test() as pilot:
        await tap(pilot, "3")
        screen = await on_screen(pilot, InspectScreen)
        await until(pilot, lambda: "has errors" in str(screen.query_one("#nothing").render()))
        run = make_run(home / "runs")
        selection = of_run(run)
        (run / "weights.npz").write_bytes(b"damaged")
        app.choice.chosen = selection
        await until(pilot, lambda: "weights.npz" in str(screen.query_one("#nothing").render()))
        assert "chooses another" in str(screen.query_one("#nothing").render())


@pytest.mark.proof
async def test_every_pane_can_be_alone_and_helps(
    make_app: MakeApp, conv: str, until: Until
) -> None:
    app = make_app(conv)
    async with app.run_test() as pilot:
        screen = await opened(app, pilot, until)

        def large() -> list[str | None]:
            return [w.id for w in screen.query(".pane") if w.display and w.size.height > 15]

        for pane in ("layers", "gallery", "histograms"):
            await pilot.press("z")
            await until(pilot, lambda pane=pane: large() == [pane])
            await pilot.press("z", "question_mark")
            await on_screen(pilot, HelpScreen)
            await pilot.press("escape", "tab")


async def test_names_are_shown_as_text(make_app: MakeApp, home: Path, until: Until) -> None:
    name = "[b]x[red]\u202e"
    (home / "configs" / f"{name}.yaml").write_text(CONV)
    app = make_app(name)
    async with app.run_test() as pilot:
        screen = await opened(app, pilot, until)
        assert "[b]x[red]\ufffd" in line(screen)
