"""Dialogs: a question, the path of a file, and a list to choose from."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, OptionList, Static
from textual.widgets.option_list import Option

from engine.errors import EngineError
from tui.text import line, plain
from tui.widgets.text_field import TextField

_LOOK = 0.2
"""Seconds between two looks whether a question still holds."""


class Confirm(ModalScreen[bool]):
    """A yes-or-no question; None for esc, which leaves it unanswered.

    Args:
        question, detail: what is asked.
        yes, no: the words for the answers.
        final: whether it cannot be undone; enter is then no.
        holds: whether there still is something to answer; the question closes once there is not.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "yes"),
        Binding("n", "answer(False)", "no"),
        Binding("escape", "answer(None)", "not now"),
        Binding("left,h,up", "app.focus_previous", show=False),
        Binding("right,l,down", "app.focus_next", show=False),
    ]

    def __init__(
        self,
        question: str,
        detail: str = "",
        *,
        yes: str,
        no: str,
        final: bool = False,
        holds: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__()
        self._final, self._holds = final, holds
        self._question, self._detail, self._yes, self._no = question, detail, yes, no

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(plain(self._question), classes="question")
            if self._detail:
                yield Static(plain(self._detail), classes="detail")
            with Horizontal(classes="buttons"):
                yield Button(f"y  {self._yes}", variant="warning", id="yes", compact=True)
                yield Button(f"n  {self._no}", id="no", compact=True)

    def on_mount(self) -> None:
        self.query_one("#no" if self._final else "#yes", Button).focus()
        self.set_interval(_LOOK, self._close_if_moot)

    def _close_if_moot(self) -> None:
        if not self._holds():
            self.dismiss(None)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, answer: bool | None) -> None:
        """Close with an answer, or without one."""
        self.dismiss(answer)


class AskPath(ModalScreen[Path | None]):
    """The path of a file. Enter takes it, esc gives None.

    What cannot be used stays in the line, with the reason below it.

    Args:
        title: what it is for.
        detail: more about it.
        value: a suggestion, or what was typed before.
        problem: why that cannot be used.
        check: makes a path of what was typed, or raises an ``EngineError`` that says why not.
        kind: of the file, for the one who types nothing.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "cancel")]

    def __init__(
        self,
        title: str,
        detail: str = "",
        *,
        value: str = "",
        problem: str = "",
        check: Callable[[str], Path],
        kind: str = "a file",
    ) -> None:
        super().__init__()
        self._title, self._detail, self._value, self._check = title, detail, value, check
        self._problem, self._kind = problem, kind

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(plain(self._title), classes="question")
            if self._detail:
                yield Static(plain(self._detail), classes="detail")
            yield TextField(self._value, compact=True, select_on_focus=False)
            yield Static(classes="problem", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("enter  ok", variant="primary", id="ok", compact=True)
                yield Button("esc  cancel", id="cancel", compact=True)

    def on_mount(self) -> None:
        self._say(self._problem)

    @on(Input.Submitted)
    def _submitted(self) -> None:
        answer = self.query_one(Input).value.strip()
        if not answer:
            self._say(f"type the path of {self._kind}")
            return
        try:
            path = self._check(answer)
        except EngineError as error:
            self._say(str(error))
            return
        self.dismiss(path)

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        if event.value != self._value:
            self._value = event.value
            self._say("")

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "ok":
            self._submitted()
        else:
            self.dismiss(None)

    def _say(self, problem: str) -> None:
        below = self.query_one(".problem", Static)
        below.update(plain(problem))
        below.display = bool(problem)

    def action_cancel(self) -> None:
        """Close without an answer."""
        self.dismiss(None)


class Choose(ModalScreen[str | None]):
    """A list to choose from; enter or a click chooses, esc gives None.

    Args:
        title: what is chosen.
        options: key, words and a grey remark of each; the text is shown as it stands.
        chosen: the key of the one that counts now.
    """

    DEFAULT_CSS = """
    Choose OptionList { width: auto; max-width: 86; height: auto; max-height: 40vh;
        border: none; margin-top: 1;
        background: $surface; padding: 0; }
    Choose OptionList:focus { border: none; }
    Choose OptionList:focus > .option-list--option-highlighted { background: $primary-muted;
        color: $foreground; text-style: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "cancel"),
        Binding("j", "move(1)", show=False),
        Binding("k", "move(-1)", show=False),
    ]

    def __init__(
        self, title: str, options: Sequence[tuple[str, str, str]], chosen: str = ""
    ) -> None:
        super().__init__()
        self._title, self._options, self._chosen = title, list(options), chosen

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(plain(self._title), classes="question")
            yield OptionList(*(self._option(*option) for option in self._options), markup=False)
            yield Static("enter selects, esc cancels", classes="detail", markup=False)

    def _option(self, key: str, words: str, remark: str) -> Option:
        mark = "● " if key == self._chosen else "  "
        content = Content.assemble(
            (mark, "$accent"), (line(words), "$foreground"), (f"  {line(remark)}", "$muted")
        )
        return Option(content)

    def on_mount(self) -> None:
        box = self.query_one(OptionList)
        keys = [key for key, _, _ in self._options]
        box.highlighted = keys.index(self._chosen) if self._chosen in keys else 0
        box.focus()

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._options[event.option_index][0])

    def action_move(self, lines: int) -> None:
        """Move the cursor."""
        box = self.query_one(OptionList)
        (box.action_cursor_down if lines > 0 else box.action_cursor_up)()
