"""CSV tables of labelled images: with a column a pixel, or with a column of paths."""

import csv
from collections.abc import Iterator
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import TextIO

from engine.errors import DataError
from engine.importing.formats.headers import Rows, is_image, read_header
from engine.importing.formats.path_tables import read_paths
from engine.importing.formats.pixel_tables import PixelTable
from engine.importing.opening import opener
from engine.importing.source import ImportOptions, Source, Watch

_SUFFIXES = (".csv", ".tsv")
_MAX_LINE = 64 << 20  # characters; a photograph of 1024x1024 in colour has 12 million
"""Of a line, and of all lines of a row: a field in quotes may go over several."""


@opener("a CSV table with a column a pixel or a column of image files")
def open_table(path: Path, options: ImportOptions, watch: Watch) -> Source | None:
    """Open a CSV with a label column, and a column a pixel or one of paths; None if it is no CSV.

    The pixels are whole numbers from 0 to 255, or all of them from 0 to 1, which are multiplied by
    255. A row is an image, line by line; in colour the three values of a pixel follow each other,
    as ``image.flatten()`` gives them. ``options.size`` is needed where the images are not square.
    Paths are relative to the folder of the table.

    Raises:
        DataError: it cannot be read, or is not such a table; the message names the line.
        ConfigError: an option does not fit.
        Cancelled: the watch cancelled.
    """
    if path.suffix.lower() not in _SUFFIXES or not path.is_file():
        return None
    try:
        size = path.stat().st_size
        with path.open("rb") as raw, TextIOWrapper(raw, "utf-8-sig", newline="") as file:

            def report() -> None:
                watch.report("reading the table", min(raw.tell(), size), size)

            rows = _rows(path, file)
            first = next(rows, None)
            if first is None:
                raise DataError(f"{path}: it is empty")
            header = read_header(path, first[1])
            rows = rows if header.names is not None else chain([first], rows)
            second = next(rows, None)
            if second is None:
                raise DataError(f"{path}: there are no rows under its header")
            rows = chain([second], rows)
            images = [i for i, field in enumerate(second[1]) if is_image(field)]
            if images:
                return read_paths(header, images[0], rows, options, watch)
            return PixelTable(header, options).read(rows, report)
    except UnicodeDecodeError:
        raise DataError(f"{path}: it is not UTF-8 text; save it as CSV in UTF-8") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None


def _rows(path: Path, file: TextIO) -> Rows:
    """The rows of a CSV whose fields are separated by commas, semicolons or tabs."""
    first = file.readline(_MAX_LINE)
    file.seek(0)
    delimiter = max(",;\t", key=first.count)

    of_row = 0

    def lines() -> Iterator[str]:
        nonlocal of_row
        while line := file.readline(_MAX_LINE):
            of_row += len(line)
            if of_row >= _MAX_LINE:
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
        of_row = 0
        if any(row):
            yield reader.line_num, row
