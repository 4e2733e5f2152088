"""Numbers on their way to a chart: whatever comes in, what comes out can be drawn.

A run has up to thousands of points, a chart some dozens of columns; plotting libraries are slow
for the former and fall over what is not finite. So points are first made finite or missing, then
thinned to the smallest and largest of every column.
"""

import math
from collections.abc import Sequence

import numpy as np

from engine.arrays import Array
from engine.numbers import significant

LARGEST = 1e100
"""Values beyond it are treated as missing, those below its inverse as 0: spans could overflow."""


def finite(values: Sequence[float] | Array) -> Array:
    """Float64 with NaN for all that cannot be drawn."""
    array = np.array(values, dtype=np.float64).reshape(-1)
    with np.errstate(invalid="ignore"):
        array[~(np.abs(array) <= LARGEST)] = np.nan
        array[np.abs(array) < 1 / LARGEST] = 0.0
    return array


def logarithm(values: Array) -> Array:
    """Base 10; NaN where there is none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return finite(np.log10(np.where(values > 0, values, np.nan)))


def smooth(values: Array, window: int) -> Array:
    """The mean of the last ``window`` values that are not missing; as long as before."""
    if window <= 1 or not len(values):
        return values
    present = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(present, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(present)])
    end = np.arange(1, len(values) + 1)
    start = np.maximum(end - window, 0)
    total, number = sums[end] - sums[start], counts[end] - counts[start]
    return np.where(present, total / np.maximum(number, 1), np.nan)


def steady(window: int) -> int:
    """The largest of 1, 2, 3, 4, 6, 8, 12, 16, ... that is not above a number, or 1.

    A window that grew with every point would move all of a curve with every point.
    """
    power = 1 << max(window.bit_length() - 1, 0)
    return power + power // 2 if window >= power + power // 2 > 1 else power


def thin(x: Array, y: Array, columns: int, end: float) -> list[tuple[Array, Array]]:
    """The smallest and largest value of every column, as pieces without gaps.

    Args:
        x: rising, from 0; y: as long, NaN where missing.
        columns: how many there are from 0 to the end of the axis. They lie still: points that are
            added change only those that they are in.
        end: of the axis.

    Returns:
        Pieces (x, y) to be drawn as lines; a column in which all is missing parts them.
    """
    n = min(len(x), len(y))
    x, y = x[:n], y[:n]
    keep = np.isfinite(x)
    x, y = x[keep], y[keep]
    if not len(x) or columns < 1:
        return []
    if len(x) > 2 * columns:
        x, y = _extremes(x, y, np.minimum((x * (columns / end)).astype(np.int64), columns - 1))
    there = np.isfinite(y)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], there, [False]]).astype(np.int8)))
    return [(x[a:b], y[a:b]) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _extremes(x: Array, y: Array, column: Array) -> tuple[Array, Array]:
    starts = np.flatnonzero(np.diff(column, prepend=-1))
    ends = np.append(starts[1:], len(x)) - 1
    there = np.isfinite(y)
    low = np.minimum.reduceat(np.where(there, y, np.inf), starts)
    high = np.maximum.reduceat(np.where(there, y, -np.inf), starts)
    low[np.isinf(low)] = high[np.isinf(high)] = np.nan
    # Within a column the line goes the way that the data goes.
    falling = np.nan_to_num(y[ends]) < np.nan_to_num(y[starts])
    first, second = np.where(falling, high, low), np.where(falling, low, high)
    return np.repeat((x[starts] + x[ends]) / 2, 2), np.stack([first, second], axis=1).ravel()


def limits(values: Sequence[Array]) -> tuple[float, float]:
    """The range of all values with some air around it; (0, 1) where there are none.

    Rounded outwards, by about a twentieth of it at most: an axis that followed every new extreme
    would never lie still.
    """
    lows = [float(np.nanmin(v)) for v in values if np.isfinite(v).any()]
    highs = [float(np.nanmax(v)) for v in values if np.isfinite(v).any()]
    if not lows:
        return 0.0, 1.0
    low, high = min(lows), max(highs)
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        air = abs(high) * 0.5 or 0.5
        return low - air, high + air
    air = (high - low) * 0.02
    grid = _round_up((high - low) / 50)
    return math.floor((low - air) / grid) * grid, math.ceil((high + air) / grid) * grid


def _round_up(rough: float) -> float:
    """1, 2, 2.5 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next((m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999), power * 10)


def ticks(low: float, high: float, count: int) -> list[float]:
    """At most about ``count`` round numbers between two others."""
    span = high - low
    if not 1e-200 < span < math.inf or count < 1:
        return []
    step = _round_up(span / count)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    if last - first > 1000:
        return []
    return [i * step for i in range(first, last + 1)]


def log_ticks(low: float, high: float, count: int) -> list[tuple[float, str]]:
    """Positions on a log10 axis and their labels: powers of ten, or 1-2-5 where there are few."""
    first, last = math.ceil(low - 1e-9), math.floor(high + 1e-9)
    powers = last - first + 1
    if powers >= 2:
        step = max(1, math.ceil(powers / max(count, 1)))
        return [(float(p), tick_label(10.0**p)) for p in range(first, last + 1, step)]
    found = [
        (p + math.log10(m), tick_label(m * 10.0**p))
        for p in range(math.floor(low), math.ceil(high) + 1)
        for m in (1, 2, 3, 5, 7)
        if low <= p + math.log10(m) <= high
    ]
    if len(found) >= 3:
        return found[:: max(1, math.ceil(len(found) / max(count, 1)))]
    values = [value for value in ticks(10.0**low, 10.0**high, count) if value > 0]
    return list(zip(map(math.log10, values), tick_labels(values), strict=True))


def tick_label(value: float) -> str:
    """At most six characters, for a number above 0."""
    for digits in (4, 3, 2, 1):
        label = significant(value, digits)
        if len(label) <= 6:
            break
    return label


def tick_labels(values: Sequence[float]) -> list[str]:
    """The labels of some ticks, with as many digits as tell them apart."""
    labels = [tick_label(value) for value in values]
    for digits in range(3, 10):
        if len(set(labels)) == len(labels):
            break
        labels = [significant(value, digits) for value in values]
    return labels


def horizon(now: float, end: float) -> float:
    """Where an axis that grows with a run ends: it changes rarely, and never passes the run."""
    if now >= end or end <= 1:
        return max(end, now, 1e-9)
    power = 10.0 ** math.floor(math.log10(max(now, 1.0)))
    for factor in (1, 2, 3, 5, 8, 10, 20):
        if factor * power >= now:
            return min(factor * power, end)
    return end
