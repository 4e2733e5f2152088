"""The form: what is typed into it arrives, whatever comes at the same time."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Static
from tui_support import Until, burst

from tui import formrows
from tui.app import CnnApp
from tui.document import Document
from tui.screens.configs import ConfigsScreen
from tui.screens.edit import EditScreen
from tui.screens.train import TrainScreen
from tui.widgets.form import Form
from tui.widgets.yamleditor import YamlEditor

MakeApp = Callable[..., CnnApp]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a second may pass between two keys."""
    monkeypatch.setattr("tui.document._PAUSE", 600.0)


async def _form(pilot: Pilot, path: str = "") -> Form:
    """The editor's form, with the cursor on a row."""
    if not isinstance(pilot.app.screen, EditScreen):
        await pilot.press("e")
    form = pilot.app.screen.query_one(Form)
    form.focus()
    if path:
        form.focus_row(path)
    await pilot.pause()
    assert not path or form.row.path == path
    return form


def _document(pilot: Pilot) -> Document:
    app = pilot.app
    assert isinstance(app, CnnApp)
    return app.workspace.document


def _all_rows_on(document: Document) -> None:
    """Switch on all that brings rows of its own."""
    document.set("train.warmup", {"steps": 10})
    document.set("train.scheduler", {"name": "one_cycle"})
    document.set(
        "callbacks",
        [
            {"early_stopping": {"monitor": "val_loss"}},
            {"checkpoint": {"filepath": "a.npz"}},
            {"csv_logger": {"filepath": "a.csv"}},
        ],
    )
    document.end_edit()


# -- keys arrive ----------------------------------------------------------------------------------


@pytest.mark.parametrize("gap", [0.0, 0.001, 0.005, 0.02])
async def test_digits_arrive_however_fast_they_are_typed(make_app: MakeApp, gap: float) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        form = await _form(pilot, "seed")
        before = _document(pilot).text
        await burst(pilot, "ctrl+u", *"1234567890", gap=gap)
        assert form.field.value == "1234567890"
        assert _document(pilot).values["seed"] == 1234567890
        assert "seed: 1234567890" in pilot.app.screen.query_one(YamlEditor).text
        await burst(pilot, "ctrl+z")
        assert _document(pilot).text == before


async def test_keys_without_a_pause_arrive_in_order_on_every_row_and_are_undone_in_one_go(
    make_app: MakeApp,
) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        document = _document(pilot)
        _all_rows_on(document)
        rows = [row for row in formrows.rows(document) if formrows.is_text(row)]
        assert len(rows) > 30
        for row in rows:
            await _form(pilot, row.path)
            before = document.text
            keys = ["end", "ctrl+u", *"12", "backspace", "3", "left", "4", "home", "5"]
            await burst(pilot, *keys)
            value = formrows.value_at(document.values, row.path)
            assert value == formrows.parse(row, "5143"), row.path
            await burst(pilot, "ctrl+z")
            assert document.text == before, row.path


async def test_keys_without_a_pause_choose_on_every_row_and_are_undone_in_one_go(
    make_app: MakeApp,
) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        document = _document(pilot)
        _all_rows_on(document)
        rows = [row for row in formrows.rows(document) if row.options]
        assert len(rows) > 10
        for row in rows:
            form = await _form(pilot, row.path)
            before = document.text
            given = formrows.shown(document, row)
            here = row.options.index(given) if given else -1
            await burst(pilot, "right", "right", "left", "down")
            chosen = row.options[(here + 1) % len(row.options)]
            assert formrows.shown(document, row) == chosen, row.path
            assert form.row.path != row.path
            await burst(pilot, "ctrl+z")
            assert document.text == before, row.path


