"""Lessons in the app: each is walked through, and the screens beside it keep their keys."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from textual.widgets import Input, OptionList, Static

from engine.config import load
from engine.services.configs import resolve
from tests.support.app_pilot import Until, on_screen, seen, settled, tap
from tests.support.image_folders import write_image
from tests.support.proofs import rest_as_proofs
from tests.tui.lessons.test_reader import GOOD, HEAD
from tests.tui.screens.configs.test_import_dialog import asked
from tui import keymap
from tui.app import CnnApp
from tui.launch import launch
from tui.lessons import LessonProblems, Progress, list_lessons, read
from tui.screens.base import BaseScreen
from tui.screens.configs.data.screen import DataScreen
from tui.screens.configs.screen import ConfigsScreen
from tui.screens.dialogs import AskPath, Choose
from tui.screens.evaluate.draw.screen import DrawScreen
from tui.screens.help import HelpScreen
from tui.screens.inspect.bench.screen import BenchScreen
from tui.screens.inspect.screen import InspectScreen
from tui.state.lesson_desk import check_places
from tui.widgets.lesson_pane import LETTERS, LessonPane

MakeApp = Callable[..., CnnApp]
SHIPPED = [path.stem for path in list_lessons()]


def _add(home: Path, text: str = GOOD, name: str = "filters") -> Path:
    path = home / "lessons" / f"{name}.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def _pane(app: CnnApp) -> LessonPane:
    return app.screen.query_one(LessonPane)


@pytest.mark.parametrize("name", rest_as_proofs(SHIPPED))
async def test_every_lesson_can_be_walked_through(
    make_app: MakeApp, until: Until, name: str
) -> None:
    path = next(path for path in list_lessons() if path.stem == name)
    lesson = read(path)
    check_places(lesson)
    questions = [step for step in lesson.steps if step.options]
    assert questions[0].is_prediction, "it begins with a prediction"
    assert any(not step.is_prediction for step in questions), "and has an answer"
    assert any(step.run or step.screen for step in lesson.steps), "and something to see"
    for step in lesson.steps:
        assert step.is_prediction or not step.options or sum(o.right for o in step.options) == 1
        assert step.is_prediction or all(option.why for option in step.options), step.title
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        app.lesson_actions.open(path)
        await settled(pilot, until)
        assert isinstance(app.focused, LessonPane)
        for number, step in enumerate(lesson.steps):
            assert app.lessons.step == step
            await until(pilot, lambda step=step: step.title[:40] in seen(app))
            if step.options:
                right = [i for i, o in enumerate(step.options) if o.right or step.is_prediction]
                await pilot.press(LETTERS[right[0]])
                assert app.lessons.answer == right[0]
            if number + 1 < len(lesson.steps):
                await pilot.press("n")
    assert Progress.load().words(lesson) == "✓ done"


@pytest.mark.parametrize("size", rest_as_proofs([(80, 24), (200, 60), (60, 16)]), ids=str)
@pytest.mark.proof
async def test_the_lesson_stays_beside_every_screen(
    make_app: MakeApp, home: Path, until: Until, size: tuple[int, int]
) -> None:
    path = _add(home)
    app = make_app()
    async with app.run_test(size=size) as pilot:
        app.lesson_actions.open(path)
        await settled(pilot, until)
        await pilot.press("escape")
        for spec in keymap.tabs():
            await pilot.press(spec.key)
            screen = await on_screen(pilot, BaseScreen)
            await settled(pilot, until)
            assert spec.id == screen.WHERE, "the screens' keys work beside the lesson"
            await until(pilot, lambda: any(p.region.height for p in app.screen.query(LessonPane)))
            pane = _pane(app)
            await until(pilot, lambda: "1/3" in seen(app))
            left = screen.size.width - pane.room(app.lessons)[0]
            rows = pane.region.y if left == screen.size.width else screen.size.height
            assert left >= 60, seen(app)
            assert rows >= 15, seen(app)
            for widget in screen.query("*"):
                if widget.focusable and widget.display and widget is not pane:
                    assert not widget.region.overlaps(pane.region), widget
            await pilot.press("8")
            assert screen.focused is pane
            await until(pilot, lambda: "happens" in seen(app))
            await pilot.press("escape")
            assert screen.focused is not pane


@pytest.mark.proof
async def test_a_lesson_is_listed_opened_put_away_and_found_at_its_step(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    _add(home, GOOD.replace("minutes: 5", "minutes: 5\nneeds: a pen"))
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press("8")
        await on_screen(pilot, Choose)
        options = app.screen.query_one(OptionList)
        await until(pilot, lambda: "Filters  5 min, needs a pen" in seen(app))
        options.highlighted = options.option_count - 1
        await pilot.press("enter")
        await settled(pilot, until)
        assert app.lessons.step.title == "Predict"
        await pilot.press("b")
        await until(pilot, lambda: "● b  something" in seen(app))
        await pilot.press("p", "n", "n")
        assert app.lessons.step.title == "Answer"
        await until(pilot, lambda: "You predicted: something" in seen(app))
        await pilot.press("a")
        await until(pilot, lambda: "✗ a  nothing" in seen(app))
        await until(pilot, lambda: "Look again, at the left." in seen(app))
        await pilot.press("n")
        await on_screen(pilot, Choose)
        await pilot.press("escape", "8")
        assert not _pane(app).display
    again = make_app()
    async with again.run_test() as pilot:
        await pilot.press("8")
        await on_screen(pilot, Choose)
        await until(pilot, lambda: "step 3 of 3" in seen(again))
        again.screen.query_one(OptionList).highlighted = options.option_count - 1
        await pilot.press("enter")
        await settled(pilot, until)
        await until(pilot, lambda: "✗ a  nothing" in seen(again))


async def test_a_step_trains_its_config_and_leaves_unsaved_changes_alone(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    text = GOOD.replace("run: quickstart", "run: tiny").replace("screen: inspect\nkey: e\n", "")
    path = _add(home, text)
    app = make_app()
    app.workspace.document.set("seed", 7)
    async with app.run_test() as pilot:
        app.lesson_actions.open(path)
        await settled(pilot, until)
        await tap(pilot, "n", "enter")
        await until(pilot, lambda: app.training.ended and not app.training.running)
        assert app.training.config == load(resolve("tiny"), ["train.epochs=1"])
        assert app.workspace.document.values["seed"] == 7
        assert app.workspace.document.dirty
        assert app.screen.WHERE == "train"  # type: ignore[attr-defined]
        await until(pilot, lambda: _pane(app).display)


async def test_letters_are_the_screens_own_while_the_lesson_has_not_the_focus(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    path = _add(home)
    app = make_app()
    async with app.run_test() as pilot:
        app.lesson_actions.open(path)
        await settled(pilot, until)
        await pilot.press("escape", "p")
        assert app.lessons.answer is None
        assert app.lessons.place.step == 0


async def test_a_letter_that_is_no_answer_is_the_screens_own(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        app.lesson_actions.open(_add(home))
        await settled(pilot, until)
        assert isinstance(app.focused, LessonPane)
        await pilot.press("d")
        await on_screen(pilot, DataScreen)


async def test_enter_shows_the_screen_itself_where_another_was_left_open_over_it(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, until)
        await pilot.press("3")
        await settled(pilot, until)
        await pilot.press("b")
        await on_screen(pilot, BenchScreen)
        await settled(pilot, until)
        await pilot.press("1")
        app.lesson_actions.open(
            _add(home, GOOD.replace("run: quickstart\nset: [train.epochs=1]", ""))
        )
        await settled(pilot, until)
        await pilot.press("n")
        await until(pilot, lambda: "→ enter goes to screen 3 Inspect, then press e" in seen(app))
        await pilot.press("enter")
        await on_screen(pilot, InspectScreen)


async def test_ten_images_of_ones_own_become_a_network_that_knows_a_new_one(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    for kind in ("circle", "cross"):
        for number in range(5):
            write_image(home / "things" / kind / f"{number}.png", _drawn(kind, number))
    write_image(home / "new.png", _drawn("circle", 7))
    (path,) = (path for path in list_lessons() if path.stem.startswith("6"))
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        app.lesson_actions.open(path)
        await settled(pilot, until)

        async def do(title: str, *keys: str) -> None:
            """Turn to a step, and do what its first line says."""
            while app.lessons.step.title != title:
                await tap(pilot, "n")
            await tap(pilot, "enter", *keys)
            await settled(pilot, until)

        await do("Import them")
        await asked(pilot, until, source="things", size="28", ink="yes")
        await tap(pilot, "enter")
        await until(pilot, lambda: app.workspace.document.name == "things")
        await on_screen(pilot, ConfigsScreen)
        await tap(pilot, "8")
        await do("Look at the data", "d")
        await on_screen(pilot, DataScreen)
        await until(pilot, lambda: "1×28×28  2 classes  8 train + 2 test" in seen(app))
        await tap(pilot, "a", "8")
        app.workspace.document.override(["train.epochs=15"])  # of sixty
        await do("Train", "r")
        await until(pilot, lambda: app.training.ended and not app.training.running)
        last = app.training.history[-1]
        assert (last["acc"], last["val_acc"]) == (1.0, 1.0)
        await tap(pilot, "8")
        await do("Test it yourself", "d")
        screen = await on_screen(pilot, DrawScreen)
        await tap(pilot, "o")
        dialog = await on_screen(pilot, AskPath)
        dialog.query_one(Input).value = "new.png"
        await tap(pilot, "enter")
        await until(pilot, lambda: app.screen is screen and "circle ━━━━━━" in seen(app))


def _drawn(kind: str, number: int) -> np.ndarray:
    """A circle or a cross, dark on bright paper; (1, 48, 48), somewhere else for each number."""
    row, column = np.ogrid[:48, :48]
    y, x = row - 21 - number % 3, column - 19 - number
    if kind == "circle":
        stroke = abs(np.hypot(x, y) - 14 - number % 2) < 3
    else:
        stroke = (np.minimum(abs(x - y), abs(x + y)) < 4) & (np.maximum(abs(x), abs(y)) < 15)
    return np.where(stroke, 30, 230).astype(np.uint8)[None]


async def test_a_broken_lesson_is_told_in_the_list_and_none_is_opened(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    path = _add(home, HEAD + "words\n", "broken")
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press("8")
        await on_screen(pilot, Choose)
        await until(pilot, lambda: "✗ broken  lessons/broken.md:5: text above" in seen(app))
        await pilot.press("escape")
        app.lesson_actions.open(path)
        await settled(pilot, until)
        assert any("text above the first step" in n.message for n in app._notifications)
        assert app.lessons.lesson is None


@pytest.mark.parametrize(
    ("screen", "key", "words"),
    [("inspct", "e", "Did you mean 'inspect'?"), ("inspect", "§", "Inspect has no key '§'")],
)
def test_a_screen_or_key_that_the_app_has_not_is_told_by_line(
    home: Path, screen: str, key: str, words: str
) -> None:
    text = GOOD.replace("screen: inspect", f"screen: {screen}").replace("key: e", f"key: {key}")
    with pytest.raises(LessonProblems, match=r"filters\.md:18: ") as told:
        check_places(read(_add(home, text)))
    assert words in str(told.value)


async def test_a_lesson_of_the_command_line_has_the_focus_and_help_lists_no_key_that_it_takes(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    app = make_app()
    app.lessons.open(read(_add(home)))
    async with app.run_test() as pilot:
        await until(pilot, lambda: isinstance(app.focused, LessonPane))
        await settled(pilot, until)
        await pilot.press("question_mark")
        await on_screen(pilot, HelpScreen)
        await until(pilot, lambda: "A lesson: predict, run, see, answer" in seen(app))
        table = str(app.screen.query_one("#help-keys", Static).render())
        keys = {key for line in table.splitlines() for key in line[:15].split()}
        assert "w" in keys, "Save, of the screen"
        assert not keys & {"p", "n", "esc"}, "the lesson's own"
        assert {"d", "e"} <= keys, "no answers of this step"


def test_a_lesson_that_the_app_cannot_show_ends_it_before_it_begins(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lesson = read(_add(home, GOOD.replace("screen: inspect", "screen: inspct")))
    assert launch(None, lesson=lesson) == 2
    assert "filters.md:18: no screen is named 'inspct'. Did you mean" in capsys.readouterr().err
