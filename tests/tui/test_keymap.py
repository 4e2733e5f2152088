from collections.abc import Callable

import pytest
from textual.binding import Binding
from textual.fuzzy import Matcher

from tui import keymap
from tui.app import CnnApp
from tui.widgets.key_bar import KeyBar

PLACES = list(keymap.SCREENS)


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
        of_app = row.where == keymap.APP or name.startswith("app.")
        owner = CnnApp if of_app else keymap.SCREENS[row.where].load()
        assert hasattr(owner, f"action_{name.removeprefix('app.')}"), row.id


async def test_the_key_bar_shows_at_most_eight_and_fits(make_app: Callable[..., CnnApp]) -> None:
    app = make_app()
    for width in (60, 80):
        async with make_app().run_test(size=(width, 24)) as pilot:
            app = pilot.app  # type: ignore[assignment]
            for key in "1234567":
                await pilot.press(key)
                await pilot.pause(0.05)
                bar = app.screen.query_one(KeyBar)
                parts = [part for part in bar._layout() if part.action]
                assert len({part.action for part in parts}) <= 8
                assert sum(len(part.text) for part in bar._layout()) <= width


def test_every_screen_has_the_bindings_of_its_rows() -> None:
    for where in PLACES:
        rows = keymap.keys_of(where)
        bound = {b.id for b in keymap.SCREENS[where].load().BINDINGS if isinstance(b, Binding)}
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


def test_the_table_for_the_docs_has_every_key() -> None:
    table = keymap.markdown()
    for row in keymap.KEYS:
        assert row.description in table
        assert f"`{row.first_shown}`" in table or row.shown


def test_a_registered_screen_gets_a_number_key_and_its_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keymap, "SCREENS", dict(keymap.SCREENS))
    monkeypatch.setattr(keymap, "KEYS", list(keymap.KEYS))
    row = keymap.Key("n", "new", "new", "Begin a note", "Notes")
    keymap.register("notes", "notes:Notes", title="Notes", key="0", hint="for later", keys=(row,))
    assert keymap.tabs()[-1].id == "notes"
    assert [key.id for key in keymap.keys_of("notes")] == ["notes.new"]
    assert keymap.keys_of(keymap.APP)[-1].description == "Notes: for later"


@pytest.mark.parametrize("word", ["draw", "open", "photo", "file", "image", "predict"])
def test_what_a_network_makes_of_a_picture_is_found_by_its_words(word: str) -> None:
    rows = [row for row in keymap.keys_of("evaluate") if Matcher(word).match(row.description)]
    assert "draw" in [row.action for row in rows]
