"""The content of a chart, and how plotext draws it."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from engine.arrays import Array
from tui import compat
from tui.charts import scales
from tui.charts.braille import BrailleCanvas

Colour = tuple[int, int, int]

Rgb = Callable[[str], Colour]
"""A variable of the theme as red, green and blue."""

Run = tuple[str, Colour | None]
"""Characters and their colour; None is that of the axes."""

_GUTTER = 6  # columns of tick labels and axis


@dataclass(frozen=True)
class Series:
    """One line of a chart.

    Attributes:
        name: as in the legend.
        colour: a variable of the theme, such as ``curve-train``.
        x, y: points, x rising; y may hold anything.
        marker: how the line is drawn: ``braille``, or a character for each point.
        backdrop: it does not count for the range of the axis, and is cut off there.
    """

    name: str
    colour: str
    x: Array
    y: Array
    marker: str = "braille"
    backdrop: bool = False


@dataclass(frozen=True)
class Band:
    """The room between two lines, such as mean - std and mean + std.

    Attributes:
        colour: a variable of the theme.
        x, low, high: points, x rising; low and high may hold anything.
    """

    colour: str
    x: Array
    low: Array
    high: Array


@dataclass(frozen=True)
class Marker:
    """A symbol at a point: the best epoch, a change of the learning rate, where it broke.

    An infinite ``y`` puts it at the lower or upper edge.
    """

    symbol: str
    colour: str
    x: float
    y: float


@dataclass(frozen=True)
class Picture:
    """All that a chart shows.

    Attributes:
        series: drawn one over the other, the last on top.
        marks: over all of them.
        x_end: where the x axis ends; it begins at 0.
        log: whether y is logarithmic; what is not above 0 is then missing.
        y_limits: at least this is shown, or None.
        settled: the x before which points do not count for the range of y: a loss begins high.
        empty: what is said while there is nothing to draw.
        x_from: x counts powers of ten above this; None if it is linear.
        bands: behind the lines, but before what is a backdrop.
    """

    series: tuple[Series, ...] = ()
    marks: tuple[Marker, ...] = ()
    x_end: float = 1.0
    log: bool = False
    y_limits: tuple[float, float] | None = None
    settled: float = 0.0
    empty: str = "nothing yet"
    x_from: float | None = None
    bands: tuple[Band, ...] = ()

    @property
    def has_backdrop(self) -> bool:
        """Whether there is a series behind the others."""
        return any(series.backdrop for series in self.series)


def fits(width: int, height: int) -> bool:
    """Whether there is room for a chart."""
    return width >= _GUTTER + 6 and height >= 3


class Plotter:
    """Draws pictures; axes that look as they did before are not built again by plotext.

    That takes as long as all the rest, and while a network trains they rarely change.
    """

    def __init__(self) -> None:
        self._figure = compat.new_figure()
        self._axes: _Axes | None = None
        self._built: tuple[list[list[str]], list[list[Any]]] = ([], [])

    def plot(self, picture: Picture, width: int, height: int, rgb: Rgb) -> list[list[Run]] | None:
        """The lines of a chart, each in runs of one colour; None if there is nothing to draw.

        Args:
            picture: anything; what is not finite is a gap.
            width, height: in cells.
            rgb: the colours of the theme.
        """
        if not fits(width, height):
            return None
        frame = _Frame(picture, width - _GUTTER)
        if frame.is_empty:
            return None
        axes = frame.axes(width, height, rgb)
        if axes != self._axes:
            self._axes, self._built = axes, axes.built(self._figure)
        characters, colours = ([row.copy() for row in rows] for rows in self._built)
        frame.draw_lines_on(characters, colours, rgb)
        return [
            _runs("".join(line), shades)
            for line, shades in zip(characters[::-1], colours[::-1], strict=True)
        ]


@dataclass(frozen=True)
class _Axes:
    """All of a chart but its lines, by the cells in which it lies.

    Attributes:
        width, height: of the chart.
        columns, rows: of the room between the axes.
        below, beside: the labels of the ticks by column, and by row from below.
        points: a symbol and its colour, with the column and row of each.
    """

    width: int
    height: int
    columns: int
    rows: int
    below: tuple[tuple[int, str], ...]
    beside: tuple[tuple[int, str], ...]
    points: tuple[tuple[str, Colour, tuple[tuple[int, int], ...]], ...]

    def built(self, figure: Any) -> tuple[list[list[str]], list[list[Any]]]:
        """Characters and colours by row, from below, and column, as plotext draws them."""
        figure.clear_data()
        compat.lift_size_limit(figure)
        figure.plot_size(self.width, self.height)
        figure.theme("clear")
        figure.xaxes(True, False)
        figure.yaxes(True, False)
        figure.xlim(0, max(self.columns - 1, 1))
        figure.ylim(0, max(self.rows - 1, 1))
        figure.yticks([row for row, _ in self.beside], [label for _, label in self.beside])
        figure.xticks([column for column, _ in self.below], [label for _, label in self.below])
        # plotext leaves out the axes where there is no point at all.
        figure.scatter([0], [0], marker=" ")
        for symbol, colour, cells in self.points:
            across, up = [column for column, _ in cells], [row for _, row in cells]
            figure.scatter(across, up, marker=symbol, color=colour)
        matrix = compat.built_cells(figure)
        return matrix.marker, matrix.fullground


def _runs(line: str, colours: list[Any]) -> list[Run]:
    """A line in pieces of one colour, from the colour of every cell."""
    runs: list[Run] = []
    start = 0
    for colour, cells in groupby(colours):
        end = start + len(list(cells))
        runs.append((line[start:end], colour if type(colour) is tuple else None))
        start = end
    return runs


class _Frame:
    """The axes of a picture, and its series made fit for them."""

    def __init__(self, picture: Picture, columns: int) -> None:
        self.picture = picture
        end = float(picture.x_end)
        self.end = end if 1e-9 < end < 1e15 else 1.0
        self.series: list[tuple[Series, list[tuple[Array, Array]]]] = []
        counted: list[Array] = []
        everything: list[Array] = []
        for series in picture.series:
            x, y = scales.finite(series.x), self._scaled(scales.finite(series.y))
            n = min(len(x), len(y))
            # plotext walks along a line pixel by pixel, however far outside it leads.
            inside = (x[:n] >= 0) & (x[:n] <= self.end * (1 + 1e-9))
            # Two for every cell, as a cell of braille has.
            pieces = scales.thin(x[:n][inside], y[:n][inside], 2 * columns, self.end)
            self.series.append((series, pieces))
            everything += [piece[1] for piece in pieces]
            if not series.backdrop:
                counted += [piece[1][piece[0] >= picture.settled] for piece in pieces]
        self.bands = [self._fitted(band) for band in picture.bands]
        for x, *edges in self.bands:
            everything += edges if len(x) else []
            counted += [edge[x >= picture.settled] for edge in edges]
        self.is_empty = not everything
        known = any(len(values) for values in counted)
        low, high = scales.limits(counted if known else everything)
        if picture.y_limits is not None:
            least = self._scaled(scales.finite(picture.y_limits))
            low, high = np.nanmin([low, least[0]]), np.nanmax([high, least[1]])
        self.low, self.high = float(low), float(high)

    def _fitted(self, band: Band) -> tuple[Array, Array, Array]:
        """Its points that can be drawn: x, low and high on the scale of y."""
        x, low, high = (scales.finite(values) for values in (band.x, band.low, band.high))
        low, high = self._scaled(low), self._scaled(high)
        # Where mean - std is not above 0, a logarithmic axis has only the upper edge.
        low = np.where(np.isnan(low), high, low)
        there = np.isfinite(high) & (x >= 0) & (x <= self.end * (1 + 1e-9))
        return x[there], low[there], high[there]

    def _scaled(self, values: Array) -> Array:
        return scales.logarithm(values) if self.picture.log else values

    def axes(self, width: int, height: int, rgb: Rgb) -> _Axes:
        """Everything but the lines."""
        labels = self._y_ticks(height)
        gutter = max(_GUTTER - 1, *(len(label) for _, label in labels))
        self.columns, self.rows = width - gutter - 1, height - 2
        # Of ticks that share a cell, one is shown.
        beside = {self._row(place): f"{label:>{gutter}}" for place, label in labels}
        below = {self._column(t): label for t, label in self._x_ticks((width - gutter) // 10)}
        points = [
            (series.marker, rgb(series.colour), self._cells(x.tolist(), y.tolist()))
            for series, pieces in self.series
            if series.marker != "braille"
            for x, y in pieces
        ]
        marks = [(mark, self._place(mark)) for mark in self.picture.marks]
        points += [
            (mark.symbol, rgb(mark.colour), self._cells(*place)) for mark, place in marks if place
        ]
        return _Axes(
            width,
            height,
            self.columns,
            self.rows,
            tuple(below.items()),
            tuple(beside.items()),
            tuple(points),
        )

    # plotext and our canvas round differently; everything is put in the middle of a cell that the
    # canvas chose, so that points lie on their lines and ticks beside them.

    def _column(self, x: float) -> int:
        return BrailleCanvas.cell(x / self.end, self.columns, 2)

    def _row(self, y: float) -> int:
        return BrailleCanvas.cell((y - self.low) / (self.high - self.low), self.rows, 4)

    def _cells(self, x: list[float], y: list[float]) -> tuple[tuple[int, int], ...]:
        return tuple((self._column(a), self._row(b)) for a, b in zip(x, y, strict=True))

    def _place(self, mark: Marker) -> tuple[list[float], list[float]] | None:
        x = scales.finite([mark.x])[0]
        if np.isnan(x):
            return None
        if np.isinf(mark.y):  # the lower or upper edge
            y = self.low if mark.y < 0 else self.high
        else:
            y = self._scaled(scales.finite([mark.y]))[0]
            y = self.high if np.isnan(y) else y
        return [float(x)], [float(y)]

    def draw_lines_on(self, characters: list[list[str]], shades: list[list[Any]], rgb: Rgb) -> None:
        """Draw the lines on a canvas of braille, and lay that into plotext's cells.

        Handed to plotext as points, the lines would take more time than all the rest. Where it
        has put a dot or a mark they are below.
        """
        canvas = BrailleCanvas(self.columns, self.rows)
        span = self.high - self.low
        numbered = list(enumerate(self.series))
        lines = [(i, one) for i, one in numbered if one[0].marker == "braille"]
        for i, (_, pieces) in (line for line in lines if line[1][0].backdrop):
            for x, y in pieces:
                canvas.line(x / self.end, (y - self.low) / span, i)
        for i, (x, low, high) in enumerate(self.bands, len(numbered)):
            canvas.area(x / self.end, (low - self.low) / span, (high - self.low) / span, i)
        for i, (_, pieces) in (line for line in lines if not line[1][0].backdrop):
            for x, y in pieces:
                canvas.line(x / self.end, (y - self.low) / span, i)
        right, up = len(characters[0]) - self.columns, len(characters) - self.rows
        colours = [rgb(series.colour) for series, _ in self.series]
        colours += [rgb(band.colour) for band in self.picture.bands]
        for column, row, i, character in canvas.cells():
            if characters[up + row][right + column] == " ":
                characters[up + row][right + column] = character
                shades[up + row][right + column] = colours[i]

    def _x_ticks(self, count: int) -> list[tuple[float, str]]:
        """Places and labels."""
        if self.picture.x_from is None:
            places = scales.ticks(0.0, self.end, max(2, count))
            return [(place, scales.tick_label(place)) for place in places]
        first = float(np.log10(self.picture.x_from))
        marks = scales.log_ticks(first, first + self.end, max(2, count))
        return [(place - first, label) for place, label in marks]

    def _y_ticks(self, height: int) -> list[tuple[float, str]]:
        """Places and labels."""
        count = max(2, (height - 2) // 2 if height < 14 else height // 3)
        if self.picture.log:
            marks = scales.log_ticks(self.low, self.high, count)
        else:
            places = scales.ticks(self.low, self.high, count)
            marks = list(zip(places, scales.tick_labels(places), strict=True))
        if height < 4:  # one line: what is in its middle
            middle = (self.low + self.high) / 2
            return [(middle, scales.tick_label(10.0**middle if self.picture.log else middle))]
        return marks or [(self.low, "")]
