"""What happened in the training, newest at the bottom."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui import text
from tui.training import Entry

_STYLES = {"info": "$foreground", "good": "$success", "warning": "$warning", "error": "$error"}
_SYMBOLS = {"info": " ", "good": "✓", "warning": "!", "error": "✗"}


class EventLog(VerticalScroll):
    """The last events; scrolls when it has the focus."""

    DEFAULT_CSS = "EventLog Static { text-wrap: nowrap; text-overflow: ellipsis; }"

    HELP_TEXT = "What happened, oldest first, with the seconds since the start of the run."

    def __init__(self, *, id: str | None = None, classes: str = "pane") -> None:
        super().__init__(id=id, classes=classes)
        self.border_title = "events"
        self._shown: object = None

    def compose(self) -> ComposeResult:
        yield Static(id="event-lines", markup=False)

    def show(self, entries: Sequence[Entry]) -> None:
        """Draw, if anything changed."""
        key = (len(entries), entries[-1] if entries else None)
        if key == self._shown:
            return
        self._shown = key
        following = self.is_vertical_scroll_end  # unless somebody scrolled up to read
        lines = [
            Content.assemble(
                (f"{text.duration(entry.seconds):>5} ", "$muted"),
                (f"{_SYMBOLS[entry.kind]} ", _STYLES[entry.kind]),
                (entry.text, _STYLES[entry.kind]),
            )
            for entry in entries[-200:]
        ]
        self.query_one("#event-lines", Static).update(Content("\n").join(lines))
        if following:
            self.call_after_refresh(self.scroll_end, animate=False)
