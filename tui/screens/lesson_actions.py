"""Open lessons, and do what their steps say."""

from typing import TYPE_CHECKING

from engine.errors import EngineError
from tui import keymap, text
from tui.lessons import Progress, list_lessons, read
from tui.screens.base import BaseScreen
from tui.screens.dialogs import Choose
from tui.state.lesson_desk import check_places

if TYPE_CHECKING:
    from pathlib import Path

    from tui.app import CnnApp


class LessonActions:
    """What the keys of lessons do.

    Args:
        app: the app.
    """

    def __init__(self, app: "CnnApp") -> None:
        self._app = app

    def toggle(self) -> None:
        """Focus the open lesson, put it away if it has the focus, or list the lessons."""
        screen, desk = self._app.screen, self._app.lessons
        if not isinstance(screen, BaseScreen):
            return  # a dialog is open
        pane = screen.lesson
        if desk.shown and pane is not None and screen.focused is pane:
            self.leave()
            desk.hide()
            screen.refresh_tick()
        elif desk.shown and pane is not None:
            screen.set_focus(pane)
        else:
            self.choose()

    def choose(self) -> None:
        """List the lessons, with how far one is in each; the chosen one is opened."""
        self._app.start_job(lambda job: _rows(), on_done=self._ask, name="lessons")

    def _ask(self, rows: list[tuple[str, str, str]]) -> None:
        if not isinstance(self._app.screen, BaseScreen):
            return
        self._app.push_screen(Choose("Which lesson?", rows, _next(rows)), self._chosen)

    def _chosen(self, path: str | None) -> None:
        if path is not None:
            by_path = {str(one): one for one in list_lessons()}
            if path in by_path:
                self.open(by_path[path])

    def open(self, path: "Path") -> None:
        """Open a lesson beside the screen, where it was left; what is wrong with it is shown."""
        try:
            lesson = read(path)
            check_places(lesson)
        except EngineError as error:
            self._app.show_message(str(error), "correct it, and open it again", severity="error")
            return
        self._app.lessons.open(lesson)
        self.redraw()

    def redraw(self) -> None:
        """Draw the lesson on the screen that is shown."""
        if isinstance(self._app.screen, BaseScreen):
            self._app.screen.refresh_tick()

    def leave(self) -> None:
        """Give the focus back to the screen."""
        screen = self._app.screen
        if isinstance(screen, BaseScreen):
            screen.focus_next()
            if screen.focused is screen.lesson:
                screen.set_focus(None)

    def do_step(self) -> None:
        """Train the config of the step, or go to its screen."""
        step = self._app.lessons.step
        self.leave()
        if step.trains:
            try:
                config = step.config()
            except EngineError as error:
                self._app.show_message(str(error).splitlines()[0], severity="error")
                return
            self._app.start_training(config)
        elif step.screen:
            spec = keymap.SCREENS[step.screen]
            if spec.over:
                self._app.action_go(spec.over)
            else:
                self._app.go_to(spec.id)


def _rows() -> list[tuple[str, str, str]]:
    """The lessons as rows of a list: path, title, and what there is to say of it."""
    rows = []
    progress = Progress.load()
    for path in list_lessons():
        try:
            lesson = read(path)
        except EngineError as error:
            rows.append((str(path), f"✗ {path.stem}", text.line(error, 60)))
            continue
        needs = f", needs {text.line(lesson.needs, 60)}" if lesson.needs else ""
        words = progress.words(lesson) or f"{lesson.minutes} min{needs}"
        rows.append((str(path), lesson.title, words))
    return rows


def _next(rows: list[tuple[str, str, str]]) -> str:
    """The first lesson that is not done."""
    return next((path for path, _, words in rows if "done" not in words), "")
