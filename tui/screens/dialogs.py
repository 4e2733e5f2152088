"""Small windows over a screen: a question, and a path to write to."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from tui.text import plain


class Confirm(ModalScreen[bool]):
    """A question. Esc and ``n`` are no; so is enter, where it cannot be undone."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "yes"),
        Binding("n,escape", "answer(False)", "no"),
        Binding("left,h,up", "app.focus_previous", show=False),
        Binding("right,l,down", "app.focus_next", show=False),
    ]

    def __init__(
        self, question: str, detail: str = "", *, yes: str, no: str, final: bool = False
    ) -> None:
        super().__init__()
        self._final = final
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

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        """Close with an answer."""
        self.dismiss(answer)


class AskText(ModalScreen[str | None]):
    """One line of text, such as a path. Enter takes it, esc gives None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "cancel")]

    def __init__(self, title: str, detail: str = "", *, value: str = "") -> None:
        super().__init__()
        self._title, self._detail, self._value = title, detail, value

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(plain(self._title), classes="question")
            if self._detail:
                yield Static(plain(self._detail), classes="detail")
            yield Input(self._value, compact=True, select_on_focus=False)
            with Horizontal(classes="buttons"):
                yield Button("enter  ok", variant="primary", id="ok", compact=True)
                yield Button("esc  cancel", id="cancel", compact=True)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(self.query_one(Input).value if event.button.id == "ok" else None)

    def action_cancel(self) -> None:
        """Close without an answer."""
        self.dismiss(None)
