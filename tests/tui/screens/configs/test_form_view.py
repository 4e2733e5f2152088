"""The form: what it shows, at any size, and where it has nothing to show."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.widgets import Static

from tests.support.app_pilot import burst, until
from tests.support.form_support import all_rows_on, document_of, to_row
from tests.support.proofs import rest_as_proofs
from tui.app import CnnApp
from tui.screens.configs import form_rows
from tui.screens.configs.form import Form
from tui.screens.configs.yaml_editor import YamlEditor

MakeApp = Callable[..., CnnApp]
LARGER = pytest.mark.proof
"""The smallest terminal is the one that is likely to be too small."""


# -- what is seen ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size", [(60, 16), *(pytest.param(size, marks=LARGER) for size in ((80, 24), (100, 30)))]
)
@pytest.mark.parametrize("character", rest_as_proofs(["语", "x", "👍"]))
async def test_the_caret_and_the_text_before_it_stay_in_view(
    make_app: MakeApp, size: tuple[int, int], character: str
) -> None:
    async with make_app().run_test(size=size) as pilot:
        form = await to_row(pilot, "runs_dir")
        await burst(pilot, "ctrl+u", *[character] * 30, "y")
        field = form.field
        assert field.value == character * 30 + "y"
        strip = field.render_line(0)
        assert strip.text.rstrip().endswith(f"{character}y")
        assert field.region.x <= field.cursor_screen_offset.x <= field.region.right
        await burst(pilot, "home")
        assert field.render_line(0).text.startswith(character)
        assert field.cursor_screen_offset.x == field.region.x


@pytest.mark.parametrize(
    "path", rest_as_proofs(["name", "train.epochs", "train.optimizer", "reports_dir"])
)
async def test_the_chosen_row_stays_in_view_when_the_terminal_changes(
    make_app: MakeApp, path: str
) -> None:
    async with make_app().run_test(size=(120, 60)) as pilot:
        form = await to_row(pilot, path)
        for width, height in ((60, 16), (120, 40), (80, 24), (200, 60), (60, 16)):
            await pilot.resize_terminal(width, height)
            await pilot.pause()
            assert form.row.path == path
            assert form.content_region.contains_region(form.field.region), (width, height)


@pytest.mark.proof
async def test_every_row_can_be_reached_and_seen_where_it_is_small(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(60, 16)) as pilot:
        form = await to_row(pilot, "name")
        all_rows_on(document_of(pilot))
        rows = form_rows.rows(document_of(pilot))
        for row in rows:
            assert form.row == row
            await pilot.press("down")
            await pilot.pause()
            assert form.content_region.contains_region(form.field.region), row.path
        assert form.row == rows[-1]


async def test_a_row_that_was_scrolled_away_is_back_when_it_is_changed(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        for path, key in (("name", "x"), ("dataset", "right")):
            form = await to_row(pilot, path)

            def in_view(form: Form = form) -> bool:
                return form.content_region.contains_region(form.field.region)

            form.scroll_end(animate=False)
            await until(pilot, lambda in_view=in_view: not in_view())
            await burst(pilot, key)
            await until(pilot, in_view)


@pytest.mark.parametrize("size", rest_as_proofs([(60, 16), (100, 30), (120, 40)]))
async def test_nothing_covers_the_word_for_what_is_wrong(
    make_app: MakeApp, size: tuple[int, int]
) -> None:
    async with make_app().run_test(size=size) as pilot:
        document = document_of(pilot)
        for path in ("train.optimizer", "train.loss", "data.augment.flip", "train.lr"):
            document.set(path, "nonsense")
            form = await to_row(pilot, path)
            width = form.query_one("#lines").size.width
            line = form.line(form.cursor, width)
            assert line.plain.endswith("✗ error")
            assert line.cell_length == width
            assert form.field.region.right <= form.query_one("#lines").region.right - len("✗ error")


async def test_what_is_wrong_is_marked_beside_its_row(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        form = await to_row(pilot, "train.lr")
        await burst(pilot, "ctrl+u", *"fast")
        assert "✗ error" in form.line(form.cursor, 56).plain
        await burst(pilot, "ctrl+z")
        assert "✗ error" not in form.line(form.cursor, 56).plain


# -- YAML that cannot be read ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    rest_as_proofs(["train: {lr: ", "- a\n", "just words\n", "a: b: c\n", "\tseed: 1\n"]),
)
async def test_the_form_says_that_the_yaml_cannot_be_read_instead_of_showing_values(
    make_app: MakeApp, text: str
) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        form = await to_row(pilot)
        editor = pilot.app.screen.query_one(YamlEditor)
        editor.replace(text, (0, 0), editor.document.end)
        await pilot.pause()
        said = form.query_one("#unreadable", Static)
        assert said.display
        assert "cannot be read" in str(said.render())
        assert not form.query_one("#lines").display
        assert not form.field.display
        editor.replace("dataset: mnist_mini\nmodel: mlp\n", (0, 0), editor.document.end)
        await pilot.pause()
        assert not said.display
        assert form.field.display
        assert document_of(pilot).config is not None


async def test_the_form_says_that_the_file_cannot_be_read(make_app: MakeApp, home: Path) -> None:
    (home / "configs" / "tiny.yaml").write_bytes(b"name: \xff\n")
    async with make_app().run_test(size=(120, 40)) as pilot:
        await pilot.press("e")
        await pilot.pause()
        assert pilot.app.screen.query_one("#unreadable").display
        assert not pilot.app.screen.query_one("#lines").display


async def test_undo_from_the_form_to_yaml_that_cannot_be_read_goes_there(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        document = document_of(pilot)
        good = document.text
        document.type("train: {")
        document.end_edit()
        document.type(good)
        await to_row(pilot, "seed")
        await burst(pilot, "ctrl+z")
        assert not document.readable
        assert pilot.app.screen.query_one(YamlEditor).has_focus
        await burst(pilot, "ctrl+y", "ctrl+t", "x")
        assert document.readable
