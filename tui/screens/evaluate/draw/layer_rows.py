"""Every layer of a network in a row of small pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from rich.segment import Segment
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from engine.arrays import Array
from engine.layers import shape_text
from tui import text
from tui.charts import colours, layer_images
from tui.charts.layer_images import Gallery, LayerPlace
from tui.widgets.styles import ThemedWidget
from tui.widgets.tiles import GAP, pixel_segments, shrunk

_HEAD = 18
_MORE = 6
_SQUEEZE = 2
"""Pictures are shrunk by at most so much more to show more of them side by side."""


@dataclass(frozen=True)
class Row:
    """The pictures of a layer as they fit into their row.

    Attributes:
        canvas: levels of the pixels, (2 * lines, width), gaps marked.
        left_out: how many pictures found no room.
    """

    canvas: Array
    left_out: int


@dataclass(frozen=True)
class _Line:
    """All that a line of the screen is made of.

    Attributes:
        head: the words before the pictures.
        first: whether it is the first line of a layer.
        pixels: levels of the upper and of the lower pixels, int16, as bytes; empty without any.
        left_out: how many pictures found no room; 0 behind the first line.
    """

    head: str
    first: bool
    pixels: bytes
    left_out: int


def row_heights(wanted: Sequence[int], lines: int) -> list[int]:
    """Lines for every layer: what it wants, the largest ones cut alike until all fit.

    Args:
        wanted: lines of every layer at full size.
        lines: how many there are; with fewer than one a layer, every layer gets one.
    """
    cap = max(wanted, default=1)
    while cap > 1 and sum(min(height, cap) for height in wanted) > lines:
        cap -= 1
    return [min(height, cap) for height in wanted]


def paint(gallery: Gallery, lines: int, columns: int) -> Row:
    """The pictures side by side, shrunk to a row."""
    count, height, width = gallery.pictures.shape
    least = max(-(-height // (2 * lines)), -(-width // columns), 1)
    factor = least
    while factor < _SQUEEZE * least and count * (-(-width // factor) + 1) > columns:
        factor += 1
    wide = -(-width // factor)
    shown = max(1, min(count, (columns + 1) // (wide + 1)))
    level = colours.levels(shrunk(gallery.pictures[:shown], factor), gallery.limit)
    canvas: Array = np.full((2 * lines, shown, wide + 1), GAP, np.int16)
    canvas[: level.shape[1], :, :wide] = level.transpose(1, 0, 2)
    return Row(canvas.reshape(2 * lines, -1), count - shown)


class LayerRows(ScrollView, ThemedWidget, can_focus=True):
    """All layers, a row each: name and shape, then its feature maps; ``show`` sets them."""

    HELP_TEXT = (
        "What every layer makes of the image, from the first one at the top to the answer at the "
        "bottom: a small picture for each of its feature maps. Orange is above zero, blue below, "
        "and the stronger the farther; every layer has a scale of its own. Large pictures are "
        "shrunk: of the pixels that share a place, the one farthest from zero is shown. +5 says "
        "that five more maps found no room. m shows the maps of one layer large."
    )
    DEFAULT_CSS = "LayerRows { height: 1fr; scrollbar-size-vertical: 1; overflow-x: hidden; }"
    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._layers: list[tuple[LayerPlace, Gallery]] = []
        self._made: object = None
        self._kept_for: object = None
        self._keys: list[_Line] = []
        self._strips: dict[int, Strip] = {}

    def show(self, places: Sequence[LayerPlace], outputs: dict[str, Array]) -> None:
        """Set what every layer makes of an image.

        Args:
            places: the layers in order.
            outputs: of every layer, without the batch; empty for no image.
        """
        self._layers = (
            [(place, layer_images.maps(place, outputs[place.name])) for place in places]
            if outputs
            else []
        )
        self._make()

    def notify_style_update(self) -> None:
        self._made = None
        super().notify_style_update()

    def on_resize(self) -> None:
        self._make()

    def _make(self) -> None:
        """Find the lines that have changed, and have them painted: others stay as they are."""
        size = self.scrollable_content_region.size
        self._made = (size, self.app.theme)
        if self._made != self._kept_for:
            self._kept_for, self._keys, self._strips = self._made, [], {}
        before, self._keys = self._keys, self._lines(size.width, size.height)
        self.virtual_size = Size(0, len(self._keys))
        for line, (old, new) in enumerate(zip_longest(before, self._keys)):
            if old != new:
                self._strips.pop(line, None)
                self.refresh_line(line)

    def render_line(self, y: int) -> Strip:
        size = self.scrollable_content_region.size
        if self._made != (size, self.app.theme):
            self._make()
        line = y + round(self.scroll_offset.y)
        if line >= len(self._keys):
            return Strip.blank(size.width, self.base)
        if line not in self._strips:
            self._strips[line] = self._strip(self._keys[line], size.width)
        return self._strips[line]

    def _lines(self, width: int, height: int) -> list["_Line"]:
        columns = width - _HEAD - _MORE
        if columns < 1:
            return []
        wanted = [-(-gallery.pictures.shape[1] // 2) for _, gallery in self._layers]
        gap = 1 if 2 * len(wanted) <= height else 0
        heights = row_heights(wanted, height - gap * len(wanted))
        found = []
        for (place, gallery), lines in zip(self._layers, heights, strict=True):
            row = paint(gallery, lines, columns)
            heads = [f"{place.name} {place.kind}", f"  {shape_text(place.out_shape)}"]
            for line in range(lines + gap):
                head = heads[line] if line < len(heads) else ""
                pixels = row.canvas[2 * line : 2 * line + 2].tobytes() if line < lines else b""
                found.append(_Line(head, line == 0, pixels, row.left_out if line == 0 else 0))
        return found

    def _strip(self, line: "_Line", width: int) -> Strip:
        muted = self.style_for("muted")
        style = self.style_for("foreground") if line.first else muted
        segments = [Segment(text.cut(line.head, _HEAD - 1).ljust(_HEAD), style)]
        if line.pixels:
            upper, lower = np.frombuffer(line.pixels, np.int16).reshape(2, -1)
            segments += pixel_segments(upper, lower, colours.diverging(self.palette), self.base)
        if line.left_out:
            segments.append(Segment(f"+{line.left_out}", muted))
        return Strip(segments).adjust_cell_length(width, self.base)
