"""A histogram of two distributions: now upwards, at the start downwards."""

import math
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.strip import Strip

from engine.arrays import Array
from tui import text
from tui.charts import scales
from tui.widgets.drawn_lines import DrawnLines

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_SAMPLE = 1 << 16
_SPREAD = 4.0
"""The axis reaches this many RMS to both sides; what is farther out counts in the last bar."""


@dataclass(frozen=True)
class Distribution:
    """The content of a histogram.

    Attributes:
        now, start: shares of all numbers in each of the same bins; None where there is nothing.
            The end bins count what is farther out.
        limit: the bins go from ``-limit`` to ``limit``.
    """

    now: Array | None
    start: Array | None
    limit: float


def distribution(now: Array | None, start: Array | None, bins: int) -> Distribution:
    """Count two arrays into the same bins, around zero.

    Args:
        now, start: any shape; numbers that are not finite are left out.
        bins: how many.
    """
    samples = [_sample(now), _sample(start)]
    sizes = [math.sqrt(float(np.mean(s * s))) for s in samples if s is not None and s.size]
    # The axis is that of the present: gradients fall to a hundredth of what they were at the
    # start, and on its scale those of every healthy network would be one spike at 0.
    limit = nice(_SPREAD * next((size for size in sizes if size > 0), 0.0))
    return Distribution(_count(samples[0], limit, bins), _count(samples[1], limit, bins), limit)


def nice(value: float) -> float:
    """The next of 1, 1.5, 2, 3, 5, 7 times a power of ten: an axis that rarely changes."""
    if not 0 < value < scales.LARGEST:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next((m * power for m in (1, 1.5, 2, 3, 5, 7) if m * power >= value), 10 * power)


def _sample(values: Array | None) -> Array | None:
    if values is None:
        return None
    flat = values.reshape(-1)
    if flat.size > _SAMPLE:
        flat = flat[:: -(-flat.size // _SAMPLE)]
    flat = flat.astype(np.float64)
    return flat[np.abs(flat) <= scales.LARGEST]


def _count(sample: Array | None, limit: float, bins: int) -> Array | None:
    if sample is None or not sample.size or bins < 1:
        return None
    place = ((sample / limit + 1) * (bins / 2)).astype(np.int64)
    counts = np.bincount(np.clip(place, 0, bins - 1), minlength=bins)
    return counts / sample.size


class Histogram(DrawnLines):
    """Bars upwards for now and downwards for the start, over one axis; ``show`` sets them."""

    DEFAULT_CSS = "Histogram { width: 1fr; height: 1fr; }"

    def __init__(self, title: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.title = title
        self.note = ""
        self._arrays: tuple[Array | None, Array | None] = (None, None)

    def show(self, now: Array | None, start: Array | None, note: str = "") -> None:
        """Set the numbers; ``note`` is shown where there are none."""
        self._arrays, self.note = (now, start), note
        self.draw_again()

    def _draw(self, width: int, height: int) -> list[Strip]:
        base = self.base
        bold = base + RichStyle(bold=True)
        if width < 8 or height < 4:
            return []
        shown = distribution(*self._arrays, bins=width)
        lines = [[Segment(self.title, bold)]]
        if shown.now is None and shown.start is None:
            muted = base + RichStyle(color=self.colour("muted"))
            words = text.wrapped(self.note or "nothing yet", width)
            lines += [[], *([Segment(line, muted)] for line in words)]
        else:
            up = (height - 2 + 1) // 2
            down = height - 2 - up
            lines += self._bars(shown.now, up, "curve-train", downwards=False)
            axis = RichStyle(color=self.colour("curve-axis"))
            lines.append([Segment(axis_words(shown.limit, width), base + axis)])
            lines += self._bars(shown.start, down, "muted", downwards=True)
            lines[0] = self._heading(width)
        return [Strip(line).adjust_cell_length(width, base) for line in lines[:height]]

    def _heading(self, width: int) -> list[Segment]:
        base = self.base
        parts = [Segment(self.title, base + RichStyle(bold=True))]
        if width >= len(self.title) + 15:
            parts += [
                Segment("  ▲ now", base + RichStyle(color=self.colour("curve-train"))),
                Segment(" ▼ start", base + RichStyle(color=self.colour("muted"))),
            ]
        return parts

    def _bars(
        self, shares: Array | None, lines: int, colour: str, *, downwards: bool
    ) -> list[list[Segment]]:
        base = self.base
        if shares is None:
            return [[] for _ in range(lines)]
        eighths = np.rint(shares / shares.max() * lines * 8).astype(int)
        eighths[(shares > 0) & (eighths == 0)] = 1
        ink = RichStyle(color=self.colour(colour))
        made = []
        for line in range(lines):
            floor = 8 * (line if downwards else lines - 1 - line)
            filled = np.clip(eighths - floor, 0, 8)
            if downwards:
                # There are no blocks that hang from the top, but what is missing can be drawn
                # in the colour of the background.
                hanging = RichStyle(color=base.bgcolor, bgcolor=self.colour(colour))
                made.append(
                    [
                        Segment(
                            "".join(_EIGHTHS[-level % 8] for level in run),
                            hanging if is_bar else base,
                        )
                        for is_bar, run in groupby(filled.tolist(), bool)
                    ]
                )
            else:
                bar = "".join(_EIGHTHS[level] for level in filled.tolist())
                made.append([Segment(bar, base + ink)])
        return made


def axis_words(limit: float, width: int) -> str:
    """The axis: 0 under the bin that counts it, the limits at the ends if there is room."""
    line, zero = ["─"] * width, width // 2
    line[zero] = "0"
    low, high = f"-{scales.tick_label(limit)}", scales.tick_label(limit)
    if len(low) < zero and len(high) < width - zero - 1:
        line[: len(low)], line[-len(high) :] = low, high
    return "".join(line)