async def test_each_key_goes_to_the_row_that_the_key_before_it_led_to(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        await _form(pilot, "train.epochs")
        document = _document(pilot)
        await burst(pilot, "ctrl+u", "7", "down", "ctrl+u", *"32", "enter", "ctrl+u", *".5")
        train = document.values["train"]
        assert (train["epochs"], train["batch_size"], train["lr"]) == (7, 32, 0.5)
        await burst(pilot, *["ctrl+z"] * 3)
        assert not document.dirty


async def test_a_row_that_was_just_switched_on_takes_the_next_key(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        await _form(pilot, "train.scheduler")
        await burst(pilot, "s", "down", "ctrl+u", "9")
        assert _document(pilot).values["train"]["scheduler"] == {"name": "step", "step_size": 9}


async def test_what_was_typed_is_saved_trained_and_left_behind(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await _form(pilot, "train.epochs")
        await burst(pilot, "ctrl+u", "7", "ctrl+s")
        assert "epochs: 7 " in (home / "configs" / "tiny.yaml").read_text()
        await burst(pilot, "ctrl+u", "1", "down", "down", "ctrl+u", *"0.125", "ctrl+r")
        await until(pilot, lambda: isinstance(app.screen, TrainScreen))
        assert app.training.config is not None
        train = app.training.config.train
        assert (train.epochs, train.lr) == (1, 0.125)
        app.training.stop()
        await until(pilot, lambda: not app.training.running)


async def test_keys_after_leaving_are_no_text(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        await _form(pilot, "seed")
        before = _document(pilot).text
        await burst(pilot, "escape", "p")
        assert isinstance(pilot.app.screen, ConfigsScreen)
        assert pilot.app.screen.has_class("-yaml")
        assert _document(pilot).text == before


@pytest.mark.parametrize("key", ["tab", "ctrl+t"])
async def test_keys_after_going_to_the_yaml_are_typed_there(make_app: MakeApp, key: str) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        await _form(pilot, "seed")
        await burst(pilot, "ctrl+u", *"12", key, *"# q")
        document = _document(pilot)
        assert document.text.startswith("# q")
        assert document.values["seed"] == 12
        await burst(pilot, "ctrl+z")
        assert not document.text.startswith("# q")
        assert document.values["seed"] == 12
        await burst(pilot, "ctrl+z")
        assert not document.dirty


async def test_keys_without_a_pause_arrive_in_order_in_the_yaml(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        await _form(pilot)
        document = _document(pilot)
        before = document.text
        await burst(pilot, "ctrl+t", *"# ab", "backspace", "c", "left", "d", "end", "e", "enter")
        editor = pilot.app.screen.query_one(YamlEditor)
        first, _, rest = before.partition("\n")
        assert document.text == f"# adc{first}e\n\n{rest}"
        assert editor.text == document.text
        await burst(pilot, "ctrl+z")
        assert document.text == before
        assert editor.text == before


@pytest.mark.parametrize(
    ("line", "column", "indent"),
    [
        ("seed: 1", None, 0),
        ("train:", None, 2),
        ("train:   # how", None, 2),
        ("  lr: 0.1", None, 2),
        ("  scheduler:", None, 4),
        ("  - Flatten", None, 2),
        ("  - Conv2D:", None, 6),
        ("- - a:", None, 6),
        ("    # note:", None, 4),
        ("  lr: 0.1", 1, 1),
        ("", None, 0),
    ],
)
async def test_enter_indents_the_next_line_of_the_yaml(
    make_app: MakeApp, line: str, column: int | None, indent: int
) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        await _form(pilot)
        await burst(pilot, "ctrl+t")
        editor = pilot.app.screen.query_one(YamlEditor)
        editor.replace(f"{line}\nlast: 1\n", (0, 0), editor.document.end)
        column = len(line) if column is None else column
        editor.move_cursor((0, column))
        await burst(pilot, "enter", "x")
        first, second = line[:column], " " * indent + "x" + line[column:]
        assert _document(pilot).text == f"{first}\n{second}\nlast: 1\n"


async def test_form_and_yaml_never_write_back_an_older_text(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        form = await _form(pilot, "seed")
        document, editor = _document(pilot), pilot.app.screen.query_one(YamlEditor)
        for i in range(5):  # both change before any message has been handled
            form.field.replace(f"{i}", 0, len(form.field.value))
            editor.insert(f"# {i}\n", (0, 0))
        await pilot.pause()
        assert document.values["seed"] == 4
        assert document.text.startswith("# 4\n# 3\n# 2\n# 1\n# 0\n")
        assert editor.text == document.text
        versions = document.version
        await pilot.pause()
        assert document.version == versions


@pytest.mark.parametrize("typed", ["null", "~", "#5", "0x10", "1e", "-", "[1, 2", "a: b", "'"])
async def test_no_text_is_changed_while_it_is_typed(make_app: MakeApp, typed: str) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        form = await _form(pilot, "train.clip_norm")
        await burst(pilot, *typed)
        assert form.field.value == typed


async def test_a_change_that_was_taken_back_by_hand_is_not_undone_again(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        await _form(pilot, "train.epochs")
        document = _document(pilot)
        await burst(pilot, "ctrl+u", "7", "down", "ctrl+u", "1", "ctrl+u", *"64")
        assert document.values["train"]["batch_size"] == 64
        await burst(pilot, "ctrl+z")
        assert not document.dirty


async def test_opening_the_editor_changes_nothing(make_app: MakeApp, home: Path) -> None:
    path = home / "configs" / "tiny.yaml"
    text = path.read_text().replace("\n", "\r\n", 3)
    path.write_text(text, newline="")
    async with make_app().run_test(size=(120, 40)) as pilot:
        await _form(pilot)
        await burst(pilot, "ctrl+t", "down", "ctrl+t", "down")
        assert not _document(pilot).dirty


# -- what is pasted -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pasted", ["12\r34", "12\n34", "12\r\n34", "\r\n12\r", "12\x0b3", "1\x1b2"]
)
async def test_a_pasted_line_end_does_not_join_lines(make_app: MakeApp, pasted: str) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        form = await _form(pilot, "seed")
        await burst(pilot, "ctrl+u")
        pilot.app.post_message(events.Paste(pasted))
        await pilot.pause()
        assert form.field.value == "12"
        assert _document(pilot).values["seed"] == 12


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
async def test_line_ends_pasted_into_the_yaml_are_line_ends(make_app: MakeApp, end: str) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        await _form(pilot)
        await burst(pilot, "ctrl+t")
        pilot.app.post_message(events.Paste(f"# a{end}# b{end}"))
        await pilot.pause()
        assert _document(pilot).text.startswith("# a\n# b\n")


async def test_nothing_is_pasted_or_cut_where_options_are_chosen(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        form = await _form(pilot, "train.optimizer")
        pilot.app.post_message(events.Paste("12"))
        await burst(pilot, "ctrl+u", "ctrl+k", "ctrl+w", "ctrl+x", "ctrl+v", "home", "end")
        await pilot.pause()
        assert form.field.value == ""
        assert not _document(pilot).dirty


# -- what is seen ---------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (100, 30)])
@pytest.mark.parametrize("character", ["x", "语", "👍"])
async def test_the_caret_and_the_text_before_it_stay_in_view(
    make_app: MakeApp, size: tuple[int, int], character: str
) -> None:
    async with make_app().run_test(size=size) as pilot:
        form = await _form(pilot, "runs_dir")
        await burst(pilot, "ctrl+u", *[character] * 30, "y")
        field = form.field
        assert field.value == character * 30 + "y"
        strip = field.render_line(0)
        assert strip.text.rstrip().endswith(f"{character}y")
        assert field.region.x <= field.cursor_screen_offset.x <= field.region.right
        await burst(pilot, "home")
        assert field.render_line(0).text.startswith(character)
        assert field.cursor_screen_offset.x == field.region.x


@pytest.mark.parametrize("path", ["name", "train.epochs", "train.optimizer", "reports_dir"])
async def test_the_chosen_row_stays_in_view_when_the_terminal_changes(
    make_app: MakeApp, path: str
) -> None:
    async with make_app().run_test(size=(120, 60)) as pilot:
        form = await _form(pilot, path)
        for width, height in ((60, 16), (120, 40), (80, 24), (200, 60), (60, 16)):
            await pilot.resize_terminal(width, height)
            await pilot.pause()
            assert form.row.path == path
            assert form.content_region.contains_region(form.field.region), (width, height)


async def test_every_row_can_be_reached_and_seen_where_it_is_small(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(60, 16)) as pilot:
        form = await _form(pilot, "name")
        _all_rows_on(_document(pilot))
        rows = formrows.rows(_document(pilot))
        for row in rows:
            assert form.row == row
            await pilot.press("down")
            await pilot.pause()
            assert form.content_region.contains_region(form.field.region), row.path
        assert form.row == rows[-1]


async def test_a_row_that_was_scrolled_away_is_back_when_it_is_changed(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        for path, key in (("name", "x"), ("dataset", "right")):
            form = await _form(pilot, path)
            form.scroll_end(animate=False)
            await pilot.pause()
            assert not form.content_region.contains_region(form.field.region)
            await burst(pilot, key)
            assert form.content_region.contains_region(form.field.region)


@pytest.mark.parametrize("size", [(60, 16), (100, 30), (120, 40)])
async def test_nothing_covers_the_word_for_what_is_wrong(
    make_app: MakeApp, size: tuple[int, int]
) -> None:
    async with make_app().run_test(size=size) as pilot:
        document = _document(pilot)
        for path in ("train.optimizer", "train.loss", "data.augment.flip", "train.lr"):
            document.set(path, "nonsense")
            form = await _form(pilot, path)
            width = form.query_one("#lines").size.width
            line = form.line(form.cursor, width)
            assert line.plain.endswith("✗ wrong")
            assert line.cell_length == width
            assert form.field.region.right <= form.query_one("#lines").region.right - len("✗ wrong")


async def test_what_is_wrong_is_marked_beside_its_row(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        form = await _form(pilot, "train.lr")
        await burst(pilot, "ctrl+u", *"fast")
        assert "✗ wrong" in form.line(form.cursor, 56).plain
        await burst(pilot, "ctrl+z")
        assert "✗ wrong" not in form.line(form.cursor, 56).plain


# -- YAML that cannot be read ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["train: {lr: ", "- a\n", "just words\n", "a: b: c\n", "\tseed: 1\n"]
)
async def test_the_form_says_that_the_yaml_cannot_be_read_instead_of_showing_values(
    make_app: MakeApp, text: str
) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        form = await _form(pilot)
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
        assert _document(pilot).config is not None


async def test_the_form_says_that_the_file_cannot_be_read(make_app: MakeApp, home: Path) -> None:
    (home / "configs" / "tiny.yaml").write_bytes(b"name: \xff\n")
    async with make_app().run_test(size=(120, 40)) as pilot:
        await pilot.press("e")
        await pilot.pause()
        assert pilot.app.screen.query_one("#unreadable").display
        assert not pilot.app.screen.query_one("#lines").display


async def test_undo_from_the_form_to_yaml_that_cannot_be_read_goes_there(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        document = _document(pilot)
        good = document.text
        document.type("train: {")
        document.end_edit()
        document.type(good)
        await _form(pilot, "seed")
        await burst(pilot, "ctrl+z")
        assert not document.readable
        assert pilot.app.screen.query_one(YamlEditor).has_focus
        await burst(pilot, "ctrl+y", "ctrl+t", "x")
        assert document.readable
