"""Points with letters in a plane, one of them chosen."""

import string

import numpy as np
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.binding import Binding
from textual.message import Message
from textual.strip import Strip

from engine.arrays import Array
from tui.screens.inspect.histogram import nice
from tui.screens.inspect.space.follower import Space
from tui.widgets.styles import ThemedWidget

_SIGNS = string.digits + string.ascii_letters
_DARK = (
    "#6cb6ff", "#f0b45a", "#7ee787", "#ff8f8f", "#d2a8ff",
    "#56d4dd", "#ffe066", "#ff9bce", "#b8c0cc", "#a5d6a7",
)  # fmt: skip
_LIGHT = (
    "#0a63c9", "#b35900", "#1a7f37", "#c62828", "#7a3fc4",
    "#00707a", "#7a6200", "#ad1a72", "#4b5563", "#33691e",
)  # fmt: skip


def signs(classes: tuple[str, ...]) -> tuple[str, ...]:
    """A character for every class: its name where all are one letter or digit, else its number."""
    if all(len(name) == 1 and name.isascii() and name.isalnum() for name in classes):
        return classes
    return tuple(_SIGNS[i] if i < len(_SIGNS) else "•" for i in range(len(classes)))


def cells(points: Array, width: int, height: int) -> Array:
    """The column and line of every point, (n, 2); the axes begin and end at round numbers."""
    found = np.zeros(points.shape, int)
    for axis, size in enumerate((width, height)):
        low, high = _ends(points[:, axis])
        share = (points[:, axis] - low) / (high - low)
        found[:, axis] = np.clip(np.rint(share * (size - 1)), 0, size - 1)
    found[:, 1] = height - 1 - found[:, 1]
    return found


def _ends(values: Array) -> tuple[float, float]:
    """Round numbers around the values: an axis that rarely changes while they move."""
    return -nice(float(-values.min())), nice(float(values.max()))


class Scatter(ThemedWidget, can_focus=True):
    """Images as letters, where the network has put them; ``show`` sets them.

    Attributes:
        cursor: the chosen point.
        only: the class that is shown alone, or None.
    """

    HELP_TEXT = (
        "Every letter is an image of the test set, and says its class. Before its last layer the "
        "network has turned an image into a list of numbers, its features; images with similar "
        "features lie close together. A plane has room for two numbers only, so the picture looks "
        "from the side where the points are spread widest (principal component analysis, PCA): "
        "right and up are the two directions of the largest variance; the lower edge says which "
        "share of all variance each holds. Fresh weights put the classes on one heap; training "
        "pulls them apart, as the last layer can only separate what lies apart. What overlaps "
        "here may still be apart in the directions that are not seen. Arrows choose a point, "
        "[ and ] a class, enter shows what the layers make of the chosen image."
    )
    DEFAULT_CSS = "Scatter { height: 1fr; width: 1fr; }"
    ALLOW_SELECT = False
    BINDINGS = [
        Binding("left,h", "move(-1, 0)", show=False),
        Binding("right,l", "move(1, 0)", show=False),
        Binding("up,k", "move(0, -1)", show=False),
        Binding("down,j", "move(0, 1)", show=False),
        Binding("enter", "choose", show=False),
    ]

    class Moved(Message):
        """Another point is chosen."""

    class Chosen(Message):
        """Enter was pressed on a point."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.space: Space | None = None
        self.cursor = 0
        self.only: int | None = None
        self.empty = ""
        self._made: object = None
        self._grid: dict[tuple[int, int], int] = {}

    def show(self, space: Space | None, only: int | None, empty: str = "") -> None:
        """Set the points.

        Args:
            space: the points; None for none.
            only: the class to show alone, or None for all.
            empty: what is said where there are none.
        """
        self.space, self.only, self.empty = space, only, empty
        shown = self.shown
        if len(shown) and self.cursor not in shown:
            self.cursor = int(shown[0])
        self._made = None
        self.refresh()

    @property
    def shown(self) -> Array:
        """The points that can be chosen."""
        if self.space is None:
            return np.zeros(0, int)
        if self.only is None:
            return np.arange(len(self.space.labels))
        return np.flatnonzero(self.space.labels == self.only)

    def action_move(self, columns: int, lines: int) -> None:
        """Choose the next point in a direction: near, and not far off to the side."""
        shown = self.shown
        if self.space is None or not len(shown):
            return
        places = cells(self.space.projection.points, *self.size)[shown]
        away = places - cells(self.space.projection.points, *self.size)[self.cursor]
        away[:, 1] *= 2  # a cell is twice as high as it is wide
        ahead = away @ np.array([columns, lines])
        aside = np.abs(away @ np.array([lines, columns]))
        cost = np.where(ahead > 0, ahead + 2 * aside, np.iinfo(int).max)
        if ahead.max() > 0:
            self.cursor = int(shown[cost.argmin()])
            self._made = None
            self.refresh()
            self.post_message(self.Moved())

    def action_choose(self) -> None:
        """Choose the image of the cursor."""
        if len(self.shown):
            self.post_message(self.Chosen())

    def render_line(self, y: int) -> Strip:
        width, height = self.size
        if self.space is None:
            words = self.empty if y == height // 2 else ""
            return Strip([Segment(words[:width].center(width), self.style_for("muted"))])
        if self._made != (width, height):
            self._made = (width, height)
            self._grid = self._placed(cells(self.space.projection.points, width, height))
        segments = []
        for x in range(width):
            point = self._grid.get((x, y))
            segments.append(self._mark(point) if point is not None else Segment(" ", self.base))
        return Strip(segments).simplify()

    def _placed(self, places: Array) -> dict[tuple[int, int], int]:
        """The point that is seen in every cell: the chosen one before those that are shown."""
        shown = self.shown.tolist()
        hidden = set(range(len(places))) - set(shown)
        order = [*hidden, *shown, *([self.cursor] if shown else [])]
        return {(int(places[i, 0]), int(places[i, 1])): i for i in order}

    def _mark(self, point: int) -> Segment:
        assert self.space is not None
        label = int(self.space.labels[point])
        if self.only is not None and label != self.only:
            return Segment("·", self.style_for("muted"))
        style = self.base + RichStyle(
            color=class_colour(label, self.palette),
            reverse=point == self.cursor,
            underline=bool(self.space.predicted[point] != label),
        )
        return Segment(signs(self.space.classes)[label], style)


def class_colour(label: int, palette: str) -> str | None:
    """The colour of a class; of more than ten, several share one."""
    if palette == "grey":
        return None
    shades = _LIGHT if palette == "light" else _DARK
    return shades[label % len(shades)]
