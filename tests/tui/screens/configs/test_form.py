"""The form: what is typed into it arrives, whatever comes at the same time."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual import events

from tests.support.app_pilot import Until, burst, on_screen
from tests.support.form_support import all_rows_on, document_of, to_row
from tests.support.proofs import rest_as_proofs
from tui.app import CnnApp
from tui.screens.configs import form_rows
from tui.screens.configs.screen import ConfigsScreen
from tui.screens.configs.yaml_editor import YamlEditor
from tui.screens.train.screen import TrainScreen

MakeApp = Callable[..., CnnApp]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a second may pass between two keys."""
    monkeypatch.setattr("tui.state.document._PAUSE", 600.0)


# -- keys arrive ----------------------------------------------------------------------------------


@pytest.mark.parametrize("gap", rest_as_proofs([0.0, 0.001, 0.005, 0.02]))
async def test_digits_arrive_however_fast_they_are_typed(make_app: MakeApp, gap: float) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        form = await to_row(pilot, "seed")
        before = document_of(pilot).text
        await burst(pilot, "ctrl+u", *"1234567890", gap=gap)
        assert form.field.value == "1234567890"
        assert document_of(pilot).values["seed"] == 1234567890
        assert "seed: 1234567890" in pilot.app.screen.query_one(YamlEditor).text
        await burst(pilot, "ctrl+z")
        assert document_of(pilot).text == before


@pytest.mark.proof
async def test_keys_without_a_pause_arrive_in_order_on_every_row_and_are_undone_in_one_go(
    make_app: MakeApp,
) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        document = document_of(pilot)
        all_rows_on(document)
        rows = [row for row in form_rows.rows(document) if form_rows.is_text(row)]
        assert len(rows) > 30
        for row in rows:
            await to_row(pilot, row.path)
            before = document.text
            keys = ["end", "ctrl+u", *"12", "backspace", "3", "left", "4", "home", "5"]
            await burst(pilot, *keys)
            value = form_rows.value_at(document.values, row.path)
            assert value == form_rows.parse(row, "5143"), row.path
            await burst(pilot, "ctrl+z")
            assert document.text == before, row.path


@pytest.mark.proof
async def test_keys_without_a_pause_choose_on_every_row_and_are_undone_in_one_go(
    make_app: MakeApp,
) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        document = document_of(pilot)
        all_rows_on(document)
        rows = [row for row in form_rows.rows(document) if row.options]
        assert len(rows) > 10
        for row in rows:
            form = await to_row(pilot, row.path)
            before = document.text
            given = form_rows.shown(document, row)
            here = row.options.index(given) if given else -1
            await burst(pilot, "right", "right", "left", "down")
            chosen = row.options[(here + 1) % len(row.options)]
            assert form_rows.shown(document, row) == chosen, row.path
            assert form.row.path != row.path
            await burst(pilot, "ctrl+z")
            assert document.text == before, row.path


