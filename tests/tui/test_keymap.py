from collections.abc import Callable
from importlib import import_module

import pytest
from textual.binding import Binding
from textual.screen import Screen

from tui import keymap
from tui.app import CnnApp
from tui.screens import SCREENS
from tui.screens.configs.edit_screen import EditScreen
from tui.screens.evaluate.draw.screen import DrawScreen
from tui.widgets.key_bar import KeyBar

OVER_OTHERS = {"edit": EditScreen, "draw": DrawScreen}
PLACES = [*(spec.id for spec in SCREENS), *OVER_OTHERS]


def _screen(where: str) -> type[Screen]:
    if where in OVER_OTHERS:
        return OVER_OTHERS[where]
    spec = next(spec for spec in SCREENS if spec.id == where)
    module, name = spec.place.split(":")
    return getattr(import_module(f"tui.screens.{module}"), name)


@pytest.mark.parametrize("where", PLACES)
def test_no_key_has_two_meanings_on_one_screen(where: str) -> None:
    seen: dict[str, str] = {}
    for row in (*keymap.keys_of(where), *keymap.keys_of(keymap.APP)):
        for key in row.keys.split(","):
            assert key not in seen, f"{key}: {row.id} and {seen.get(key)}"
            seen[key] = row.id


def test_every_row_says_what_it_does_and_ids_are_unique() -> None:
    for row in keymap.KEYS:
        assert row.description[0].isupper(), row.id
        assert not row.description.endswith("."), row.id
        assert 0 < len(row.label) <= 14, row.id
        assert row.group, row.id
        assert row.where in (*PLACES, keymap.APP), row.id
    ids = [row.id for row in keymap.KEYS]
    assert len(set(ids)) == len(ids)


def test_every_action_exists() -> None:
    for row in keymap.KEYS:
        name = row.action.split("(")[0]
        owner = CnnApp if row.where == keymap.APP or name.startswith("app.") else _screen(row.where)
        assert hasattr(owner, f"action_{name.removeprefix('app.')}"), row.id


async def test_the_key_bar_shows_at_most_eight_and_fits(make_app: Callable[..., CnnApp]) -> None:
    app = make_app()
    for width in (60, 80):
        async with make_app().run_test(size=(width, 24)) as pilot:
            app = pilot.app  # type: ignore[assignment]
            for key in "123456":
                await pilot.press(key)
                await pilot.pause(0.05)
                bar = app.screen.query_one(KeyBar)
                parts = [part for part in bar._layout() if part.action]
                assert len({part.action for part in parts}) <= 8
                assert sum(len(part.text) for part in bar._layout()) <= width


def test_every_screen_has_the_bindings_of_its_rows() -> None:
    for where in PLACES:
        rows = keymap.keys_of(where)
        bound = {b.id for b in _screen(where).BINDINGS if isinstance(b, Binding)}
        assert {row.id for row in rows} <= bound, where


def test_no_key_that_terminals_take_is_the_only_one() -> None:
    taken = {"ctrl+s", "ctrl+q", "ctrl+b", "ctrl+z", "ctrl+c"}
    for row in keymap.KEYS:
        keys = set(row.keys.split(","))
        assert keys - taken - {f"f{i}" for i in range(1, 13)} or len(keys) > 1, row.id


@pytest.mark.parametrize(
    ("key", "written"),
    [("ctrl+p", "^p"), ("question_mark", "?"), ("escape", "esc"), ("space", "space"), ("D", "D")],
)
def test_keys_are_written_as_people_know_them(key: str, written: str) -> None:
    assert keymap.written(key) == written


def test_the_readmes_table_has_every_key() -> None:
    titles = {
        keymap.APP: "everywhere",
        **{spec.id: spec.title for spec in SCREENS},
        **{where: where for where in OVER_OTHERS},
    }
    table = keymap.markdown(titles)
    for row in keymap.KEYS:
        assert row.description in table
        assert f"`{row.first_shown}`" in table or row.shown
