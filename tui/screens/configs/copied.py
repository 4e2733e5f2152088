"""A command that was copied to the clipboard, shown so that it can be selected too."""

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.text import clean


class Copied(ModalScreen[None]):
    """The command from the first column on, with nothing beside it that a selection would take.

    Args:
        words: of a shell command, quoted.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,y,q", "dismiss", "close")]
    DEFAULT_CSS = """
    Copied { align: left bottom; }
    Copied VerticalScroll {
        height: auto; max-height: 100%; background: $surface; border-top: solid $primary;
    }
    Copied #command { width: 100%; }
    Copied .detail { color: $muted; margin-top: 1; width: 100%; }
    """

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__()
        self._words = words

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Static(id="command", markup=False)
            yield Static(
                "Copied to the clipboard, if your terminal allows it. Otherwise select it here: "
                "drag with shift held down (macOS: option). esc closes.",
                classes="detail",
                markup=False,
            )

    def on_resize(self) -> None:
        """Break the lines so that a shell joins them."""
        lines = broken(self._words, self.size.width)
        self.query_one("#command", Static).update("\n".join(clean(line) for line in lines))


def broken(words: Sequence[str], width: int) -> list[str]:
    """The words of a shell command in lines of at most so many columns, which a shell joins."""
    lines = [""]
    for word in words:
        longer = f"{lines[-1]} {word}".lstrip()
        if cell_len(longer) + 2 > width and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:]
