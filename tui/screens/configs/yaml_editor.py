"""A YAML editor: Textual's text area, with Pygments' colours and our marks of errors."""

import re
from collections.abc import Sequence

from rich.style import Style
from rich.text import Text
from textual import events
from textual.color import Color
from textual.widgets import TextArea
from textual.widgets.text_area import Edit, EditResult

from engine.config import Problem
from tui import text
from tui.screens.configs import yaml_text
from tui.state.document import ConfigDocument
from tui.widgets.text_field import take_in_order

_OPENS_BLOCK = re.compile(r":\s*(#.*)?$")


class YamlEditor(TextArea):
    """``follow`` shows the config, and keeps the cursor; what is typed changes the config."""

    HELP_TEXT = (
        "The config as in its file. Errors are underlined, and listed below with line and column. "
        "tab goes to the next pane."
    )

    def __init__(self, config: ConfigDocument, *, id: str | None = None) -> None:
        super().__init__(
            config.text,
            id=id,
            classes="pane",
            soft_wrap=False,
            show_line_numbers=True,
            compact=True,
            highlight_cursor_line=False,  # it would paint over the colours
        )
        self.border_title = "yaml"
        self._config = config
        self._typing = False
        self._highlighted: list[str] | None = None
        self._spans: list[list[tuple[int, int, str]]] = []
        self._wrong: dict[int, int] = {}

    def edit(self, edit: Edit) -> EditResult:
        """Make a change of the user's, which the config takes at once."""
        result = super().edit(edit)
        self._typing = True
        try:
            self._config.type(self.text)
        finally:
            self._typing = False
        return result

    async def on_key(self, event: events.Key) -> None:
        await take_in_order(self, event)
        if event.key == "enter":
            event.stop().prevent_default()
            line_end = f"\n{self._indent()}"
            self.replace(line_end, *sorted(self.selection), maintain_selection_offset=False)

    def _indent(self) -> str:
        """The spaces that the next line begins with."""
        row, column = min(self.selection)
        before = self.document.get_line(row)[:column]
        key = before.lstrip(" ")
        spaces = len(before) - len(key)
        if _OPENS_BLOCK.search(before) and not key.startswith("#"):
            spaces += 2
            while key.startswith("- "):
                key = key[1:].lstrip(" ")
                spaces = len(before) - len(key) + 2
        return " " * spaces

    def follow(self) -> None:
        """Show the config as it is now; what was typed here is there already."""
        content = self._config.text
        if self._typing or content == self.text:
            return
        row, column = self.cursor_location
        top = self.scroll_y
        with self.prevent(TextArea.Changed):
            self.load_text(content)
        row = min(row, self.document.line_count - 1)
        self.move_cursor((row, min(column, len(self.document.get_line(row)))))
        self.scroll_to(y=top, animate=False)

    def mark(self, problems: Sequence[Problem]) -> None:
        """Underline where the problems are."""
        wrong = {p.line - 1: (p.column or 1) - 1 for p in problems if p.line is not None}
        if wrong != self._wrong:
            self._wrong = wrong
            self.notify_style_update()
            self.refresh()

    def go_to(self, problem: Problem) -> None:
        """Put the cursor where a problem is."""
        row = min((problem.line or 1) - 1, self.document.line_count - 1)
        column = min((problem.column or 1) - 1, len(self.document.get_line(row)))
        self.move_cursor((row, column), center=True)

    def get_line(self, line_index: int) -> Text:
        """A line in colours, without what must not reach a terminal."""
        self._highlight()
        raw = self.document.get_line(line_index)
        safe = text.clean(raw) if not raw.isprintable() else raw
        shown = Text(safe, end="", no_wrap=True)
        if line_index < len(self._spans):
            for start, end, style in self._spans[line_index]:
                shown.stylize(self._rich(style), start, end)
        if line_index in self._wrong:
            column = self._wrong[line_index]
            error = Color.parse(self.app.theme_variables["error"]).hex6
            comment = safe.find(" #", column)
            end = len(safe) if comment < 0 else len(safe[:comment].rstrip())
            shown.stylize(Style(color=error, underline=True), min(column, len(safe)), end)
        return shown

    def _rich(self, style: str) -> Style:
        value = self.app.theme_variables.get(style.removeprefix("$"), "")
        try:
            return Style(color=Color.parse(value).hex6)
        except ValueError:
            return Style()

    def _highlight(self) -> None:
        lines = list(self.document.lines)
        if lines == self._highlighted:
            return
        self._highlighted = lines
        self._spans = [[] for _ in lines]
        starts = [0]
        for one in lines:
            starts.append(starts[-1] + len(one) + 1)
        row = 0
        for span in yaml_text.spans("\n".join(lines)):
            while row + 1 < len(lines) and span.start >= starts[row + 1]:
                row += 1
            base = starts[row]
            self._spans[row].append((span.start - base, span.end - base, str(span.style)))
