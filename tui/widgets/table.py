"""A table with a cursor: one line a row, drawn on demand."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual import events
from textual.binding import Binding
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.text import cut
from tui.widgets.styles import ThemedWidget

Cell = tuple[str, str]
"""What is written, and its style: a variable of the theme, with ``bold`` before it or not."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: in the first line.
        right: numbers stand to the right.
        rank: where there is no room, columns of the highest rank are left out; 0 never is.
        flexible: it gives some of its width where there is little room.
        least: its smallest width.
        about: what its numbers are and what to look for, for the help; empty where that is clear.
    """

    title: str
    right: bool = False
    rank: int = 0
    flexible: bool = False
    least: int = 0
    about: str = ""


class Table(ScrollView, ThemedWidget, can_focus=True):
    """Rows under a fixed first line, with a cursor; ``show`` sets them.

    Text is shown as it stands; text from files has to be cleaned before (``tui.text``).
    """

    DEFAULT_CSS = "Table { height: 1fr; scrollbar-size-vertical: 1; overflow-x: hidden; }"
    ALLOW_SELECT = False
    BINDINGS = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "move(-10)", show=False),
        Binding("pagedown", "move(10)", show=False),
        Binding("home", "move(-1000000)", show=False),
        Binding("end", "move(1000000)", show=False),
        Binding("enter", "choose", show=False),
    ]

    class Moved(Message):
        """The cursor is on another row."""

        def __init__(self, table: "Table") -> None:
            super().__init__()
            self.table = table

        @property
        def control(self) -> "Table":
            return self.table

    class Chosen(Moved):
        """Enter was pressed on the row of the cursor, or it was clicked when it had it."""

    def __init__(
        self, columns: Sequence[Column], *, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.columns = tuple(columns)
        self.rows: list[tuple[Cell, ...]] = []
        self.keys: list[str] = []
        self.cursor = 0
        self.empty = ""
        self._natural: list[int] = []
        self._widths: tuple[int, list[int]] = (-1, [])

    # -- content --------------------------------------------------------------------------------

    def show(self, rows: Sequence[tuple[Cell, ...]], keys: Sequence[str]) -> None:
        """Set the rows; the cursor stays on the row of the same key.

        Args:
            rows: a cell for every column.
            keys: one for each row, unique.
        """
        rows, keys = list(rows), list(keys)
        if (rows, keys) == (self.rows, self.keys):
            return
        before = self.key
        self.rows, self.keys = rows, keys
        self._natural = [
            max([cell_len(column.title), column.least, *(cell_len(row[i][0]) for row in rows)])
            for i, column in enumerate(self.columns)
        ]
        self._widths = (-1, [])
        self.virtual_size = Size(0, len(rows) + 1)
        if before in keys:
            self.cursor = keys.index(before)
        else:
            self.cursor = min(self.cursor, max(len(rows) - 1, 0))
        self.refresh()
        if self.key != before:
            self.post_message(self.Moved(self))

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Have other columns; the rows are gone."""
        if tuple(columns) != self.columns:
            self.columns = tuple(columns)
            self.rows, self.keys, self._natural = [], [], []
            self._widths = (-1, [])
            self.refresh()

    @property
    def key(self) -> str | None:
        """The key of the row of the cursor; None in an empty table."""
        return self.keys[self.cursor] if self.cursor < len(self.keys) else None

    def move_to(self, key: str) -> None:
        """Put the cursor on a row; nothing happens if there is none of that key."""
        if key in self.keys:
            self._go(self.keys.index(key))

    # -- moving ---------------------------------------------------------------------------------

    def action_move(self, lines: int) -> None:
        """Move the cursor."""
        self._go(self.cursor + lines)

    def action_choose(self) -> None:
        """Choose the row of the cursor."""
        if self.rows:
            self.post_message(self.Chosen(self))

    def _go(self, row: int) -> None:
        row = max(0, min(row, len(self.rows) - 1))
        if row != self.cursor and self.rows:
            self.cursor = row
            self.refresh()
            self.post_message(self.Moved(self))
        self._keep_in_sight()

    def _keep_in_sight(self) -> None:
        height = self.scrollable_content_region.height - 1
        if height < 1:
            return
        top = round(self.scroll_offset.y)
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False)
        elif self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False)

    def on_resize(self) -> None:
        self.call_after_refresh(self._keep_in_sight)

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or offset.y < 1:
            return
        row = offset.y - 1 + round(self.scroll_offset.y)
        if row >= len(self.rows):
            return
        if row == self.cursor:
            self.action_choose()
        self._go(row)

    # -- drawing --------------------------------------------------------------------------------

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if width < 1:
            return Strip.blank(0)
        if y == 0:
            cells = tuple((column.title, "bold muted") for column in self.columns)
            return self._line(cells, " ", width, "")
        row = y - 1 + round(self.scroll_offset.y)
        if row < len(self.rows):
            if row != self.cursor:
                return self._line(self.rows[row], " ", width, "")
            back = " on primary-muted" if self.has_focus else " on panel"
            return self._line(self.rows[row], "▸", width, back)
        if not self.rows and self.empty and y == 2:
            text = set_cell_size(f"  {self.empty}", width)
            return Strip([Segment(text, self.style_for("muted"))], width)
        return Strip.blank(width, self.base)

    def _line(self, cells: Sequence[Cell], mark: str, width: int, back: str) -> Strip:
        segments = [Segment(mark, self.style_for(f"bold primary{back}"))]
        for column, (text, style), space in zip(
            self.columns, cells, self._layout(width), strict=True
        ):
            if space < 0:
                continue
            ink = self.style_for(f"{style or 'foreground'}{back}")
            segments.append(Segment(_fit(text, space, column.right), ink))
            segments.append(Segment("  ", self.style_for(back)))
        return Strip(segments).adjust_cell_length(width, self.style_for(back))

    def _layout(self, width: int) -> list[int]:
        """The width of every column; -1 for those that are left out."""
        if self._widths[0] != width:
            natural = self._natural or [cell_len(column.title) for column in self.columns]
            self._widths = (width, lay_out(self.columns, natural, width - 1))
        return self._widths[1]


def lay_out(columns: Sequence[Column], natural: Sequence[int], width: int) -> list[int]:
    """Widths of columns with two blanks between them; -1 for those that are left out."""
    shown = set(range(len(columns)))

    def needed() -> int:
        sizes = (
            min(natural[i], columns[i].least) if columns[i].flexible else natural[i] for i in shown
        )
        return sum(sizes) + 2 * (len(shown) - 1)

    while needed() > width:
        ranks = [(columns[i].rank, i) for i in shown if columns[i].rank > 0]
        if not ranks:
            break
        shown.remove(max(ranks)[1])
    widths = [natural[i] if i in shown else -1 for i in range(len(columns))]
    short = sum(widths[i] for i in shown) + 2 * (len(shown) - 1) - width
    while short > 0:  # the widest one gives, so that those that are alike stay so
        giving = [
            i
            for i in shown
            if columns[i].flexible and widths[i] > min(natural[i], max(columns[i].least, 1))
        ]
        if not giving:
            break
        widths[max(giving, key=lambda i: (widths[i], i))] -= 1
        short -= 1
    return widths


def _fit(text: str, width: int, right: bool) -> str:
    text = cut(text, width)
    gap = " " * (width - cell_len(text))
    return gap + text if right else text + gap
