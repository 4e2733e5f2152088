"""Small pictures side by side, two pixels a cell: filters, feature maps, samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual import events
from textual.binding import Binding
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from engine.arrays import Array
from tui.charts import colours
from tui.widgets.styles import ThemedWidget, half_blocks

GAP = -1
"""Level of a pixel that belongs to no picture."""
_MAX_ZOOM = 6
_LARGE, _SEEN = 20, 4
_PIXELS = 1 << 20
"""At most so many pixels in all pictures together; further pictures are left out."""


@dataclass(frozen=True)
class Grid:
    """How pictures are laid out.

    Attributes:
        columns: pictures in a row.
        zoom: cells that a pixel is wide.
        shrink: pixels that one cell stands for, where a picture would not fit; else 1.
        height, width: of one picture, in pixels on the screen.
        lines: cells that a row of pictures is high, with its captions.
    """

    columns: int
    zoom: int
    shrink: int
    height: int
    width: int
    lines: int


def lay_out(count: int, height: int, width: int, space: tuple[int, int]) -> Grid:
    """The largest zoom at which all pictures fit; at zoom 1 they may need scrolling.

    Large pictures are shrunk to half, but not more, where else fewer than four would be seen;
    and as far as it takes to see one.

    Args:
        count: how many pictures.
        height, width: of each, in pixels.
        space: columns and lines that there are.
    """
    columns, lines = max(space[0], 1), max(space[1], 2)
    shrink = max(-(-width // columns), -(-height // (2 * (lines - 1))))
    if shrink == 1 and min(height, width) >= _LARGE:
        seen = ((columns + 1) // (width + 1)) * (lines // (-(-height // 2) + 1))
        shrink = 2 if seen < min(count, _SEEN) else 1
    if shrink > 1:
        h, w = -(-height // shrink), -(-width // shrink)
        return Grid(max(1, (columns + 1) // (w + 1)), 1, shrink, h, w, -(-h // 2) + 1)
    for zoom in range(_MAX_ZOOM, 0, -1):
        h, w = height * zoom, width * zoom
        fit = (columns + 1) // (w + 1)
        grid = Grid(max(fit, 1), zoom, 1, h, w, -(-h // 2) + 1)
        if zoom == 1 or (fit and -(-count // fit) * grid.lines <= lines):
            return grid
    raise AssertionError("zoom 1 always returns")


def shrunk(pictures: Array, factor: int, *, mean: bool = False) -> Array:
    """A pixel for every block: the one that is farthest from zero, or the mean of all.

    Args:
        pictures: (n, h, w); for the mean also (n, h, w, 3).
        factor: pixels of a block's side; what is missing at the border is zero.
        mean: whether it is the mean.
    """
    if factor == 1:
        return pictures
    n, h, w = pictures.shape[:3]
    rows, columns = -(-h // factor), -(-w // factor)
    padded = np.zeros((n, rows * factor, columns * factor, *pictures.shape[3:]), pictures.dtype)
    padded[:, :h, :w] = pictures
    blocks = padded.reshape(n, rows, factor, columns, factor, *pictures.shape[3:])
    if mean:
        return blocks.mean(axis=(2, 4))
    flat = blocks.transpose(0, 1, 3, 2, 4).reshape(n, rows, columns, factor * factor)
    chosen = np.abs(flat).argmax(axis=3)
    return np.take_along_axis(flat, chosen[..., None], axis=3)[..., 0]


def pixel_segments(
    top: Array, bottom: Array, shades: Sequence[str], base: RichStyle
) -> list[Segment]:
    """A line of cells of two pixels each.

    Args:
        top, bottom: indices into ``shades``, or ``GAP``; (width,).
        shades: colours, as ``#rrggbb``.
        base: the style of gaps.
    """
    code = (top.astype(np.int32) + 1) * (len(shades) + 1) + bottom + 1
    starts = np.flatnonzero(np.diff(code, prepend=-1))
    ends = np.append(starts[1:], len(code))
    return [
        _run(int(top[a]), int(bottom[a]), int(b - a), shades, base)
        for a, b in zip(starts.tolist(), ends.tolist(), strict=True)
    ]


def _run(top: int, bottom: int, length: int, shades: Sequence[str], base: RichStyle) -> Segment:
    if top == bottom == GAP:
        return Segment(" " * length, base)
    if bottom == GAP:
        return Segment("▀" * length, RichStyle(color=shades[top], bgcolor=base.bgcolor))
    return half_blocks(shades[top], shades[bottom], length)


class Tiles(ScrollView, ThemedWidget, can_focus=True):
    """Pictures with captions, one of them chosen; ``show`` sets them.

    A line of the screen is made when it is first looked at, and kept until something changes.
    """

    DEFAULT_CSS = "Tiles { height: 1fr; scrollbar-size-vertical: 1; overflow-x: hidden; }"
    ALLOW_SELECT = False
    CHOOSES: ClassVar[bool] = True
    """Whether one of the pictures is marked as chosen."""
    BINDINGS = [
        Binding("left,h", "move(-1)", show=False),
        Binding("right,l", "move(1)", show=False),
        Binding("up,k", "move_row(-1)", show=False),
        Binding("down,j", "move_row(1)", show=False),
        Binding("home", "move(-1000000)", show=False),
        Binding("end", "move(1000000)", show=False),
        Binding("enter", "choose", show=False),
    ]

    class Moved(Message):
        """Another picture is chosen."""

        def __init__(self, tiles: "Tiles") -> None:
            super().__init__()
            self.tiles = tiles

        @property
        def control(self) -> "Tiles":
            return self.tiles

    class Chosen(Moved):
        """Enter was pressed on a picture, or it was clicked when it was chosen."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.pictures: Array = np.zeros((0, 1, 1))
        self.captions: tuple[str, ...] = ()
        self.limit: float | None = 0.0
        self._colours: tuple[str, ...] = ()
        self.cursor = 0 if self.CHOOSES else -1
        self.empty = ""
        self._made: tuple[object, ...] | None = None
        self._canvas: Array = np.zeros((0, 0), np.int16)
        self._grid = Grid(1, 1, 1, 1, 1, 2)
        self._lines: dict[int, Strip] = {}

    def show(self, pictures: Array, captions: Sequence[str], limit: float | None) -> None:
        """Set the pictures.

        Args:
            pictures: (n, h, w), numbers around zero; or images from 0 to 1, (n, h, w) in grey or
                (n, h, w, 3) in colour.
            captions: one for each, short.
            limit: the number that gets the strongest colour; None for images.
        """
        most = max(1, _PIXELS // max(pictures[0].size if len(pictures) else 1, 1))
        self.pictures, self.captions = pictures[:most], tuple(captions[:most])
        self.limit = limit
        self.cursor = min(self.cursor, max(len(self.pictures) - 1, 0))
        self._made = None
        self._prepare()
        self.refresh()

    # -- moving ---------------------------------------------------------------------------------

    def action_move(self, pictures: int) -> None:
        """Choose another picture of the row."""
        self.go(self.cursor + pictures)

    def action_move_row(self, rows: int) -> None:
        """Choose the picture above or below."""
        target = self.cursor + rows * self._grid.columns
        if 0 <= target < len(self.pictures):
            self.go(target)

    def action_choose(self) -> None:
        """Choose the picture of the cursor."""
        if len(self.pictures):
            self.post_message(self.Chosen(self))

    def go(self, index: int) -> None:
        """Choose a picture by its number."""
        index = max(0, min(index, len(self.pictures) - 1))
        if index == self.cursor or not len(self.pictures):
            return
        self.cursor = index
        self._lines.clear()
        self.refresh()
        top = index // self._grid.columns * self._grid.lines
        height = self.scrollable_content_region.height
        if top < self.scroll_offset.y:
            self.scroll_to(y=top, animate=False)
        elif top + self._grid.lines > self.scroll_offset.y + height:
            self.scroll_to(y=top + self._grid.lines - height, animate=False)
        self.post_message(self.Moved(self))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or not len(self.pictures):
            return
        column = offset.x // (self._grid.width + 1)
        row = (offset.y + round(self.scroll_offset.y)) // self._grid.lines
        index = row * self._grid.columns + column
        if column >= self._grid.columns or index >= len(self.pictures):
            return
        if index == self.cursor:
            self.action_choose()
        self.go(index)

    # -- drawing --------------------------------------------------------------------------------

    def notify_style_update(self) -> None:
        self._made = None
        super().notify_style_update()

    def on_resize(self) -> None:
        self._prepare()

    def on_focus(self) -> None:
        self._lines.clear()
        self.refresh()

    def on_blur(self) -> None:
        self._lines.clear()
        self.refresh()

    def _prepare(self) -> None:
        size = self.scrollable_content_region.size
        key = (size, self.app.theme)
        if self._made == key or not size.area:
            return
        self._made = key
        self._lines.clear()
        n = len(self.pictures)
        if n == 0:
            self._canvas = np.zeros((0, 0), np.int16)
            self.virtual_size = Size(0, 0)
            return
        height, width = self.pictures.shape[1:3]
        self._grid = lay_out(n, height, width, (size.width, size.height))
        self._canvas = self._paint(self._grid)
        self.virtual_size = Size(0, len(self._canvas) // 2)

    def _paint(self, grid: Grid) -> Array:
        """Palette indices of every pixel, two for each cell, the gaps marked."""
        n = len(self.pictures)
        if self.limit is None:
            level = colours.image_levels(shrunk(self.pictures, grid.shrink, mean=True))
            self._colours = colours.image_colours(self.pictures.ndim == 4)
        else:
            level = colours.levels(shrunk(self.pictures, grid.shrink), self.limit)
            self._colours = colours.diverging(self.palette)
        level = level.repeat(grid.zoom, axis=1).repeat(grid.zoom, axis=2)
        rows = -(-n // grid.columns)
        canvas: Array = np.full(
            (rows * grid.columns, 2 * grid.lines, grid.width + 1), GAP, np.int16
        )
        canvas[:n, : grid.height, : grid.width] = level
        canvas = canvas.reshape(rows, grid.columns, 2 * grid.lines, grid.width + 1)
        return canvas.transpose(0, 2, 1, 3).reshape(rows * 2 * grid.lines, -1)

    def render_line(self, y: int) -> Strip:
        self._prepare()
        width = self.scrollable_content_region.width
        line = y + round(self.scroll_offset.y)
        if 2 * line >= len(self._canvas):
            return self._blank(y, width)
        if line not in self._lines:
            row, inside = divmod(line, self._grid.lines)
            is_caption = inside == self._grid.lines - 1
            segments = self._captions(row) if is_caption else self._pixels(line)
            self._lines[line] = Strip(segments).adjust_cell_length(width, self.base)
        return self._lines[line]

    def _blank(self, y: int, width: int) -> Strip:
        if len(self.pictures) == 0 and self.empty:
            words = self.empty.split("\n")
            first = max((self.scrollable_content_region.height - len(words)) // 2, 0)
            if first <= y < first + len(words):
                style = self.style_for("muted")
                text = words[y - first][:width].center(width)
                return Strip([Segment(text, style)]).adjust_cell_length(width, self.base)
        return Strip.blank(width, self.base)

    def _pixels(self, line: int) -> list[Segment]:
        top, bottom = self._canvas[2 * line], self._canvas[2 * line + 1]
        return pixel_segments(top, bottom, self._colours, self.base)

    def _captions(self, row: int) -> list[Segment]:
        muted = self.style_for("muted")
        chosen = self.style_for("bold primary")
        first, space = row * self._grid.columns, self._grid.width + 1
        segments = []
        for index in range(first, min(first + self._grid.columns, len(self.pictures))):
            here = index == self.cursor
            text = f"▴{self.captions[index]}" if here else self.captions[index]
            if here and not self.has_focus:
                chosen = self.style_for("foreground")
            segments.append(Segment(text[:space].ljust(space), chosen if here else muted))
        return segments
