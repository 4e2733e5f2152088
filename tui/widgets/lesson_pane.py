"""The pane of a lesson, beside the screen that it is about."""

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Markdown, Static

from tui import keymap, text
from tui.lessons import Step
from tui.state.lesson_desk import LessonDesk

if TYPE_CHECKING:
    from tui.app import CnnApp

LETTERS = "abcdefgh"
WIDE, COLUMNS = 140, 56
"""In a terminal of so many columns it lies at the right, and takes so many of them."""
HIGH, LINES = 23, 7
"""In one of so many lines it takes so many at the bottom; in a lower one a single line."""


class LessonPane(VerticalScroll):
    """The open step: its text, its question, and the keys, which work while it has the focus."""

    HELP_TEXT = (
        "A lesson: predict, run, see, answer. n and p turn to the next and the previous step. "
        "enter does what the step says: it trains a config, or goes to a screen. A letter "
        "answers the question, where it has such an answer. esc gives room and keys back to the "
        "screen; 8 comes back here, and puts the lesson away when pressed here."
    )
    DEFAULT_CSS = """
    LessonPane { display: none; split: bottom; height: 7; width: 100%; padding: 0 1;
        border: round $border; border-title-color: $muted; border-subtitle-color: $muted;
        border-title-style: bold; background: $surface; }
    LessonPane:focus { border: round $primary; border-title-color: $primary;
        border-subtitle-color: $primary; }
    LessonPane:focus { height: auto; max-height: 60%; }
    LessonPane.-beside { split: right; width: 56; height: 100%; max-height: 100%; }
    LessonPane.-folded { height: 1; border: none; }
    LessonPane.-folded Markdown, LessonPane.-folded .question, LessonPane.-folded .task {
        display: none; }
    LessonPane .folded { display: none; color: $muted; }
    LessonPane.-folded .folded { display: block; }
    LessonPane Markdown { padding: 0; margin: 0; height: auto; background: $surface; }
    LessonPane MarkdownBlock { margin: 0 0 1 0; }
    LessonPane .task { height: auto; margin-bottom: 1; color: $accent; }
    LessonPane .task.-none { display: none; }
    LessonPane .question { height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n,right", "turn(1)", "next step", show=False),
        Binding("p,left", "turn(-1)", "previous step", show=False),
        Binding("enter", "do", "do it", show=False),
        Binding("escape", "leave", "back to the screen", show=False),
        Binding("j", "scroll_down", show=False),
        Binding("k", "scroll_up", show=False),
        *(Binding(letter, f"answer({i})", show=False) for i, letter in enumerate(LETTERS)),
    ]
    OWN_KEYS = {"n", "p", "right", "left", "enter", "escape", "j", "k", "up", "down"}

    def __init__(self) -> None:
        super().__init__(id="lesson")
        self._shown: object = None

    def compose(self) -> ComposeResult:
        yield Static(classes="folded", markup=False)
        yield Static(classes="task", markup=False)
        yield Markdown(open_links=False)
        yield Static(classes="question", markup=False)

    def on_mount(self) -> None:
        self.call_after_refresh(self.cnn.lesson_actions.redraw)  # now it is not mounted yet

    @property
    def cnn(self) -> "CnnApp":
        """The app, by its own type."""
        return self.app  # type: ignore[return-value]

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Whether a key is the pane's own, so that no other meaning of it is listed."""
        return key in self.OWN_KEYS or key in LETTERS[: len(self.cnn.lessons.step.options)]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave the letters that are no answer to the screen."""
        return action != "answer" or parameters[0] in range(len(self.cnn.lessons.step.options))

    def show(self, desk: LessonDesk) -> None:
        """Draw the open step, if anything changed."""
        size = self.screen.size
        beside = size.width >= WIDE
        folded = not beside and size.height < HIGH and not self.has_focus
        self.set_class(beside, "-beside")
        self.set_class(folded, "-folded")
        state = desk.version, folded, beside, self.has_focus, self.size.width
        if state == self._shown:
            return
        self._shown = state
        self.display = desk.shown
        if desk.shown and desk.wants_focus:
            desk.wants_focus = False
            self.focus()  # after the focus that a new screen gives to its own widget
        if not desk.shown or desk.lesson is None:
            return
        lesson, step = desk.lesson, desk.step
        place = f"{desk.place.step + 1}/{len(lesson.steps)}"
        title = text.line(step.title, 60)
        self.border_title = text.plain(f"{place} {title}")
        self.border_subtitle = Content(self._keys(desk))
        self.query_one(".folded", Static).update(
            Content.assemble((" 8 ", "bold $accent"), f"lesson {place}: {title}")
        )
        markdown = self.query_one(Markdown)
        if (lesson, step) != getattr(markdown, "shown", None):
            markdown.shown = lesson, step  # type: ignore[attr-defined]
            markdown.update(step.text)
            task = self.query_one(".task", Static)
            task.update(text.plain(self._to_do(step)))
            task.set_class(not (step.trains or step.screen), "-none")
            self.scroll_home(animate=False)
        self.query_one(".question", Static).update(self._question(desk))

    def _keys(self, desk: LessonDesk) -> str:
        if not self.has_focus:
            return "8 lesson"
        step, lesson = desk.step, desk.lesson
        assert lesson is not None
        more = desk.place.step + 1 < len(lesson.steps)
        parts = [
            f"a-{LETTERS[len(step.options) - 1]} answer" if step.options else "",
            "enter does it" if step.trains or step.screen else "",
            "n next" if more else "n all lessons",
            "p back" if desk.place.step else "",
            "esc screen",
            "8 closes",
        ]
        for least in ("", "p back", "8 closes"):  # left out where there is no room
            parts = [part for part in parts if part != least]
            if len("  ".join(parts)) <= self.size.width - 2:
                break
        return "  ".join(parts)

    def _question(self, desk: LessonDesk) -> Content:
        """The answers, and what is to be said of the one that was chosen."""
        step, chosen = desk.step, desk.answer
        lines: list[Content] = []
        for number, option in enumerate(step.options):
            mark = " "
            if number == chosen:
                mark = "●" if step.is_prediction else "✓" if option.right else "✗"
            style = {"✓": "bold $success", "✗": "bold $error", "●": "bold $primary"}.get(mark, "")
            first, *more = text.wrapped(option.text, self.query_one(".question").size.width - 5)
            lines.append(
                Content.assemble(
                    (f"{mark} ", style), (LETTERS[number], "bold $accent"),
                    (f"  {first}", style or "$foreground"),
                )
            )  # fmt: skip
            lines += [Content.styled(f"     {words}", style or "$foreground") for words in more]
        if chosen is not None:
            lines += [Content(""), Content.styled(self._verdict(desk, chosen), "$foreground")]
        predicted = desk.prediction()
        if predicted and step.options and not step.is_prediction:
            words = f"You predicted: {text.line(predicted)}"
            lines += [Content(""), Content.styled(words, "$muted")]
        return Content("\n").join(lines)

    @staticmethod
    def _to_do(step: Step) -> str:
        """What the step is done with: a config, a screen and a key."""
        parts = []
        if step.trains:
            parts.append(f"enter trains {' '.join([step.run or 'this config', *step.overrides])}")
        elif step.screen:
            spec = keymap.SCREENS[step.screen]
            name = f"{spec.key} {spec.title}" if spec.key else spec.title
            parts.append(f"enter goes to screen {name}")
        if step.key:
            parts.append(f"then press {step.key}")
        return text.line(f"→ {', '.join(parts)}") if parts else ""

    @staticmethod
    def _verdict(desk: LessonDesk, chosen: int) -> str:
        step = desk.step
        if step.is_prediction:
            return "Kept. n is the next step."
        option = step.options[chosen]
        word = "Right." if option.right else "Not quite."
        return " ".join(filter(None, [word, text.line(option.why)]))

    def room(self, desk: LessonDesk) -> tuple[int, int]:
        """Columns and lines that it takes from the screen while the screen has the focus."""
        width, height = self.screen.size
        if not desk.shown:
            return 0, 0
        if width >= WIDE:
            return COLUMNS, 0
        return 0, LINES if height >= HIGH else 0

    # -- actions --------------------------------------------------------------------------------

    def action_turn(self, steps: int) -> None:
        """Open the next or the previous step; after the last one, list the lessons."""
        if not self.cnn.lessons.move(steps) and steps > 0:
            self.cnn.lesson_actions.choose()
        self.show(self.cnn.lessons)

    def action_answer(self, option: int) -> None:
        """Answer the question."""
        if self.cnn.lessons.choose(option):
            self.show(self.cnn.lessons)
            self.call_after_refresh(self.scroll_end, animate=False)

    def action_do(self) -> None:
        """Do what the step says."""
        self.cnn.lesson_actions.do_step()

    def action_leave(self) -> None:
        """Give the focus to the screen."""
        self.cnn.lesson_actions.leave()

    def on_focus(self) -> None:
        self.show(self.cnn.lessons)

    def on_blur(self) -> None:
        if self.is_attached:
            self.show(self.cnn.lessons)
