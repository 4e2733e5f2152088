"""Lines and areas as braille characters: two dots across and four down in every cell.

plotext could do this too, dot by dot in Python; here NumPy does it for all dots at once, ten
times faster.
"""

from collections.abc import Iterator

import numpy as np

from engine.arrays import Array

_DOTS = np.array([[0x40, 0x80], [0x04, 0x20], [0x02, 0x10], [0x01, 0x08]], dtype=np.uint8)
"""The bit of a dot by its row from below and its column, after Unicode's braille block."""

_FIRST = 0x2800


class BrailleCanvas:
    """Cells with dots; a line covers the cells of those before it.

    Args:
        columns, rows: how many cells.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self.bits = np.zeros((rows, columns), dtype=np.uint8)
        self.colours = np.full((rows, columns), -1, dtype=np.int16)

    def line(self, x: Array, y: Array, colour: int) -> None:
        """Draw from point to point.

        Args:
            x, y: from 0 (left, below) to 1 (right, above); finite.
            colour: any number from 0.
        """
        rows, columns = self.bits.shape
        if not len(x) or not self.bits.size:
            return
        across, up = self._dots(x, columns, 2), self._dots(y, rows, 4)
        dots_x, dots_y = _between(across, up)
        cells = dots_y // 4, dots_x // 2
        self.bits[cells] *= self.colours[cells] == colour  # what lay below is covered
        np.bitwise_or.at(self.bits, cells, _DOTS[dots_y % 4, dots_x % 2])
        self.colours[cells] = colour

    def area(self, x: Array, low: Array, high: Array, colour: int) -> None:
        """Fill between two lines with single dots, so that it looks like no line and no cloud.

        Args:
            x, low, high: from 0 (left, below) to 1 (right, above); finite, x rising.
            colour: any number from 0.
        """
        rows, columns = self.bits.shape
        if not len(x) or not self.bits.size:
            return
        across = self._dots(x, columns, 2)
        places = np.arange(across[0] // 2 * 2, across[-1] + 1, 2)  # one column of dots a cell
        first, last = (
            np.rint(np.interp(places, across, self._dots(edge, rows, 4))) for edge in (low, high)
        )
        up = np.arange(4 * rows)[:, np.newaxis]
        # Alternating from cell to cell, or the dots would make lines.
        chosen = ((up + places // 2) % 2 == 0) | (last - first <= 1)
        dots_y, which = np.nonzero((first <= up) & (up <= last) & chosen)
        dots_x = places[which]
        cells = dots_y // 4, dots_x // 2
        self.bits[cells] *= self.colours[cells] == colour  # what lay below is covered
        np.bitwise_or.at(self.bits, cells, _DOTS[dots_y % 4, dots_x % 2])
        self.colours[cells] = colour

    @classmethod
    def cell(cls, share: float, cells: int, dots: int) -> int:
        """In which of so many cells, each with so many dots, a place from 0 to 1 is."""
        return int(cls._dots(np.array(share), max(cells, 1), dots)) // dots

    @staticmethod
    def _dots(shares: Array, cells: int, dots: int) -> Array:
        return np.rint(np.clip(shares, 0, 1) * (dots * cells - 1)).astype(np.int64)

    def cells(self) -> Iterator[tuple[int, int, int, str]]:
        """Column, row from below, colour and character of every cell with a dot."""
        rows, columns = np.nonzero(self.bits)
        characters = (chr(_FIRST + bits) for bits in self.bits[rows, columns].tolist())
        colours = self.colours[rows, columns].tolist()
        return zip(columns.tolist(), rows.tolist(), colours, characters, strict=True)


def _between(x: Array, y: Array) -> tuple[Array, Array]:
    """All dots on the way along points, each segment without its last dot."""
    dx, dy = np.diff(x), np.diff(y)
    count = np.maximum(np.maximum(np.abs(dx), np.abs(dy)), 1)
    which = np.repeat(np.arange(len(count)), count)
    part = (np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)) / count[which]
    along_x = np.rint(x[which] + part * dx[which]).astype(np.int64)
    along_y = np.rint(y[which] + part * dy[which]).astype(np.int64)
    return np.append(along_x, x[-1]), np.append(along_y, y[-1])
