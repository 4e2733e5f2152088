"""Advice in the app: beside the meaning of a config, under the form, and while it trains."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.widgets import OptionList, Static

from engine.hints import RULES, Rule
from tests.support.app_pilot import Until, on_screen
from tui.app import CnnApp
from tui.screens.configs.edit_screen import EditScreen
from tui.screens.configs.yaml_editor import YamlEditor

MakeApp = Callable[..., CnnApp]


def write_odd(home: Path) -> None:
    """A config that ends with a ReLU, and smooths its labels."""
    text = (home / "configs" / "tiny.yaml").read_text()
    text = text.replace("{out_features: 10}\n", "{out_features: 10}\n  - ReLU\n")
    text = text.replace("train:\n", "train:\n  label_smoothing: 0.1\n")
    (home / "configs" / "odd.yaml").write_text(text)


async def test_the_meaning_of_a_config_tells_it(
    home: Path, make_app: MakeApp, until: Until
) -> None:
    write_odd(home)
    app = make_app("odd")
    async with app.run_test(size=(120, 40)) as pilot:
        words = app.screen.query_one("#overview-text", Static)
        await until(pilot, lambda: "ReLU limits the scores to 0 and above" in _flat(words))
        assert "i train.label_smoothing" in _flat(words)
        assert app.workspace.document.config is not None, "it can be run all the same"


def _flat(widget: Static) -> str:
    return " ".join(str(widget.render()).split())


async def test_the_editor_lists_it_and_goes_there(
    home: Path, make_app: MakeApp, until: Until
) -> None:
    write_odd(home)
    app = make_app("odd")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("e")
        await on_screen(pilot, EditScreen)
        box, editor = (
            app.screen.query_one("#problems", OptionList),
            app.screen.query_one(YamlEditor),
        )
        await until(pilot, lambda: box.option_count == 2)
        assert box.display
        assert "ReLU limits the scores" in str(box.get_option_at_index(0).prompt)
        assert app.screen.query_one("#fine").display, "it is no problem"
        box.focus()
        await pilot.press("down", "enter")
        await until(pilot, lambda: editor.has_focus)
        row, column = editor.cursor_location
        assert editor.text.splitlines()[row][column:] == "ReLU"


async def test_problems_come_before_advice(home: Path, make_app: MakeApp, until: Until) -> None:
    write_odd(home)
    app = make_app("odd")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("e")
        await on_screen(pilot, EditScreen)
        document = app.workspace.document
        box = app.screen.query_one("#problems", OptionList)
        document.type(document.text.replace("train:\n", "train:\n  epoch: 3\n"))
        await until(pilot, lambda: box.option_count == 1)
        assert "unknown key" in str(box.get_option_at_index(0).prompt)
        assert not app.screen.query_one("#fine").display


async def test_a_training_notes_advice_and_hints(
    home: Path, make_app: MakeApp, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = Rule("fell", "fell", "always", "none", "Because.", lambda evidence: ("a lot", None))
    monkeypatch.setitem(RULES, "fell", rule)
    write_odd(home)
    app = make_app("odd")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r")
        await until(pilot, lambda: app.training.ended)
        noted = [(entry.kind, entry.text) for entry in app.training.entries]
        assert noted.count(("warning", "fell: a lot")) == 1
        assert any(kind == "warning" and "ReLU limits the scores" in words for kind, words in noted)
        assert any(kind == "info" and "cannot fall below" in words for kind, words in noted)