async def test_each_key_goes_to_the_row_that_the_key_before_it_led_to(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        await to_row(pilot, "train.epochs")
        document = document_of(pilot)
        await burst(pilot, "ctrl+u", "7", "down", "ctrl+u", *"32", "enter", "ctrl+u", *".5")
        train = document.values["train"]
        assert (train["epochs"], train["batch_size"], train["lr"]) == (7, 32, 0.5)
        await burst(pilot, *["ctrl+z"] * 3)
        assert not document.dirty


async def test_a_row_that_was_just_switched_on_takes_the_next_key(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        await to_row(pilot, "train.scheduler")
        await burst(pilot, "s", "down", "ctrl+u", "9")
        assert document_of(pilot).values["train"]["scheduler"] == {"name": "step", "step_size": 9}


async def test_what_was_typed_is_saved_trained_and_left_behind(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await to_row(pilot, "train.epochs")
        await burst(pilot, "ctrl+u", "7", "ctrl+s")
        assert "epochs: 7 " in (home / "configs" / "tiny.yaml").read_text()
        await burst(pilot, "ctrl+u", "1", "down", "down", "ctrl+u", *"0.125", "ctrl+r")
        await on_screen(pilot, TrainScreen)
        assert app.training.config is not None
        train = app.training.config.train
        assert (train.epochs, train.lr) == (1, 0.125)
        app.training.stop()
        await until(pilot, lambda: not app.training.running)


async def test_keys_after_leaving_are_no_text(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        await to_row(pilot, "seed")
        before = document_of(pilot).text
        await burst(pilot, "escape", "p")
        await on_screen(pilot, ConfigsScreen)
        assert pilot.app.screen.has_class("-yaml")
        assert document_of(pilot).text == before


@pytest.mark.parametrize("key", ["tab", "ctrl+t"])
async def test_keys_after_going_to_the_yaml_are_typed_there(make_app: MakeApp, key: str) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        await to_row(pilot, "seed")
        await burst(pilot, "ctrl+u", *"12", key, *"# q")
        document = document_of(pilot)
        assert document.text.startswith("# q")
        assert document.values["seed"] == 12
        await burst(pilot, "ctrl+z")
        assert not document.text.startswith("# q")
        assert document.values["seed"] == 12
        await burst(pilot, "ctrl+z")
        assert not document.dirty


async def test_keys_without_a_pause_arrive_in_order_in_the_yaml(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        await to_row(pilot)
        document = document_of(pilot)
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
    rest_as_proofs(
        [
            ("train:", None, 2),
            ("seed: 1", None, 0),
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
        rows=True,
    ),
)
async def test_enter_indents_the_next_line_of_the_yaml(
    make_app: MakeApp, line: str, column: int | None, indent: int
) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        await to_row(pilot)
        await burst(pilot, "ctrl+t")
        editor = pilot.app.screen.query_one(YamlEditor)
        editor.replace(f"{line}\nlast: 1\n", (0, 0), editor.document.end)
        column = len(line) if column is None else column
        editor.move_cursor((0, column))
        await burst(pilot, "enter", "x")
        first, second = line[:column], " " * indent + "x" + line[column:]
        assert document_of(pilot).text == f"{first}\n{second}\nlast: 1\n"


async def test_form_and_yaml_never_write_back_an_older_text(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        form = await to_row(pilot, "seed")
        document, editor = document_of(pilot), pilot.app.screen.query_one(YamlEditor)
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


@pytest.mark.parametrize(
    "typed", rest_as_proofs(["null", "~", "#5", "0x10", "1e", "-", "[1, 2", "a: b", "'"])
)
async def test_no_text_is_changed_while_it_is_typed(make_app: MakeApp, typed: str) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        form = await to_row(pilot, "train.clip_norm")
        await burst(pilot, *typed)
        assert form.field.value == typed


async def test_a_change_that_was_taken_back_by_hand_is_not_undone_again(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        await to_row(pilot, "train.epochs")
        document = document_of(pilot)
        await burst(pilot, "ctrl+u", "7", "down", "ctrl+u", "1", "ctrl+u", *"64")
        assert document.values["train"]["batch_size"] == 64
        await burst(pilot, "ctrl+z")
        assert not document.dirty


async def test_opening_the_editor_changes_nothing(make_app: MakeApp, home: Path) -> None:
    path = home / "configs" / "tiny.yaml"
    text = path.read_text().replace("\n", "\r\n", 3)
    path.write_text(text, newline="")
    async with make_app().run_test(size=(120, 40)) as pilot:
        await to_row(pilot)
        await burst(pilot, "ctrl+t", "down", "ctrl+t", "down")
        assert not document_of(pilot).dirty


# -- what is pasted -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pasted",
    rest_as_proofs(["12\r34", "12\n34", "12\r\n34", "\r\n12\r", "12\x0b3", "1\x1b2"], every=3),
)
async def test_a_pasted_line_end_does_not_join_lines(make_app: MakeApp, pasted: str) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        form = await to_row(pilot, "seed")
        await burst(pilot, "ctrl+u")
        pilot.app.post_message(events.Paste(pasted))
        await pilot.pause()
        assert form.field.value == "12"
        assert document_of(pilot).values["seed"] == 12


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
async def test_line_ends_pasted_into_the_yaml_are_line_ends(make_app: MakeApp, end: str) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        await to_row(pilot)
        await burst(pilot, "ctrl+t")
        pilot.app.post_message(events.Paste(f"# a{end}# b{end}"))
        await pilot.pause()
        assert document_of(pilot).text.startswith("# a\n# b\n")


async def test_nothing_is_pasted_or_cut_where_options_are_chosen(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        form = await to_row(pilot, "train.optimizer")
        pilot.app.post_message(events.Paste("12"))
        await burst(pilot, "ctrl+u", "ctrl+k", "ctrl+w", "ctrl+x", "ctrl+v", "home", "end")
        await pilot.pause()
        assert form.field.value == ""
        assert not document_of(pilot).dirty
