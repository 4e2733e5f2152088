"""The curve of a sweep in characters: loss over learning rate."""

import math
import shutil
import sys

from engine.numbers import significant
from engine.services.rate_finder import RateFinding

_HEIGHT = 12
_GUTTER = 8
_MOST = 100


def rate_chart(found: RateFinding) -> str:
    """Draw a sweep for the terminal that stdout is.

    Returns:
        Lines; empty where stdout is no terminal, or there is nothing to draw.
    """
    if sys.stdout is None or not sys.stdout.isatty() or found.reading is None:
        return ""
    return drawn(found, shutil.get_terminal_size().columns)


def drawn(found: RateFinding, columns: int) -> str:
    """The lines of a chart: ``·`` single batches, ``*`` the smoothed loss, ``|`` the suggestion.

    Losses above the ceiling are in the highest line.
    """
    width = max(min(columns, _MOST) - _GUTTER - 2, 20)
    assert found.reading is not None
    rates, top = found.rates, found.reading.ceiling
    low = min(min(point.smoothed, point.loss) for point in found.points)
    grid = [[" "] * width for _ in range(_HEIGHT)]

    def column(rate: float) -> int:
        share = math.log(rate / rates.low) / math.log(rates.high / rates.low)
        return min(max(round(share * (width - 1)), 0), width - 1)

    def row(loss: float) -> int:
        share = (min(loss, top) - low) / (top - low) if top > low else 0.0
        return round((1 - share) * (_HEIGHT - 1))

    suggestion = found.suggestion
    if suggestion is not None:
        for line in grid:
            line[column(suggestion)] = "|"
    for point in found.points:
        grid[row(point.loss)][column(point.lr)] = "·"
    for point in found.points:
        grid[row(point.smoothed)][column(point.lr)] = "*"
    labels = {0: significant(top), _HEIGHT - 1: significant(low)}
    lines = [f"{labels.get(i, ''):>{_GUTTER}} │{''.join(row)}" for i, row in enumerate(grid)]
    axis = [" "] * width
    for power in range(math.ceil(math.log10(rates.low)), math.floor(math.log10(rates.high)) + 1):
        label = f"1e{power}"
        place = min(column(10.0**power), width - len(label))
        if set(axis[max(place - 1, 0) : place + 5]) <= {" "}:
            axis[place : place + len(label)] = label
    legend = "loss over learning rate: · a batch, * smoothed"
    if suggestion is not None:
        legend += f", | {significant(suggestion)} is suggested"
    return "\n".join(
        line.rstrip()
        for line in [
            *lines,
            f"{'':>{_GUTTER}} └{'─' * width}",
            f"{'':>{_GUTTER}}  {''.join(axis)}",
            f"{'':>{_GUTTER}}  {legend}"[: columns or None],
        ]
    )
