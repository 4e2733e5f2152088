"""The editor: form and YAML follow each other."""

from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import OptionList

from tests.support.app_pilot import on_screen
from tests.support.form_support import move_to
from tui.app import CnnApp
from tui.screens.configs.edit_screen import EditScreen
from tui.screens.configs.form import Form
from tui.screens.configs.screen import ConfigsScreen
from tui.screens.configs.yaml_editor import YamlEditor
from tui.screens.train.screen import TrainScreen

MakeApp = Callable[..., CnnApp]


async def _go_to(pilot: Pilot, path: str) -> Form:
    form = pilot.app.screen.query_one(Form)
    form.focus()
    move_to(form, path)
    await pilot.pause()
    return form


def _rewrite(pilot: Pilot, text: str) -> None:
    """Write another text over that in the YAML editor."""
    editor = pilot.app.screen.query_one(YamlEditor)
    editor.replace(text, (0, 0), editor.document.end)


async def test_the_yaml_follows_the_form(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("e")
        await _go_to(pilot, "train.epochs")
        await pilot.press("backspace", "5")
        editor = app.screen.query_one(YamlEditor)
        assert "epochs: 5      # two are enough" in editor.text
        await _go_to(pilot, "train.optimizer")
        await pilot.press("right")
        assert "optimizer: momentum" in editor.text
        await pilot.press("a", "a")
        assert "optimizer: adamw" in editor.text


async def test_the_form_follows_the_yaml(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("e")
        form = await _go_to(pilot, "train.lr")
        editor = app.screen.query_one(YamlEditor)
        _rewrite(pilot, editor.text.replace("lr: 0.05", "lr: 0.25  # by hand"))
        assert form.field.value == "0.25"
        await pilot.press("end", "0")
        assert "lr: 0.250" in editor.text or "lr: 0.25  # by hand" in editor.text


async def test_rows_come_and_go_with_what_is_switched_on(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("e")
        form = await _go_to(pilot, "train.scheduler")
        await pilot.press("right")
        assert form.row.path == "train.scheduler"
        await pilot.press("down")
        assert form.row.path == "train.scheduler.step_size"
        await pilot.press("up", "left")
        assert app.workspace.document.values["train"].get("scheduler") is None
        await pilot.press("down")
        assert form.row.path == "train.warmup"


async def test_errors_as_you_type_with_line_and_column(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("e")
        await _go_to(pilot, "train.lr")
        await pilot.press("x")
        problems = app.screen.query_one("#problems", OptionList)
        assert problems.display
        assert "12:7" in str(problems.get_option_at_index(0).prompt)
        assert "train.lr" in str(problems.get_option_at_index(0).prompt)
        await pilot.press("f8")
        editor = app.screen.query_one(YamlEditor)
        assert editor.has_focus
        assert editor.cursor_location == (11, 6)
        await pilot.press("ctrl+z")
        assert not problems.display
        assert app.workspace.document.config is not None


async def test_undo_goes_through_form_and_yaml_alike(make_app: MakeApp, home: Path) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        before = app.workspace.document.text
        await pilot.press("e")
        await _go_to(pilot, "train.optimizer")
        await pilot.press("right")
        editor = app.screen.query_one(YamlEditor)
        editor.focus()
        editor.move_cursor((0, 0))
        await pilot.press("#")
        assert editor.text.startswith("##")
        await pilot.press("ctrl+z")
        assert "optimizer: momentum" in editor.text
        await pilot.press("ctrl+z")
        assert editor.text == before
        await pilot.press("ctrl+y", "ctrl+y", "f2")
        assert (home / "configs" / "tiny.yaml").read_text().startswith("##")


async def test_letters_are_text_in_the_editor(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("e", "ctrl+t")
        editor = app.screen.query_one(YamlEditor)
        editor.move_cursor((0, 2))
        await pilot.press(*"qr2?")
        assert editor.text.startswith("# qr2?")
        await on_screen(pilot, EditScreen)
        await pilot.press("escape")
        await on_screen(pilot, ConfigsScreen)
        assert app.workspace.document.dirty


async def test_a_name_that_was_cut_off_is_edited_in_the_form(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("e")
        await _go_to(pilot, "name")
        await pilot.press(*"q1?-x")
        assert app.workspace.document.values["name"] == "q1?-x"
        assert app.workspace.document.problems[0].path == "name"
        await pilot.press("left", "left", "backspace")
        assert app.workspace.document.values["name"] == "q1-x"
        assert app.workspace.document.problems == []
        await pilot.press("ctrl+u", "ctrl+k")
        assert app.workspace.document.values["name"]  # it may only be empty for a moment
        await pilot.press("down")
        assert "name" not in app.workspace.document.values


async def test_a_click_chooses(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("e")
        form = await _go_to(pilot, "data.augment.flip")
        line = form.cursor - round(form.scroll_y)
        # border and padding, marker, label, then ' false  true '
        await pilot.click(Form, offset=(2 + 20 + 9, 1 + line))
        assert app.workspace.document.values["data"]["augment"]["flip"] is True


async def test_run_from_the_editor_trains_what_is_not_saved(make_app: MakeApp, home: Path) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("e")
        await _go_to(pilot, "train.epochs")
        await pilot.press("backspace", "1", "f5")
        await pilot.pause()
        await on_screen(pilot, TrainScreen)
        assert app.training.config is not None
        assert app.training.config.train.epochs == 1
        assert "epochs: 2" in (home / "configs" / "tiny.yaml").read_text()
        app.training.stop()
