"""A small window with a list to choose from."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui.text import line, plain


class Choose(ModalScreen[str | None]):
    """Enter or a click takes one, esc gives None.

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
