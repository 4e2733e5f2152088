"""Help says where one is, and lists only what works there."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.widgets import Static

from tests.support.app_pilot import Until, on_screen, settled
from tests.support.made_up_sweeps import make_sweep
from tests.support.proofs import rest_as_proofs
from tests.support.run_makers import add_film, make_run
from tui import keymap
from tui.app import CnnApp
from tui.keymap import CHARACTERS
from tui.screens.base import BaseScreen
from tui.screens.help import HelpScreen

MakeApp = Callable[..., CnnApp]
WAYS = {
    "configs": ("1",), "train": ("2",), "inspect": ("3",), "gradients": ("4",), "runs": ("5",),
    "evaluate": ("6",), "edit": ("1", "e"), "data": ("1", "d"), "draw": ("6", "d"),
    "why": ("6", "e", "w"), "mistakes": ("6", "e", "m"),
    "compare": ("6", "e", "c", "enter"),
    "microscope": ("3", "e"), "weight": ("3", "e", "w"),
    "bench": ("3", "b"), "break": ("3", "b", "b"),
    "space": ("3", "w"),
    "rates": ("2", "f"),
    "hints": ("2", "w"),
    "epochs": ("6", "a"),
    "sweeps": ("7",),
}  # fmt: skip


def test_every_screen_has_a_title() -> None:
    assert keymap.SCREENS.keys() == {key.where for key in keymap.KEYS} - {keymap.APP}
    assert WAYS.keys() == keymap.SCREENS.keys()
    assert all(spec.title for spec in keymap.SCREENS.values())


@pytest.mark.parametrize("where", rest_as_proofs(reversed(WAYS), every=8))  # the newest stays
async def test_help_has_the_name_of_its_screen_and_lists_keys_that_work(
    make_app: MakeApp, home: Path, until: Until, where: str
) -> None:
    make_run(home / "runs", "20260101-000000-other-00bb")
    add_film(make_run(home / "runs"))
    make_sweep(home / "sweeps", accuracies={1: (0.5, 0.75)})
    app = make_app()
    async with app.run_test() as pilot:
        for key in WAYS[where]:
            await pilot.press(key)
            await until(pilot, lambda: not app.jobs)
            await settled(pilot, until)
        screen = await on_screen(pilot, BaseScreen)
        focused = screen.focused
        await pilot.press("f1")
        await on_screen(pilot, HelpScreen)
        assert app.screen.query_one("#help").border_title == f"Help: {keymap.SCREENS[where].title}"
        table = str(app.screen.query_one("#help-keys", Static).render())
        rows = [line.split("  ")[1].split() for line in table.splitlines() if line[:2] == "  "]
        listed = {key for row in rows for key in row}
        assert {"f1", "^p"} <= listed
        for entry in keymap.keys_of(where) + keymap.keys_of(keymap.APP):
            for pressed in entry.keys.split(","):
                character = pressed if len(pressed) == 1 else CHARACTERS.get(pressed)
                typed = focused is not None and focused.check_consume_key(pressed, character)
                if not entry.priority:
                    assert (keymap.written(pressed) in listed) != typed, pressed


async def test_a_question_mark_that_the_form_types_is_not_listed(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press("e", "question_mark")
        assert not isinstance(app.screen, HelpScreen), "it was typed"
        await pilot.press("f1")
        table = str(app.screen.query_one("#help-keys", Static).render())
        assert "?" not in table
        assert "f1" in table
