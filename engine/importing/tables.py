"""Tables of labelled images: a CSV with a column a pixel, as Kaggle's digit recogniser has it."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

import numpy as np

from engine.errors import ConfigError, DataError
from engine.importing import labels as labels_of
from engine.importing.pixels import ArrayPart, PixelFile, flat_shape
from engine.importing.source import ImportOptions, Source
from engine.sanitize import literal, printable
from engine.suggest import suggestion

_SUFFIXES = (".csv", ".tsv")
_LABEL_NAMES = ("label", "labels", "class", "target", "y")
_MAX_LINE = 64 << 20  # characters; a photograph of 1024x1024 in colour has 12 million
_ROWS = 512
"""Rows that are read before they are written."""

Rows = Iterator[tuple[int, list[str]]]
"""Numbers of lines, from 1, and their fields; empty lines are left out."""


@dataclass(frozen=True)
class Header:
    """What the first row of a table says.

    Attributes:
        path: of the table.
        names: of the columns; None where the first row is one of values.
        width: columns of every row.
        index: whether the first column numbers the rows, as pandas writes it.
    """

    path: Path
    names: list[str] | None
    width: int
    index: bool

    def label_column(self, given: str | None) -> int:
        """Column of the labels, by the name or number that was given, or by its name.

        Raises:
            ConfigError: there is no such column.
            DataError: none was given, and none has one of the usual names.
        """
        if given is None:
            return self._usual_label()
        names = self.names or []
        found = [i for i, name in enumerate(names) if name == given]
        found = found or [i for i, name in enumerate(names) if name.lower() == given.lower()]
        if len(found) == 1:
            return found[0]
        try:
            column = int(given)
        except ValueError:
            column = self.width
        if not -self.width <= column < self.width:
            raise ConfigError(
                f"{self.path}: no column '{printable(given)}'; {self._columns()}."
                f"{suggestion(given, names)}"
            )
        return column % self.width

    def _usual_label(self) -> int:
        names = [name.lower() for name in self.names or []]
        found = [i for i, name in enumerate(names) if name in _LABEL_NAMES]
        if len(found) == 1:
            return found[0]
        which = "more than one column of labels" if found else "no column of labels"
        if self.names is None:
            which = "no header"
        raise DataError(
            f"{self.path}: it has {which}; name it with --label, or by its number "
            f"(0 is the first, -1 the last); {self._columns()}"
        )

    def _columns(self) -> str:
        if self.names is None:
            return f"it has {self.width:,} columns without names"
        shown = [literal(name, 30).strip("'") for name in self.names]
        if len(shown) > 8:
            shown = [*shown[:4], "...", *shown[-2:]]
        return f"there are {', '.join(shown)}"


def open_table(path: Path, options: ImportOptions) -> Source | None:
    """Open a CSV with a label column and a column a pixel; None if it is no CSV.

    The pixels are whole numbers from 0 to 255, or all of them from 0 to 1, which are multiplied by
    255. A row is an image, line by line; in colour the three values of a pixel follow each other,
    as ``image.flatten()`` gives them. ``options.size`` is needed where the images are not square.

    Raises:
        DataError: it cannot be read, or is not such a table; the message names the line.
        ConfigError: an option does not fit.
    """
    if path.suffix.lower() not in _SUFFIXES or not path.is_file():
        return None
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = _rows(path, file)
            number, first = next(rows, (0, []))
            if not first:
                raise DataError(f"{path}: it is empty")
            header = _header(path, first)
            again = iter(()) if header.names is not None else iter([(number, first)])
            return _PixelTable(header, options).read(again, rows)
    except UnicodeDecodeError:
        raise DataError(f"{path}: it is not UTF-8 text; save it as CSV in UTF-8") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None


def _rows(path: Path, file: TextIO) -> Rows:
    """The rows of a CSV whose fields are separated by commas, semicolons or tabs."""
    first = file.readline(_MAX_LINE)
    file.seek(0)
    delimiter = max(",;\t", key=first.count)

    def lines() -> Iterator[str]:
        while line := file.readline(_MAX_LINE):
            if len(line) == _MAX_LINE:
                raise DataError(f"{path}: a line is longer than {_MAX_LINE:,} characters")
            yield line

    reader = csv.reader(lines(), delimiter=delimiter)
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise DataError(f"{path}: line {reader.line_num}: {error}") from None
        if row is None:
            return
        if any(row):
            yield reader.line_num, row


def _header(path: Path, first: list[str]) -> Header:
    """Read the first row.

    It is a header if more than one field, the label's, is no number, or if the numbers count the
    columns, as pandas names those of an array.
    """
    numbers = [field for field in first if _is_number(field)]
    words = len(first) - len(numbers)
    counted = len(numbers) > 3 and numbers == [str(i) for i in range(len(numbers))]
    if words < min(2, len(first)) and not counted:
        return Header(path, None, len(first), index=False)
    names = [name.strip() for name in first]
    return Header(path, names, len(first), index=names[0].lower() in ("", "unnamed: 0"))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _blocks(rows: Rows) -> Iterator[list[tuple[int, list[str]]]]:
    while block := list(islice(rows, _ROWS)):
        yield block


class _PixelTable:
    """A reader of rows of a label and pixels.

    Args:
        header: of the table.
        options: of the import.
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

    def read(self, *parts: Rows) -> Source:
        """Read all rows."""
        channels, height, width = self._shape
        with PixelFile((height, width, channels)) as pixels:
            for rows in parts:
                for block in _blocks(rows):
                    read = b"".join(self._read_row(line, row) for line, row in block)
                    pixels.append(np.frombuffer(read, np.uint8).reshape(-1, *pixels.image_shape))
            if not self._lines:
                raise DataError(f"{self._path}: there are no rows under its header")
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
        if len(row) != self._header.width:
            raise DataError(
                f"{self._path}: line {line} has {len(row):,} fields, "
                f"expected {self._header.width:,}"
            )
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
            if not (_is_number(text) and 0 <= float(text) <= 255):
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
