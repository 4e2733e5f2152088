"""Labels of a source, as text or as numbers, made into classes and their indices."""

import re
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from engine.errors import ConfigError, DataError
from engine.importing.tree import natural
from engine.sanitize import literal, printable, visible

MAX_NAME = 200
"""Characters of a class name."""

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"\+?[0-9]{1,18}")
_MISSING = {"", "nan", "na", "n/a", "null", "none"}

Place = Callable[[int], str]
"""Where the label of a sample is, for a message: ``labels.csv: line 7``."""

Labels = tuple[tuple[str, ...], np.ndarray]
"""Names of the classes, and int64, (N,)."""


def from_text(labels: Sequence[str], names: Sequence[str] | None, place: Place) -> Labels:
    """Make classes of labels as text; whole numbers are taken as such.

    Args:
        labels: of every sample.
        names: the classes in the order of their labels; None for those of the source.
        place: where a label is.

    Returns:
        The classes, sorted as people sort names unless ``names`` says otherwise, and the indices.

    Raises:
        DataError: a label is missing, no whole number among numbers, or not among ``names``; or
            no name of a class.
        ConfigError: ``names`` does not fit.
    """
    distinct = set(labels)
    missing = {label for label in distinct if label.lower() in _MISSING}
    if "" in distinct:
        raise DataError(f"{place(labels.index(''))}: the label is missing")
    if distinct > missing and all(map(_NUMBER.fullmatch, distinct - missing)):
        for i, label in enumerate(labels):
            if not _WHOLE.fullmatch(label):
                raise DataError(_not_whole(place(i), label))
        return from_numbers(np.array([int(label) for label in labels], np.int64), names, place)
    classes = tuple(sorted(distinct, key=natural) if names is None else names)
    check_names(classes)
    for stranger in sorted(distinct.difference(classes))[:1]:
        listed = ", ".join(printable(name) for name in classes[:10])
        more = ", …" if len(classes) > 10 else ""
        raise DataError(
            f"{place(labels.index(stranger))}: the label is {literal(stranger)}, "
            f"expected one of the classes given: {listed}{more}"
        )
    index = {name: i for i, name in enumerate(classes)}
    return classes, np.array([index[label] for label in labels], np.int64)


def _not_whole(where: str, label: str) -> str:
    if label.lower() in _MISSING:
        return f"{where}: the label is missing"
    return f"{where}: the label is {literal(label)}, expected a whole number from 0 or a name"


def from_numbers(values: np.ndarray, names: Sequence[str] | None, place: Place) -> Labels:
    """Make classes of whole numbers, which need not begin at 0 nor be without gaps.

    Args:
        values: int64, (N,).
        names: the classes in the order of their labels; None names them by their numbers.
        place: where a label is.

    Raises:
        DataError: a label is negative, or there is none.
        ConfigError: ``names`` does not fit.
    """
    if not len(values):
        raise DataError(f"{place(0)}: there are no samples")
    if values.min() < 0:
        first = int((values < 0).argmax())
        raise DataError(f"{place(first)}: the label is {values[first]}, expected 0 or more")
    distinct, indices = np.unique(values, return_inverse=True)
    if names is None:
        return tuple(map(str, distinct.tolist())), indices.astype(np.int64)
    check_names(names)
    if distinct[-1] < len(names):
        return tuple(names), values.astype(np.int64)
    if len(distinct) == len(names):
        return tuple(names), indices.astype(np.int64)
    raise ConfigError(
        f"classes: {len(names):,} names for labels from {distinct[0]} to {distinct[-1]}, of which "
        f"{len(distinct):,} occur; give a name for each"
    )


def from_array(values: np.ndarray, names: Sequence[str] | None, place: Place) -> Labels:
    """Make classes of an array of labels: whole numbers, text, or one-hot rows.

    Args:
        values: (N,) or (N, 1); or (N, K) with a single 1 in every row.
        names: the classes in the order of their labels; None for those of the source.
        place: where a label is.

    Raises:
        DataError: they are something else, or as ``from_numbers`` and ``from_text``.
        ConfigError: ``names`` does not fit.
    """
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim == 2 and values.dtype.kind in "buif":
        values = _from_one_hot(values, names, place)
    if values.ndim != 1:
        raise DataError(
            f"{place(0)}: labels of shape {values.shape}, expected (N,), or one-hot rows (N, K)"
        )
    if values.dtype.kind in "SU":
        return from_text(_as_text(values), names, place)
    if values.dtype.kind not in "buif":
        raise DataError(
            f"{place(0)}: labels of type {values.dtype}, expected whole numbers or text"
        )
    whole = values.astype(np.float64) if values.dtype.kind == "f" else values
    wrong = ~(whole == np.floor(whole)) | (whole >= 2**62)
    if wrong.any():
        first = int(wrong.argmax())
        raise DataError(f"{place(first)}: the label is {values[first]}, expected a whole number")
    return from_numbers(values.astype(np.int64), names, place)


def _as_text(values: np.ndarray) -> list[str]:
    if values.dtype.kind == "S":
        return [value.decode("utf-8", "replace").strip() for value in values.tolist()]
    return [value.strip() for value in values.tolist()]


def _from_one_hot(values: np.ndarray, names: Sequence[str] | None, place: Place) -> np.ndarray:
    """The column of the 1 in every row; every column is a class, with samples or without."""
    count = values.shape[1]
    if names is not None and len(names) != count:
        raise ConfigError(f"classes: {len(names):,} names for one-hot rows of {count:,} columns")
    good = ((values == 0) | (values == 1)).all(axis=1) & ((values == 1).sum(axis=1) == 1)
    if not good.all():
        first = int((~good).argmax())
        raise DataError(
            f"{place(first)}: its row has no single 1 among 0s; images of several classes, or of "
            "none, cannot be imported"
        )
    return values.argmax(axis=1)


def check_names(names: Iterable[str]) -> None:
    """Check the names of classes; how many there are is checked for every form alike.

    Raises:
        DataError: one is empty, too long, or has control or invisible characters.
    """
    for name in names:
        if not 0 < len(name) <= MAX_NAME:
            raise DataError(
                f"class {literal(name)} has {len(name):,} characters, expected 1 to {MAX_NAME}"
            )
        if "\n" in name or visible(name) != name:
            raise DataError(f"class {literal(name)} has control or invisible characters; rename it")
