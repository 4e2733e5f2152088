"""Parallel coordinates: an axis for each setting and one for the result, a line for each trial.

Source: Inselberg, 'The plane with parallel coordinates', 1985.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from tui.charts.braille import BrailleCanvas

Run = tuple[str, str]
"""Characters and their colour, a variable of the theme."""

AXIS = "curve-axis"
LEAST_GAP = 9
"""Cells from one axis to the next."""

_EVERY = 10
"""Values that each have a place of their own; more numbers lie on a scale."""
_LABELS = 20
"""About as many values of an axis are written at most."""

_WIDE = 50.0
"""Ratio of the largest to the smallest number from which the scale is logarithmic."""


@dataclass(frozen=True)
class Axis:
    """An axis.

    Attributes:
        title: above it.
        labels: places from 0 (below) to 1, and what stands beside them, the most important first.
    """

    title: str
    labels: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Trace:
    """The line of a trial.

    Attributes:
        places: on every axis, from 0 to 1.
        colour: a variable of the theme.
        symbol: on every axis, so that it is found without its colour; empty for one of many.
    """

    places: tuple[float, ...]
    colour: str
    symbol: str = ""


def settings_axis(title: str, values: Sequence[str]) -> tuple[Axis, list[float]]:
    """The axis of a setting, and where its values are on it.

    A few values are the same way apart, numbers by their size and words in their order. Many
    numbers lie on a scale, which is logarithmic where they are far apart.

    Args:
        title: of the axis.
        values: of every trial, as they are written.
    """
    distinct = list(dict.fromkeys(values))
    numbers = _numbers(distinct)
    if numbers is not None:
        distinct = [value for _, value in sorted(zip(numbers, distinct, strict=True))]
    if numbers is None or len(distinct) <= _EVERY:
        step = 1 / max(len(distinct) - 1, 1)
        places = {value: i * step if step < 1 or i else 0.0 for i, value in enumerate(distinct)}
        if len(distinct) == 1:
            places[distinct[0]] = 0.5
    else:
        scale = sorted(numbers)
        low, high = scale[0], scale[-1]
        if low > 0 and high / low >= _WIDE:
            places = {v: math.log(float(v) / low) / math.log(high / low) for v in distinct}
        else:
            places = {v: (float(v) - low) / (high - low) for v in distinct}
    some = distinct[:: max(len(distinct) // _LABELS, 1)]
    ends = [distinct[-1], distinct[0]] if distinct else []
    labels = [(places[value], value) for value in dict.fromkeys([*ends, *some])]
    return Axis(title, tuple(labels)), [places[value] for value in values]


def result_axis(
    title: str, values: Sequence[float], labels: Sequence[str], *, up: bool
) -> tuple[Axis, list[float]]:
    """The axis of the result, the best always above, and where the values are on it.

    Args:
        title: of the axis.
        values: of every trial, finite.
        labels: how each is written.
        up: whether more is better.
    """
    if not values:
        return Axis(title, ()), []
    low, high = min(values), max(values)
    shares = [(value - low) / (high - low) if high > low else 0.5 for value in values]
    places = shares if up else [1 - share for share in shares]
    best, worst = int(np.argmax(places)), int(np.argmin(places))
    ends = dict.fromkeys([(places[best], labels[best]), (places[worst], labels[worst])])
    return Axis(title, tuple(ends)), places


def _numbers(values: Sequence[str]) -> list[float] | None:
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        return None
    return numbers if all(map(math.isfinite, numbers)) else None


def most_axes(width: int) -> int:
    """How many axes there is room for."""
    return max(width // LEAST_GAP, 0)


def parallel(
    axes: Sequence[Axis], traces: Sequence[Trace], width: int, height: int
) -> list[list[Run]]:
    """Draw parallel coordinates: lines of characters, each in runs of one colour.

    Args:
        axes: from left to right.
        traces: the last ones on top.
        width, height: in cells; nothing is drawn where there is no room.
    """
    if not axes or height < 3 or len(axes) > most_axes(width):
        return []
    rows = height - 1
    last = axes[-1]
    right = max(len(last.title), *(len(label) + 3 for _, label in last.labels), 4)
    right = min(right, width // 3)
    span = max(width - right - 1, len(axes) - 1)
    columns = [round(i * span / max(len(axes) - 1, 1)) for i in range(len(axes))]
    grid = [[(" ", AXIS)] * width for _ in range(height)]
    canvas = BrailleCanvas(width, rows)
    across = np.array(columns) * 2 / (2 * width - 1)
    colours: list[str] = []
    for colour, same in groupby(traces, key=lambda trace: trace.colour):
        # There and back: from one line to the next the way is along an axis, which covers it.
        places = [trace.places[:: (-1) ** i] for i, trace in enumerate(same)]
        there = [across[:: (-1) ** i] for i in range(len(places))]
        canvas.line(np.concatenate(there), np.concatenate(places), len(colours))
        colours.append(colour)
    for column, row, i, character in canvas.cells():
        grid[height - 1 - row][column] = (character, colours[i])
    for i, (axis, column) in enumerate(zip(axes, columns, strict=True)):
        room = (columns[i + 1] if i + 1 < len(axes) else width) - column
        _write(grid[0], column, axis.title[: max(room - 1, 1)], "foreground")
        for y in range(1, height):
            grid[y][column] = ("│", AXIS)
        taken: set[int] = set()
        for place, label in axis.labels:
            row = BrailleCanvas.cell(place, rows, 4)
            if row not in taken and not taken & {row - 1, row + 1}:
                taken.add(row)
                words = f" {label[: max(room - 3, 1)]} "
                _write(grid[height - 1 - row], column + 1, words, "foreground")
        for trace in traces:
            if trace.symbol:
                row = BrailleCanvas.cell(trace.places[i], rows, 4)
                grid[height - 1 - row][column] = (trace.symbol, trace.colour)
    return [_runs(line) for line in grid]


def _write(line: list[Run], column: int, text: str, colour: str) -> None:
    for i, character in enumerate(text[: max(len(line) - column, 0)]):
        line[column + i] = (character, colour)


def _runs(line: Sequence[Run]) -> list[Run]:
    runs: list[Run] = []
    for character, colour in line:
        if runs and (runs[-1][1] == colour or character == " "):
            runs[-1] = (runs[-1][0] + character, runs[-1][1])
        else:
            runs.append((character, colour))
    return runs
