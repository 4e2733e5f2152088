"""A YAML editor: Textual's text area, with Pygments' colours and our marks of errors."""

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text
from textual.color import Color
from textual.widgets import TextArea

from engine.config import Problem
from tui import text
from tui.widgets import yamltext


class YamlEditor(TextArea):
    """``follow`` shows a text, and keeps the cursor; ``mark`` underlines what is wrong."""

    HELP_TEXT = (
        "The config as it is in its file. What is wrong is underlined, and listed below with "
        "line and column. tab goes to the next pane."
    )

    def __init__(self, content: str, *, id: str | None = None) -> None:
        super().__init__(
            content,
            id=id,
            classes="pane",
            soft_wrap=False,
            show_line_numbers=True,
            compact=True,
            highlight_cursor_line=False,  # it would paint over the colours
        )
        self.border_title = "yaml"
        self._highlighted: list[str] | None = None
        self._spans: list[list[tuple[int, int, str]]] = []
        self._wrong: dict[int, int] = {}

    def follow(self, content: str) -> None:
        """Show another text, if it is another one."""
        if content == self.text:
            return
        row, column = self.cursor_location
        top = self.scroll_y
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
        for span in yamltext.spans("\n".join(lines)):
            while row + 1 < len(lines) and span.start >= starts[row + 1]:
                row += 1
            base = starts[row]
            self._spans[row].append((span.start - base, span.end - base, str(span.style)))
