"""Lessons in the app: each is walked through, and the screens beside it keep their keys."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.widgets import OptionList, Static

from engine.config import load
from engine.services.configs import resolve
from tests.support.app_pilot import Until, on_screen, seen, settled, tap
from tests.support.proofs import rest_as_proofs
from tests.tui.lessons.test_reader import GOOD, HEAD
from tui import keymap
from tui.app import CnnApp
from tui.launch import launch
from tui.lessons import LessonProblems, Progress, list_lessons, read
from tui.screens.base import BaseScreen
from tui.screens.dialogs import Choose
from tui.screens.help import HelpScreen
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
            assert step.title[:40] in seen(app)
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
            assert "1/3" in seen(app)
            left = screen.size.width - pane.room(app.lessons)[0]
            rows = pane.region.y if left == screen.size.width else screen.size.height
            assert left >= 60, seen(app)
            assert rows >= 15, seen(app)
            for widget in screen.query("*"):
                if widget.focusable and widget.display and widget is not pane:
                    assert not widget.region.overlaps(pane.region), widget
            await pilot.press("7")
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
        await pilot.press("7")
        await on_screen(pilot, Choose)
        options = app.screen.query_one(OptionList)
        assert "Filters  5 min, needs a pen" in seen(app)
        options.highlighted = options.option_count - 1
        await pilot.press("enter")
        await settled(pilot, until)
        assert app.lessons.step.title == "Predict"
        await pilot.press("b")
        assert "● b  something" in seen(app)
        await pilot.press("p", "n", "n")
        assert app.lessons.step.title == "Answer"
        assert "You predicted: something" in seen(app)
        await pilot.press("a")
        assert "✗ a  nothing" in seen(app)
        assert "Look again, at the left." in seen(app)
        await pilot.press("n")
        await on_screen(pilot, Choose)
        await pilot.press("escape", "7")
        assert not _pane(app).display
    again = make_app()
    async with again.run_test() as pilot:
        await pilot.press("7")
        await on_screen(pilot, Choose)
        assert "step 3 of 3" in seen(again)
        again.screen.query_one(OptionList).highlighted = options.option_count - 1
        await pilot.press("enter")
        await settled(pilot, until)
        assert "✗ a  nothing" in seen(again)


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


async def test_a_broken_lesson_is_told_in_the_list_and_none_is_opened(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    path = _add(home, HEAD + "words\n", "broken")
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press("7")
        await on_screen(pilot, Choose)
        assert "✗ broken  lessons/broken.md:5: text above" in seen(app)
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
        assert "A lesson: predict, run, see, answer" in seen(app)
        table = str(app.screen.query_one("#help-keys", Static).render())
        keys = {key for line in table.splitlines() for key in line[:15].split()}
        assert "w" in keys, "Save, of the screen"
        assert not keys & {"d", "e", "p", "n", "esc"}, "the lesson's own"


def test_a_lesson_that_the_app_cannot_show_ends_it_before_it_begins(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lesson = read(_add(home, GOOD.replace("screen: inspect", "screen: inspct")))
    assert launch(None, lesson=lesson) == 2
    assert "filters.md:18: no screen is named 'inspct'. Did you mean" in capsys.readouterr().err
