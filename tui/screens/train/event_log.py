"""The events of the training, newest at the bottom."""

from collections.abc import Sequence

from textual.content import Content
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from tui import text
from tui.messages import LogEntry

_STYLES = {"info": "$foreground", "good": "$success", "warning": "$warning", "error": "$error"}
_MARGIN = 8
"""Columns before the words: seconds and symbol."""
_SYMBOLS = {"info": " ", "good": "✓", "warning": "!", "error": "✗"}


class EventLog(ScrollView, can_focus=True):
    """The last events; the newest stays in view until the user scrolls up."""

    HELP_TEXT = "What happened, oldest first, with the seconds since the start of the run."
    DEFAULT_CSS = "EventLog { overflow-x: hidden; scrollbar-gutter: stable; }"

    def __init__(self, *, id: str | None = None, classes: str = "pane") -> None:
        super().__init__(id=id, classes=classes)
        self.border_title = "events"
        self._entries: list[LogEntry] = []
        self._lines: list[tuple[LogEntry, bool, str]] = []
        self._following = True
        self._at = 0

    def show(self, entries: Sequence[LogEntry]) -> None:
        """Draw, if anything changed; called with every tick."""
        if round(self.scroll_y) != self._at:  # the user scrolled
            self._at = round(self.scroll_y)
            self._following = self._at >= self.max_scroll_y
        if len(entries) != len(self._entries) or entries[-1:] != self._entries[-1:]:
            self._entries = list(entries)
            self._fit()
            self.refresh()
        elif self._following and self._at < self.max_scroll_y:
            self.scroll_to(y=self.max_scroll_y, animate=False, immediate=True)
            self._at = round(self.scroll_y)

    def on_resize(self) -> None:
        self._fit()
        self.refresh()

    def _fit(self) -> None:
        """Wrap all entries to the width."""
        width = self.scrollable_content_region.width
        self._lines = [
            (entry, i == 0, words)
            for entry in self._entries
            for i, words in enumerate(text.wrapped(entry.text, width - _MARGIN))
        ]
        self.virtual_size = Size(width, len(self._lines))

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        place = round(self.scroll_y) + y
        if place >= len(self._lines) or width < 1:
            return Strip.blank(width, self.rich_style)
        entry, first, words = self._lines[place]
        style = _STYLES[entry.kind]
        when = f"{text.duration(entry.seconds):>5} " if first else " " * (_MARGIN - 2)
        content = Content.assemble(
            (when, "$muted"),
            (f"{_SYMBOLS[entry.kind] if first else ' '} ", style),
            (words, style),
        ).truncate(width, ellipsis=True, pad=True)
        return Visual.to_strips(self, content, width, 1, self.visual_style)[0]
