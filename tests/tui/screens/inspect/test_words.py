"""The words of the app: every layer and every term explained, no riddles."""

import ast
import functools
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.content import Content
from textual.pilot import Pilot
from textual.widgets import Static

from engine.inspection.health import Health
from engine.layers import LAYERS
from tests.support.app_pilot import Until, on_screen, seen, settled
from tests.support.proofs import rest_as_proofs
from tests.support.run_makers import CONV
from tui.app import CnnApp
from tui.screens.configs.overview import Overview
from tui.screens.help import HelpScreen
from tui.screens.inspect.glossary import GLOSSARY
from tui.screens.inspect.screen import InspectScreen, LayerTable

MakeApp = Callable[..., CnnApp]
SOURCES = sorted((Path(__file__).parents[4] / "tui").rglob("*.py"))
RIDDLES = (
    "equal headless command", "enter takes it", "; e does", "upd/w", "whole story",
    "gone on with", "go on", "goes on", "Bring it back", "bring back", "new sheet", "levers",
    "take its mark away", "takes it away", "begins anew", "a fault of the program",
)  # fmt: skip


@functools.cache
def shown_texts() -> list[tuple[str, str]]:
    """Every string of the app but docstrings, and the file and line it stands in."""
    found = []
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        found += [
            (node.value, f"{path.name}, line {node.lineno}")
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docs
        ]
    return found


@pytest.mark.parametrize("riddle", RIDDLES)
def test_no_riddle_is_shown(riddle: str) -> None:
    assert [place for text, place in shown_texts() if riddle in text] == []


async def inspecting(app: CnnApp, pilot: Pilot, until: Until) -> InspectScreen:
    await pilot.press("3")
    screen = await on_screen(pilot, InspectScreen)
    table = screen.query_one(LayerTable)
    await until(pilot, lambda: screen.inspector.inspection and table.has_focus and not app.jobs)
    return screen


def about(screen: InspectScreen) -> str:
    return str(screen.query_one("#about", Static).render())


async def test_inspect_explains_the_chosen_layer(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    (home / "configs" / "conv.yaml").write_text(CONV)
    app = make_app("conv")
    async with app.run_test() as pilot:
        screen = await inspecting(app, pilot, until)
        for kind in ("Conv2D", "ReLU", "MaxPool2D", "Conv2D", "ReLU", "Flatten", "Dense"):
            await until(pilot, lambda kind=kind: about(screen) == f"{kind} {LAYERS[kind].about}.")
            assert LAYERS[kind].about in screen.query_one(LayerTable).HELP_TEXT
            await pilot.press("down")


async def test_help_explains_the_layer_here_and_each_column(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    (home / "configs" / "conv.yaml").write_text(CONV)
    app = make_app("conv")
    async with app.run_test(size=(80, 60)) as pilot:
        screen = await inspecting(app, pilot, until)
        await until(pilot, lambda: LAYERS["Conv2D"].about in about(screen))
        assert "Every number in a map is a sum of" in about(screen), "there is room for it"
        await pilot.press("question_mark")
        await on_screen(pilot, HelpScreen)
        texts = [str(text.render()) for text in app.screen.query(".help-text").results(Static)]
        assert any("Every number in a map is a sum of" in text for text in texts)
        titles = [column.title for column in screen.query_one(LayerTable).columns]
        assert [line.split(":")[0] for line in texts[1].splitlines()] == titles


@pytest.mark.parametrize("width", rest_as_proofs([60, 80, 120]))
async def test_advice_is_shown_whole_and_a_key_goes_to_each_flagged_layer(
    make_app: MakeApp, home: Path, until: Until, width: int
) -> None:
    (home / "configs" / "conv.yaml").write_text(CONV)
    app = make_app("conv")
    async with app.run_test(size=(width, 24)) as pilot:
        screen = await inspecting(app, pilot, until)
        table = screen.query_one(LayerTable)
        inspection = screen.inspector.inspection
        assert inspection is not None
        advice = "52% of its channels are 0 for every sample: lower train.lr, or LeakyReLU"
        for index in (1, 4):
            object.__setattr__(
                inspection.facts[index], "health", Health("!", "dying", "warning", advice)
            )
        screen.inspector.version += 1
        screen.refresh_tick()
        title = Content.from_markup(str(table.border_subtitle)).plain
        assert title == "! layer 1: dying, 1 more  f goes there"
        for key in ("1", "4", "1"):
            await pilot.press("f")
            assert table.key == key
            await settled(pilot, until)
            region = screen.query_one("#about", Static).region
            shown = " ".join(" ".join(seen(app).split("\n")[region.y : region.bottom]).split())
            assert shown == f"! {advice} ReLU {LAYERS['ReLU'].about}."


async def test_nothing_flagged_is_said(make_app: MakeApp, home: Path, until: Until) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        screen = await inspecting(app, pilot, until)
        await until(pilot, lambda: screen.place)
        assert screen.refuse("flagged") == "no layer is flagged"


async def test_configs_explain_every_layer_of_the_network(make_app: MakeApp, until: Until) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, until)
        shown = " ".join(str(app.screen.query_one("#overview-text", Static).render()).split())
        for kind in ("MaxPool2D", "Flatten", "Dense"):
            assert f"{kind} {LAYERS[kind].about}." in shown
        assert app.screen.query_one(Overview).max_scroll_y >= 0


def test_every_term_is_explained_where_it_is_met() -> None:
    for word in ("filter", "feature map", "pool", "loss"):
        assert GLOSSARY[word] in InspectScreen.HELP_TEXT
