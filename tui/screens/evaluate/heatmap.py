"""A confusion matrix as a heat map, with its numbers."""

from collections.abc import Sequence

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
_LABEL = 10


class Heatmap(ThemedWidget, can_focus=True):
    """Counts with a cursor: rows are true classes, columns what was predicted.

    The diagonal is coloured by its share of the row, in the colour below zero; every other cell
    in the one above zero, by its share of the largest mistake.
    """

    DEFAULT_CSS = "Heatmap { width: 1fr; height: 1fr; }"
    HELP_TEXT = (
        "Rows are the true classes, columns the predicted ones. The diagonal (blue) is right, "
        "everything else (orange) a mistake; a dot is zero. Arrows choose a cell, n goes to the "
        "next most frequent mistake, enter shows the images, p switches to percent of the row."
    )
    ALLOW_SELECT = False
    BINDINGS = [
        Binding("left,h", "move(0,-1)", show=False),
        Binding("right,l", "move(0,1)", show=False),
        Binding("up,k", "move(-1,0)", show=False),
        Binding("down,j", "move(1,0)", show=False),
        Binding("home", "move(0,-1000)", show=False),
        Binding("end", "move(0,1000)", show=False),
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

    def show(self, counts: Array, labels: Sequence[str]) -> None:
        """Set the matrix; the labels are shown as they stand."""
        self.counts, self.labels = counts, tuple(labels)
        last = max(len(counts) - 1, 0)
        self.cursor = (min(self.cursor[0], last), min(self.cursor[1], last))
        self.refresh()

    # -- moving ---------------------------------------------------------------------------------

    def action_move(self, rows: int, columns: int) -> None:
        """Move the cursor."""
        self.go(self.cursor[0] + rows, self.cursor[1] + columns)

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
            self.refresh()
            self.post_message(self.Moved(self))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        label, width = self._layout()
        row, column = offset.y - self._head + self._top, (offset.x - label) // width
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

    def _layout(self) -> tuple[int, int]:
        """Columns of the row labels, and of a cell."""
        longest = max((cell_len(label) for label in self.labels), default=1)
        classes = max(len(self.counts), 1)
        room = self.size.width - _COMFORTABLE * classes - 2
        label = min(longest, _LABEL, max(room, 3)) + 2
        width = (self.size.width - label) // classes
        return label, max(_NARROWEST, min(width, _WIDEST))

    @property
    def _head(self) -> int:
        """Lines above the first row: the classes, and a legend where there is room."""
        return 2 if self.size.height >= len(self.counts) + 2 else 1

    @property
    def _top(self) -> int:
        """The first row that is shown; where not all fit, that of the cursor is among them."""
        return max(0, self.cursor[0] - max(self.size.height - self._head - 1, 0))

    def render_line(self, y: int) -> Strip:
        base, size = self.base, len(self.counts) - self._top
        head = self._head
        if not len(self.counts) or y >= size + head:
            return Strip.blank(self.size.width, base)
        label, width = self._layout()
        muted = self.style_for("muted")
        if y < head - 1:
            segments = [Segment("true ↓  predicted →", muted)]
        elif y == head - 1:
            segments = [Segment(" " * label, base), *self._names(width)]
        else:
            row = y - head + self._top
            segments = [self._label(row, label), *self._row(row, width)]
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def _names(self, width: int) -> list[Segment]:
        return [
            Segment(
                _right(f"▾{text}" if column == self.cursor[1] else text, width - 1) + " ",
                self._label_style(column == self.cursor[1]),
            )
            for column, text in enumerate(self.labels)
        ]

    def _label(self, row: int, width: int) -> Segment:
        here = row == self.cursor[0]
        text = _right(self.labels[row], width - 2)
        return Segment(f"{'▸' if here else ' '}{text} ", self._label_style(here))

    def _label_style(self, here: bool) -> RichStyle:
        return self.style_for("bold primary" if here else "muted")

    def _row(self, row: int, width: int) -> list[Segment]:
        total = max(int(self.counts[row].sum()), 1)
        shares = self.counts[row] / total
        shades = colours.diverging(self.palette)
        strength = self._strength(row, shares)
        segments = []
        for column, count in enumerate(self.counts[row].tolist()):
            here = (row, column) == self.cursor
            background = shades[int(strength[column])]
            text = "·" if not count else f"{count}"
            if count and self.in_percent:
                share = 100 * shares[column]
                whole = min(round(share), 99) if share < 100 else 100  # 100 are all of them
                text = f"{whole}" if share >= 0.95 else f".{share * 10:.0f}"
            if len(text) > width:
                text = f"{count // 1000}k"
            text = f"{text:>{width - 1}} " if len(text) < width else text[:width]
            colour = colours.text_colour(background) if count else self.colour("muted")
            style = RichStyle(color=colour, bgcolor=background, bold=here or row == column)
            if here:
                style += RichStyle(reverse=True)
            segments.append(Segment(text, style))
        return segments

    def _strength(self, row: int, shares: Array) -> Array:
        """Palette indices of a row: the diagonal to one side, mistakes to the other."""
        totals = np.maximum(self.counts.sum(axis=1, keepdims=True), 1)
        mistakes = self.counts / totals
        np.fill_diagonal(mistakes, 0)
        largest = float(mistakes.max()) or 1.0
        values = np.sqrt(shares / largest).clip(0, 1)
        values[row] = -shares[row]
        return colours.levels(values, 1.0)


def _right(text: str, width: int) -> str:
    if cell_len(text) > width:
        text = set_cell_size(text, width)
    return " " * (width - cell_len(text)) + text
