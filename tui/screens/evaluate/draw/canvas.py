"""The canvas to draw on, with the mouse or from the keyboard."""

import numpy as np
from rich.segment import Segment
from textual import events
from textual.binding import Binding
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from engine.arrays import Array
from tui.charts import colours
from tui.screens.evaluate.draw.brush import Drawing
from tui.widgets.styles import ThemedWidget, half_blocks

_MAX_ZOOM = 3


class DrawingCanvas(ThemedWidget, can_focus=True):
    """A drawing, two pixels a cell.

    Attributes:
        drawing: what is on it.
        cursor: row and column of the pen.
        pen_down: whether the pen draws as it is moved from the keyboard.
    """

    HELP_TEXT = (
        "Draw with the mouse, left button; the right one erases. From the keyboard: the "
        "arrows move the pen, space puts it down and lifts it."
    )
    DEFAULT_CSS = "DrawingCanvas { height: 1fr; width: 1fr; }"
    ALLOW_SELECT = False
    BINDINGS = [
        Binding("left,h", "move(0, -1)", show=False),
        Binding("right,l", "move(0, 1)", show=False),
        Binding("up,k", "move(-1, 0)", show=False),
        Binding("down,j", "move(1, 0)", show=False),
    ]

    class Changed(Message):
        """The drawing has changed; who hears it calls ``draw_changes``, with what depends on it."""

    def __init__(self, height: int, width: int, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.drawing = Drawing(height, width)
        self.cursor = (height // 4, width // 2)
        self.pen_down = False
        self._mouse: tuple[float, float] | None = None
        self._shown: tuple[Array, tuple[int, int]] = self.drawing.ink.copy(), self.cursor

    # -- drawing --------------------------------------------------------------------------------

    def show(self, ink: np.ndarray) -> None:
        """Put a picture on it, (height, width) from 0 to 1."""
        self.drawing.ink[:] = ink
        self._changed()

    def draw_changes(self) -> None:
        """Draw the lines whose pixels have changed, and where the pen was and is.

        A whole canvas for every stroke takes longer than all that depends on it.
        """
        ink, cursor = self._shown
        changed = (ink != self.drawing.ink).any(axis=1)
        changed[[cursor[0], self.cursor[0]]] = True
        self._shown = self.drawing.ink.copy(), self.cursor
        _, top, zoom = self._place
        lines = {
            top + pixel // 2
            for row in np.flatnonzero(changed).tolist()
            for pixel in range(row * zoom, (row + 1) * zoom)
        }
        self.refresh(*(Region(0, line, self.size.width, 1) for line in lines))

    def clear(self) -> None:
        """Clear."""
        self.drawing.clear()
        self.pen_down = False
        self._changed()

    def switch_pen(self) -> None:
        """Put the pen down, or lift it."""
        self.pen_down = not self.pen_down
        if self.pen_down:
            self.drawing.stroke(self.cursor, self.cursor)
            self._changed()
        self.refresh()

    def action_move(self, rows: int, columns: int) -> None:
        """Move the pen."""
        height, width = self.drawing.ink.shape
        row = min(max(self.cursor[0] + rows, 0), height - 1)
        column = min(max(self.cursor[1] + columns, 0), width - 1)
        start, self.cursor = self.cursor, (row, column)
        if self.pen_down:
            self.drawing.stroke(start, self.cursor)
            self._changed()
        else:
            self.draw_changes()

    def _changed(self) -> None:
        self.post_message(self.Changed())

    # -- the mouse ------------------------------------------------------------------------------

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self.focus()
        self.capture_mouse()
        self._mouse = self._pixel(event)
        self._draw_to(event)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._mouse is not None and event.button:
            self._draw_to(event)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        self._mouse = None
        self.release_mouse()

    def _draw_to(self, event: events.MouseEvent) -> None:
        here = self._pixel(event)
        self.drawing.stroke(self._mouse or here, here, erase=event.button == 3)
        self._mouse = here
        self.cursor = round(here[0]), round(here[1])
        self._changed()

    def _pixel(self, event: events.MouseEvent) -> tuple[float, float]:
        """The pixel under the mouse; a cell is two pixels high, so it is between two."""
        left, top, zoom = self._place
        height, width = self.drawing.ink.shape
        column = (event.x - self.gutter.left - left + 0.5) / zoom - 0.5
        row = (2 * (event.y - self.gutter.top - top) + 1) / zoom - 0.5
        return float(np.clip(row, 0, height - 1)), float(np.clip(column, 0, width - 1))

    # -- the screen -----------------------------------------------------------------------------

    @property
    def _place(self) -> tuple[int, int, int]:
        """Column and line where the paper begins, and cells that a pixel is wide."""
        height, width = self.drawing.ink.shape
        fits = min(self.size.width // width, 2 * self.size.height // height)
        zoom = min(max(fits, 1), _MAX_ZOOM)
        left = max((self.size.width - width * zoom) // 2, 0)
        return left, max((self.size.height - -(-height * zoom // 2)) // 2, 0), zoom

    def render_line(self, y: int) -> Strip:
        left, top, zoom = self._place
        height, width = self.drawing.ink.shape
        row, space = 2 * (y - top), self.size.width
        if not 0 <= row < height * zoom:
            return Strip.blank(space, self.base)
        upper, lower = (min((row + half) // zoom, height - 1) for half in (0, 1))
        levels = colours.image_levels(self.drawing.ink[None, [upper, lower]])[0]
        shades = colours.image_colours(False)
        segments = [Segment(" " * left, self.base)]
        for column in range(width):
            pair = [shades[level] for level in levels[:, column]]
            if self.has_focus and column == self.cursor[1]:
                pair = [
                    self._cursor_colour if pixel == self.cursor[0] else shade
                    for pixel, shade in zip((upper, lower), pair, strict=True)
                ]
            segments.append(half_blocks(pair[0], pair[1], zoom))
        return Strip(segments).simplify().adjust_cell_length(space, self.base)

    @property
    def _cursor_colour(self) -> str:
        return self.colour("error" if self.pen_down else "accent")
