"""The base of all screens: top line, key bar, and a notice in too small a terminal."""

from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Static

from tui import keymap
from tui.screens.dialogs import Choose
from tui.widgets.header import Header
from tui.widgets.key_bar import KeyBar

if TYPE_CHECKING:
    from tui.app import CnnApp
    from tui.widgets.lesson_pane import LessonPane

MIN_WIDTH, MIN_HEIGHT = 60, 16


class TooSmall(Static):
    """A notice that covers the screen in too small a terminal."""

    def __init__(self) -> None:
        super().__init__(f"Too small.\nMake it {MIN_WIDTH}×{MIN_HEIGHT} or more.", markup=False)


class BaseScreen(Screen[None]):
    """A screen between top line and key bar.

    A subclass sets ``WHERE`` and ``BINDINGS = keymap.bindings(WHERE)``, and writes
    ``compose_body`` and ``tick``; what it cannot do just now it says in ``refuse``.
    """

    WHERE: ClassVar[str] = ""
    HELP_TEXT: ClassVar[str] = ""
    """What the screen is for, in a few sentences; the help screen shows it."""

    FIRST_FOCUS: ClassVar[str] = ""
    """Selector of the widget that has the focus where no other has it, as soon as it is shown."""

    ready = False
    """Whether all widgets are there; ``tick`` is not called before."""

    lesson: "LessonPane | None" = None
    """The pane of the lesson, once there was one."""

    _taken = (0, 0)
    """Columns and lines that the lesson takes."""

    def on_mount(self) -> None:
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self.ready = True
        self.refresh_tick()
        if len(self.app.screen_stack) == 1:  # this screen stays
            self.cnn.training.spare_from_collection()

    def refresh_tick(self) -> None:
        """Draw what has changed, top line and all."""
        if self.ready and self.app.is_running:
            self.update_header()
            self._show_lesson()
            self.tick()
            self._focus_first()

    def _show_lesson(self) -> None:
        """Draw the lesson; the screen is laid out for the room that is left."""
        desk, pane = self.cnn.lessons, self.lesson
        if pane is None and desk.shown:
            from tui.widgets.lesson_pane import LessonPane  # with a parser: only where it is used

            self.lesson = LessonPane()
            self.mount(self.lesson)  # it asks for another tick as soon as it is there
        if pane is None or not pane.is_mounted:
            return
        pane.show(desk)
        room = pane.room(desk)
        if room != self._taken:
            self._taken = room
            app = self.app
            self.HORIZONTAL_BREAKPOINTS, self.VERTICAL_BREAKPOINTS = (
                [(size + taken if size else 0, name) for size, name in sizes or ()]
                for sizes, taken in zip(
                    (app.HORIZONTAL_BREAKPOINTS, app.VERTICAL_BREAKPOINTS), room, strict=True
                )
            )
            self.post_message(events.Resize(self.size, self.size))

    def _focus_first(self) -> None:
        if self.FIRST_FOCUS and self.focused is None:
            widget = self.query_one(self.FIRST_FOCUS)
            if widget.focusable:
                self.set_focus(widget)  # at once: widget.focus() could come after a user's choice

    def compose(self) -> ComposeResult:
        yield Header(id="header")
        yield from self.compose_body()
        yield KeyBar(self.WHERE)
        yield TooSmall()

    def compose_body(self) -> ComposeResult:
        """The widgets between top line and key bar."""
        raise NotImplementedError

    @property
    def cnn(self) -> "CnnApp":
        """The app, by its own type."""
        return self.app  # type: ignore[return-value]

    def tick(self) -> None:
        """Draw what has changed; called four times a second while the screen is shown."""

    def refuse(self, action: str) -> str | None:
        """Why an action cannot be run now, in one sentence with what to do; None if it can."""
        return None

    def help_text(self) -> str:
        """``HELP_TEXT``, or more of it where it depends on what is shown."""
        return self.HELP_TEXT

    def ask_action(self, title: str, group: str) -> bool:
        """Let somebody choose what to do with a row, and do it.

        Args:
            title: of the question.
            group: of the keys that are offered, as far as they are not refused.

        Returns:
            Whether there was anything to choose from.
        """
        options = [
            (key.action, f"{key.first_shown}  {key.description}", "")
            for key in keymap.keys_of(self.WHERE)
            if key.group == group and self.refuse(key.action) is None
        ]
        if not options:
            return False

        def answered(action: str | None) -> None:
            if action is not None:
                self.call_later(self.run_action, action)

        self.app.push_screen(Choose(title, options), answered)
        return True

    def key_label(self, key: keymap.Key) -> str:
        """The label of a key in the key bar, where it depends on the state; empty leaves it out."""
        return key.label

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Dim what ``refuse`` refuses."""
        return None if self.is_mounted and self.refuse(action) else True

    def on_screen_resume(self) -> None:
        self.refresh_tick()

    def on_resize(self) -> None:
        self.call_after_refresh(self.refresh_tick)

    def update_header(self) -> None:
        """Draw the top line, if anything changed."""
        view = self.cnn.training.view()
        header = self.query_one("#header", Header)
        header.show_state(self.app.current_mode, view.phase, view.fraction)
