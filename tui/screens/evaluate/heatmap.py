"""A confusion matrix as a heat map, with its numbers."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual import events
from textual.binding import Binding
from textual.message import Message
from textual.strip import Strip

from engine.arrays import Array
from tui.charts import colours
from tui.widgets.styles import ThemedWidget

_NARROWEST, _COMFORTABLE, _WIDEST = 3, 4, 7
_SCROLLED = 6
"""Columns of a cell where not all of them are seen: wide enough for some of a name."""

_LABEL = 10
_ROOMY = 8
"""Lines from which there is one to say where in a matrix one is."""


class Heatmap(ThemedWidget, can_focus=True):
    """Counts with a cursor: rows are true classes, columns what was predicted.

    The diagonal is coloured by its share of the row, in the colour below zero; every other cell
    in the one above zero, by its share of the largest mistake. Where not all rows or columns fit,
    those around the cursor are shown.
    """

    DEFAULT_CSS = "Heatmap { width: 1fr; height: 1fr; }"
    HELP_TEXT = (
        "Rows are the true classes, columns the predicted ones. The diagonal (blue) is right, "
        "everything else (orange) a mistake; a dot is zero. Arrows choose a cell, n goes to the "
        "next most frequent mistake, enter shows the images, p switches to percent of the row. Of "
        "many classes a part is shown, which follows the cursor; home, end, page up and page down "
        "go further."
    )
    SIGN: ClassVar[str] = ""
    """How the sign of a count is written; ``+`` shows that of a positive one."""
    ALLOW_SELECT = False
    BINDINGS = [
        Binding("left,h", "move(0,-1)", show=False),
        Binding("right,l", "move(0,1)", show=False),
        Binding("up,k", "move(-1,0)", show=False),
        Binding("down,j", "move(1,0)", show=False),
        Binding("home", "move(0,-1000000)", show=False),
        Binding("end", "move(0,1000000)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("enter", "choose", show=False),
    ]

    class Moved(Message):
        """Another cell is chosen."""

        def __init__(self, heatmap: "Heatmap") -> None:
            super().__init__()
            self.heatmap = heatmap

        @property
        def control(self) -> "Heatmap":
            return self.heatmap

    class Chosen(Moved):
        """Enter was pressed on a cell, or it was clicked when it was chosen."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.counts: Array = np.zeros((0, 0), np.int64)
        self.labels: tuple[str, ...] = ()
        self.cursor = (0, 0)
        self.in_percent = False
        self._first = (0, 0)  # row and column that are shown first
        self._worst = 1.0

    def show(self, counts: Array, labels: Sequence[str]) -> None:
        """Set the matrix; the labels are shown as they stand."""
        self.counts, self.labels = counts, tuple(labels)
        last = max(len(counts) - 1, 0)
        self.cursor = (min(self.cursor[0], last), min(self.cursor[1], last))
        mistakes = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        np.fill_diagonal(mistakes, 0)
        self._worst = float(mistakes.max(initial=0.0)) or 1.0
        self._follow()
        self.refresh()

    # -- moving ---------------------------------------------------------------------------------

    def action_move(self, rows: int, columns: int) -> None:
        """Move the cursor."""
        self.go(self.cursor[0] + rows, self.cursor[1] + columns)

    def action_page(self, by: int) -> None:
        """Move the cursor by as many rows as are seen."""
        self.action_move(by * self._seen[0], 0)

    def action_choose(self) -> None:
        """Choose the cell of the cursor."""
        if len(self.counts):
            self.post_message(self.Chosen(self))

    def go(self, row: int, column: int) -> None:
        """Put the cursor on a cell, or on the nearest one."""
        last = len(self.counts) - 1
        target = (max(0, min(row, last)), max(0, min(column, last)))
        if target != self.cursor and last >= 0:
            self.cursor = target
            self._follow()
            self.refresh()
            self.post_message(self.Moved(self))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        label, width = self._layout()
        row = offset.y - self._head + self._first[0]
        column = (offset.x - label) // width + self._first[1]
        if not (
            offset.y >= self._head
            and row < len(self.counts)
            and offset.x >= label
            and column < len(self.counts)
        ):
            return
        if (row, column) == self.cursor:
            self.action_choose()
        self.go(row, column)

    # -- drawing --------------------------------------------------------------------------------

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.refresh()

    def on_resize(self) -> None:
        self._follow()

    def _layout(self) -> tuple[int, int]:
        """Columns of the row labels, and of a cell."""
        longest = max((cell_len(label) for label in self.labels), default=1)
        classes = max(len(self.counts), 1)
        if min(longest, 3) + 2 + _NARROWEST * classes > self.size.width:
            return min(longest, max(_LABEL, self.size.width // 5)) + 2, _SCROLLED
        room = self.size.width - _COMFORTABLE * classes - 2
        label = min(longest, max(_LABEL, room // 2), max(room, 3)) + 2
        width = (self.size.width - label) // classes
        return label, max(_NARROWEST, min(width, max(_WIDEST, min(longest + 2, 20))))

    @property
    def _head(self) -> int:
        """Lines above the first row: the classes, and a legend where there is room."""
        classes, height = len(self.counts), self.size.height
        return 2 if height >= classes + 2 or _ROOMY <= height < classes + 1 else 1

    @property
    def _seen(self) -> tuple[int, int]:
        """How many rows and columns are shown."""
        label, width = self._layout()
        rows, columns = self.size.height - self._head, (self.size.width - label) // width
        classes = len(self.counts)
        return max(1, min(rows, classes)), max(1, min(columns, classes))

    def _follow(self) -> None:
        """Show the cell of the cursor: a step moves what is shown by one, a jump is centred."""
        if not self.size.area:  # its room is not known yet
            return
        found = []
        for first, at, seen in zip(self._first, self.cursor, self._seen, strict=True):
            nearest = min(max(first, at - seen + 1), at)
            if abs(nearest - first) > 1:
                nearest = at - seen // 2
            found.append(max(0, min(nearest, len(self.counts) - seen)))
        self._first = found[0], found[1]

    def render_line(self, y: int) -> Strip:
        base, head = self.base, self._head
        rows, columns = self._seen
        if not len(self.counts) or y >= rows + head:
            return Strip.blank(self.size.width, base)
        label, width = self._layout()
        muted = self.style_for("muted")
        if y < head - 1:
            segments = [Segment(self._legend(rows, columns), muted)]
        elif y == head - 1:
            segments = [Segment(" " * label, base), *self._names(columns, width)]
        else:
            row = y - head + self._first[0]
            if row >= len(self.counts):  # it has just been made higher, and follows in a moment
                return Strip.blank(self.size.width, base)
            segments = [self._label(row, label), *self._row(row, columns, width)]
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def _legend(self, rows: int, columns: int) -> str:
        """What the two sides mean, and of a part of a matrix which one it is."""
        if min(rows, columns) == len(self.counts):
            return "true ↓  predicted →"
        top, left = self._first
        return (
            f"true ↓ {top + 1:,}–{top + rows:,}  predicted → {left + 1:,}–{left + columns:,}  "
            f"of {len(self.counts):,}"
        )

    def _names(self, columns: int, width: int) -> list[Segment]:
        first = self._first[1]
        return [
            Segment(
                _right(f"▾{text}" if column == self.cursor[1] else text, width - 1) + " ",
                self._label_style(column == self.cursor[1]),
            )
            for column, text in enumerate(self.labels[first : first + columns], first)
        ]

    def _label(self, row: int, width: int) -> Segment:
        here = row == self.cursor[0]
        text = _right(self.labels[row], width - 2)
        return Segment(f"{'▸' if here else ' '}{text} ", self._label_style(here))

    def _label_style(self, here: bool) -> RichStyle:
        return self.style_for("bold primary" if here else "muted")

    def _row(self, row: int, columns: int, width: int) -> list[Segment]:
        total = max(int(self.counts[row].sum()), 1)
        shares = self.counts[row] / total
        shades = colours.diverging(self.palette)
        strength = self._strength(row, shares)
        first = self._first[1]
        segments = []
        for column, count in enumerate(self.counts[row, first : first + columns].tolist(), first):
            here = (row, column) == self.cursor
            background = shades[int(strength[column])]
            text = f"{count:{self.SIGN}}" if count else "·"
            if count and self.in_percent:
                share = 100 * shares[column]
                whole = min(round(share), 99) if share < 100 else 100  # 100 are all of them
                text = f"{whole}" if share >= 0.95 else f".{share * 10:.0f}"
            if len(text) > width:
                text = f"{int(count / 1000):{self.SIGN}}k"
            text = f"{text:>{width - 1}} " if len(text) < width else text[:width]
            colour = colours.text_colour(background) if count else self.colour("muted")
            style = RichStyle(color=colour, bgcolor=background, bold=here or row == column)
            if here:
                style += RichStyle(reverse=True)
            segments.append(Segment(text, style))
        return segments

    def _strength(self, row: int, shares: Array) -> Array:
        """Palette indices of a row: the diagonal to one side, mistakes to the other."""
        values = np.sqrt(shares / self._worst).clip(0, 1)
        values[row] = -shares[row]
        return colours.levels(values, 1.0)


def _right(text: str, width: int) -> str:
    if cell_len(text) > width:
        text = set_cell_size(text, width)
    return " " * (width - cell_len(text)) + text
