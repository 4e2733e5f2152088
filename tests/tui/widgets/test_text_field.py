"""Every line of text to type into: a path, a filter, a value of the form."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from tests.support.app_pilot import Until, burst
from tests.support.form_support import move_to
from tests.support.proofs import rest_as_proofs
from tui.app import CnnApp
from tui.screens.configs.form import Form
from tui.screens.dialogs import AskPath
from tui.widgets.text_field import one_line

MakeApp = Callable[..., CnnApp]
FIELDS = ("a dialog", "the filter of the runs", "the form")


async def _field(pilot: Pilot, where: str, until: Until) -> Input:
    """An empty text field that has the focus."""
    app = pilot.app
    if where == "a dialog":
        app.push_screen(AskPath("Save as", check=Path))
    elif where == "the form":
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.focused, Input))
        move_to(app.screen.query_one(Form), "runs_dir")
    else:
        await pilot.press("5")
        field = app.screen.query_one("#filter", Input)
        field.disabled = False  # it can be used where there are runs
        app.screen.set_focus(field)
    await until(pilot, lambda: isinstance(app.focused, Input))
    assert isinstance(app.focused, Input)
    await burst(pilot, "ctrl+u")
    assert app.focused.value == ""
    return app.focused


@pytest.mark.parametrize("where", rest_as_proofs(FIELDS))
async def test_keys_without_a_pause_take_effect_in_their_order(
    make_app: MakeApp, where: str, until: Until
) -> None:
    async with make_app().run_test() as pilot:
        field = await _field(pilot, where, until)
        keys = [
            *"ab",
            "backspace",
            "c",
            "left",
            "left",
            "d",
            "end",
            "e",
            "ctrl+w",
            "f",
            "home",
            "g",
        ]
        await burst(pilot, *keys)
        assert field.value == "gf"


@pytest.mark.parametrize("where", rest_as_proofs(FIELDS))
@pytest.mark.parametrize(
    "pasted",
    rest_as_proofs(["\r\nab\r", "ab\rcd", "ab\ncd", "ab\r\ncd", "ab\x0bc", "a\x1bb"], every=3),
)
async def test_of_what_is_pasted_the_first_line_is_taken(
    make_app: MakeApp, where: str, pasted: str, until: Until
) -> None:
    async with make_app().run_test() as pilot:
        field = await _field(pilot, where, until)
        pilot.app.post_message(events.Paste(pasted))
        await burst(pilot, "x")
        assert field.value == "abx"


async def test_the_whole_answer_is_given_however_fast_it_was_typed(
    make_app: MakeApp, until: Until
) -> None:
    async with make_app().run_test() as pilot:
        answers: list[Path | None] = []
        pilot.app.push_screen(AskPath("Save as", value="runs", check=Path), answers.append)
        await until(pilot, lambda: isinstance(pilot.app.focused, Input))
        await burst(pilot, "backspace", *"-2", "enter")
        await until(pilot, lambda: answers)
        assert answers == [Path("run-2")]


@pytest.mark.parametrize(
    ("text", "line"), [("", ""), ("\n", ""), ("a", "a"), ("\n\n a\nb", " a"), ("a\u200bb", "ab")]
)
def test_one_line(text: str, line: str) -> None:
    assert one_line(text) == line


async def test_a_key_that_comes_when_all_screens_are_gone_is_no_fault(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        screens = app._screen_stack[:]
        app._screen_stack.clear()
        await app.on_event(events.Key("enter", None))
        await app.on_event(events.Paste("text"))
        app._screen_stack.extend(screens)
        await pilot.pause()
