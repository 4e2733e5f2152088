"""Tables with a column a pixel, as Kaggle's digit recogniser has them."""

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np

from engine.errors import DataError
from engine.importing.formats import labels as labels_of
from engine.importing.formats.headers import Header, Rows, is_number
from engine.importing.formats.pixels import ArrayPart, PixelFile, flat_shape
from engine.importing.source import ImportOptions, Source
from engine.sanitize import literal, printable

_ROWS = 512
"""Rows that are read before they are written."""


def _blocks(rows: Rows) -> Iterator[list[tuple[int, list[str]]]]:
    while block := list(islice(rows, _ROWS)):
        yield block


class PixelTable:
    """A reader of rows of a label and pixels.

    Args:
        header: of the table.
        options: of the import.

    Raises:
        ConfigError: an option does not fit.
        DataError: no column has labels, or the pixels are no image.
    """

    def __init__(self, header: Header, options: ImportOptions) -> None:
        self._path = header.path
        self._header = header
        self._options = options
        self._label = header.label_column(options.label)
        self._dropped = sorted({self._label, *([0] if header.index else [])}, reverse=True)
        self._columns = [i for i in range(header.width) if i not in self._dropped]
        self._shape = flat_shape(str(header.path), len(self._columns), options)
        self._labels: list[str] = []
        self._lines: list[int] = []
        self._fractions: list[int] = []
        self._largest = 0

    def read(self, rows: Rows, report: Callable[[], None]) -> Source:
        """Read all rows.

        Args:
            rows: all that there are.
            report: called several times a second.

        Raises:
            DataError: a row is not as it should be; the message names its line.
        """
        channels, height, width = self._shape
        with PixelFile((height, width, channels)) as pixels:
            for block in _blocks(rows):
                read = b"".join(self._read_row(line, row) for line, row in block)
                pixels.append(np.frombuffer(read, np.uint8).reshape(-1, *pixels.image_shape))
                report()
            unit = self._is_unit()
            labels = labels_of.from_text(self._labels, self._options.classes, self._place)
            images = pixels.map()
        if unit:
            whole = np.ones(len(images), bool)
            whole[self._fractions] = False
            for i in np.flatnonzero(whole):
                images[i] *= 255
        classes, indices = labels
        part = ArrayPart(
            images.transpose(0, 3, 1, 2),
            indices,
            self._shape,
            place=lambda i: f"line {self._lines[i]}",
        )
        facts = {"pixels": "0 to 1, multiplied by 255" if unit else "0 to 255"}
        if channels == 3:
            facts["colours"] = "red, green and blue of a pixel follow each other"
        return Source("table of pixels", classes, self._shape, {"train": part}, facts)

    def _is_unit(self) -> bool:
        """Whether the pixels are from 0 to 1."""
        if self._fractions and self._largest > 1:
            line = self._lines[self._fractions[0]]
            raise DataError(
                f"{self._path}: line {line} has a pixel with decimals while others are above 1; "
                "expected whole numbers from 0 to 255, or all from 0 to 1"
            )
        return self._largest <= 1

    def _read_row(self, line: int, row: list[str]) -> bytes:
        self._header.check(line, row)
        self._lines.append(line)
        self._labels.append(row[self._label].strip())
        for column in self._dropped:
            del row[column]
        try:
            values = bytes(map(int, row))  # the quick way: whole numbers from 0 to 255
        except ValueError:
            values = self._read_odd_row(line, row)
        else:
            self._largest = max(self._largest, max(values))
        return values

    def _read_odd_row(self, line: int, row: list[str]) -> bytes:
        """Read a row with decimals, as 17.0 or 0.067, or say what is wrong with it."""
        for column, text in zip(self._columns, row, strict=True):
            if not (is_number(text) and 0 <= float(text) <= 255):
                name = self._header.names[column] if self._header.names else f"{column + 1}"
                raise DataError(
                    f"{self._path}: line {line}: column {printable(name)} is {literal(text)}, "
                    "expected a pixel from 0 to 255"
                )
        values = np.array(row, np.float64)
        self._largest = max(self._largest, int(np.ceil(values.max())))
        if not (values == np.floor(values)).all():
            values *= 255 if values.max() <= 1 else 1
            self._fractions.append(len(self._lines) - 1)
        return np.rint(values).astype(np.uint8).tobytes()

    def _place(self, i: int) -> str:
        return f"{self._path}: line {self._lines[i]}"
