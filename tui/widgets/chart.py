"""A pane with curves, drawn by plotext."""

from typing import ClassVar

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.color import Color
from textual.content import Content
from textual.strip import Strip

from tui.charts.figure import Band, Colour, Marker, Picture, Plotter, Series, fits
from tui.widgets.drawn_lines import DrawnLines
from tui.widgets.titles import set_titles

__all__ = ["Band", "Chart", "Marker", "Picture", "Series"]


class Chart(DrawnLines, can_focus=True):
    """Curves over a common x axis; ``show`` sets them."""

    DEFAULT_CSS = "Chart { height: 1fr; width: 1fr; }"

    pause: ClassVar[float] = 0.0
    """Seconds between two drawings while it trains."""

    def __init__(self, *, id: str | None = None, classes: str = "pane") -> None:
        super().__init__(id=id, classes=classes)
        self.picture = Picture()
        self._plotter = Plotter()

    def show(self, picture: Picture) -> None:
        """Draw another picture."""
        self.picture = picture
        self.draw_again()

    def titles(self, title: Content, subtitle: Content) -> None:
        """Set the titles in the frame, if they changed."""
        set_titles(self, title, subtitle)

    # -- drawing --------------------------------------------------------------------------------

    def _draw(self, width: int, height: int) -> list[Strip]:
        if width < 1 or height < 1:
            return []
        lines = self._plotter.plot(self.picture, width, height, self._rgb)
        if lines is None:
            words = self.picture.empty if fits(width, height) else "no room: z maximizes"
            return self._say(words, width, height)
        base = self.rich_style
        axis = base + RichStyle(color=self._hex("curve-axis"))
        styles: dict[Colour | None, RichStyle] = {None: axis}
        for colour in {colour for line in lines for _, colour in line if colour is not None}:
            styles[colour] = base + RichStyle(color=RichColor.from_rgb(*colour))
        return [
            Strip([Segment(words, styles[colour]) for words, colour in line], width)
            for line in lines
        ]

    def _say(self, text: str, width: int, height: int) -> list[Strip]:
        style = self.rich_style + RichStyle(color=self._hex("muted"))
        lines = [Strip.blank(width, self.rich_style)] * (height // 2)
        words = text[:width].center(width)
        return [*lines, Strip([Segment(words, style)], width)]

    def _hex(self, variable: str) -> str:
        value = self.app.theme_variables.get(variable, "#888888")
        return Color.parse(value).hex6

    def _rgb(self, variable: str) -> tuple[int, int, int]:
        return Color.parse(self.app.theme_variables.get(variable, "#888888")).rgb
