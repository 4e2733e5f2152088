"""A picture with a frame around some of its pixels, and one whose frame is moved."""

import numpy as np
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual import events
from textual.binding import Binding
from textual.message import Message
from textual.strip import Strip

from engine.arrays import Array
from tui.charts import colours
from tui.screens.inspect.microscope.look import Frame
from tui.widgets.styles import ThemedWidget, half_blocks

_MAX_ZOOM = 4
_RULER = 1
"""Cells at the top and at the left that mark the frame's columns and rows, without colours."""


class FramedPicture(ThemedWidget):
    """A picture, two pixels a cell, with a frame; what does not fit is seen around the frame."""

    HELP_TEXT = (
        "The image that the network sees. The bars at its top and left edge, and the frame, mark "
        "its receptive field: the pixels that the chosen number depends on. All other pixels "
        "could be anything, and the number would stay the same."
    )
    DEFAULT_CSS = "FramedPicture { width: 1fr; height: 1fr; }"
    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._picture: Array = np.zeros((0, 0))
        self._limit: float | None = None
        self._frame: Frame | None = None

    def show(self, picture: Array, limit: float | None, frame: Frame | None) -> None:
        """Set the picture.

        Args:
            picture: numbers around zero (h, w); or an image from 0 to 1, (h, w) or (h, w, 3).
            limit: the number that gets the strongest colour; None for images.
            frame: the pixels to mark; may reach out of the picture.
        """
        if (limit, frame) == (self._limit, self._frame) and np.array_equal(picture, self._picture):
            return
        self._picture, self._limit, self._frame = picture, limit, frame
        self.refresh()

    @property
    def _zoom(self) -> int:
        height, width = self._picture.shape[:2]
        across = (self.size.width - _RULER) // max(width, 1)
        down = 2 * (self.size.height - _RULER) // max(height, 1)
        return max(min(across, down, _MAX_ZOOM), 1)

    @property
    def _start(self) -> tuple[int, int]:
        """First row and column that are seen, in pixels on the screen; the row is even."""
        height, width = (side * self._zoom for side in self._picture.shape[:2])
        rows, columns = 2 * (self.size.height - _RULER), self.size.width - _RULER
        frame = self._frame or Frame(0, 1, 0, 1)
        middle = (frame.top + frame.bottom) * self._zoom // 2
        centre = (frame.left + frame.right) * self._zoom // 2
        top = max(min(middle - rows // 2, height - rows), 0)
        return top + top % 2, max(min(centre - columns // 2, width - columns), 0)

    def pixel_at(self, x: int, y: int) -> tuple[int, int] | None:
        """Row and column of the pixel in a cell of the widget; None if there is none."""
        top, left = self._start
        row = (top + 2 * (y - _RULER)) // self._zoom
        column = (left + x - _RULER) // self._zoom
        inside = x >= _RULER and y >= _RULER
        height, width = self._picture.shape[:2]
        return (row, column) if inside and row < height and column < width else None

    def render_line(self, y: int) -> Strip:
        space = self.size.width
        zoom, (top, left) = self._zoom, self._start
        height, width = (side * zoom for side in self._picture.shape[:2])
        columns = range(left, min(left + space - _RULER, width))
        if y == 0:
            span = self._span(1)
            marks = "".join("▄" if column in span else " " for column in columns)
            return self._strip([Segment(" " * _RULER + marks, self._mark)])
        row = top + 2 * (y - _RULER)
        if row >= height:
            return Strip.blank(space, self.base)
        rows = row, min(row + 1, height - 1)
        span = self._span(0)
        marked = rows[0] in span, row + 1 < height and rows[1] in span
        segments = [Segment({(0, 0): " ", (1, 0): "▀", (0, 1): "▄"}.get(marked, "█"), self._mark)]
        upper, lower = (self._colours_of(row, columns) for row in rows)
        segments += [half_blocks(a, b, 1) for a, b in zip(upper, lower, strict=True)]
        return self._strip(segments)

    def _strip(self, segments: list[Segment]) -> Strip:
        return Strip(segments).simplify().adjust_cell_length(self.size.width, self.base)

    @property
    def _mark(self) -> RichStyle:
        return self.style_for("accent")

    def _span(self, axis: int, around: int = 0) -> range:
        """Rows or columns of the frame, and so many pixels of the screen around it."""
        frame = self._frame
        if frame is None:
            return range(0)
        first, end = ((frame.top, frame.bottom), (frame.left, frame.right))[axis]
        zoom = self._zoom
        return range(first * zoom - around, end * zoom + around)

    def _colours_of(self, row: int, columns: range) -> list[str]:
        zoom = self._zoom
        pixels = self._picture[row // zoom][np.arange(columns.start, columns.stop) // zoom]
        if self._limit is None:
            shades = colours.image_colours(pixels.ndim == 2)
            level = colours.image_levels(pixels[None, None])
        else:
            shades = colours.diverging(self.palette)
            level = colours.levels(pixels, self._limit)
        made = [shades[i] for i in level.reshape(-1).tolist()]
        if row in self._span(0, 1):
            inside = self._span(1) if row in self._span(0) else range(0)
            accent = self.colour("accent")
            for column in self._span(1, 1):
                if column in columns and column not in inside:
                    made[column - columns.start] = accent
        return made


class FeatureMap(FramedPicture, can_focus=True):
    """The feature map, with a cursor on one of its numbers."""

    HELP_TEXT = (
        "The feature map: what the layer answered at every place of the image. Blue is below zero, "
        "orange above. The arrows move the cursor from number to number; bars at the top and left "
        "edge show where it is. The right side has the arithmetic of this one number. m goes to "
        "the next map, the comma and the full stop to the layers before and behind, f to the "
        "strongest number of the map."
    )
    BINDINGS = [
        Binding("left,h", "move(0, -1)", show=False),
        Binding("right,l", "move(0, 1)", show=False),
        Binding("up,k", "move(-1, 0)", show=False),
        Binding("down,j", "move(1, 0)", show=False),
    ]

    class Moved(Message):
        """The cursor is to be at another row and column."""

        def __init__(self, row: int, column: int) -> None:
            super().__init__()
            self.row, self.column = row, column

    def action_move(self, rows: int, columns: int) -> None:
        """Move the cursor, as far as the picture goes."""
        if self._frame is None:
            return
        height, width = self._picture.shape[:2]
        row = min(max(self._frame.top + rows, 0), height - 1)
        column = min(max(self._frame.left + columns, 0), width - 1)
        self.post_message(self.Moved(row, column))

    def on_click(self, event: events.Click) -> None:
        place = self.pixel_at(event.x - self.gutter.left, event.y - self.gutter.top)
        if place is not None:
            self.post_message(self.Moved(*place))
