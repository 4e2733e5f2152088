"""The first row of a table, and which of its columns are what."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ConfigError, DataError
from engine.images.reading import SUFFIXES
from engine.sanitize import literal, printable
from engine.suggest import suggestion

_LABEL_NAMES = ("label", "labels", "class", "target", "category", "y")

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

    def label_column(self, given: str | None, *, beside: int | None = None) -> int:
        """Column of the labels, by the name or number that was given, or by its name.

        Args:
            given: a name or number, or None.
            beside: a column that is none of labels; of two columns the other one is.

        Raises:
            ConfigError: there is no such column.
            DataError: none was given, and none has one of the usual names.
        """
        if given is None:
            others = [i for i in range(int(self.index), self.width) if i != beside]
            return others[0] if beside is not None and len(others) == 1 else self._usual_label()
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

    def check(self, line: int, row: list[str]) -> None:
        """Check that a row has as many fields as the first.

        Raises:
            DataError: it has not.
        """
        if len(row) != self.width:
            raise DataError(
                f"{self.path}: line {line} has {len(row):,} fields, expected {self.width:,}"
            )

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


def read_header(path: Path, first: list[str]) -> Header:
    """Read the first row.

    It is one of values if a field is the name of an image file. Otherwise it is a header if more
    than one field, the label's, is no number, or if the numbers count the columns, as pandas names
    those of an array.
    """
    if any(map(is_image, first)):
        return Header(path, None, len(first), index=False)
    numbers = [field for field in first if is_number(field)]
    words = len(first) - len(numbers)
    counted = len(numbers) > 3 and numbers == [str(i) for i in range(len(numbers))]
    if words < min(2, len(first)) and not counted:
        return Header(path, None, len(first), index=False)
    names = [name.strip() for name in first]
    return Header(path, names, len(first), index=names[0].lower() in ("", "unnamed: 0"))


def is_number(text: str) -> bool:
    """Whether a field is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def is_image(field: str) -> bool:
    """Whether a field is the name of an image file, by its ending."""
    return field.strip().lower().endswith(SUFFIXES)
