"""metrics.csv: one row per epoch, in order of training.

Rows are appended and flushed one by one, so a kill can cut the last one short; a reader passes it
over, and the next append cuts it off.
"""

import errno
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from engine.config.schema import MAX_EPOCHS
from engine.numbers import exact
from engine.storage import atomic

COLUMNS = (
    "epoch",
    "loss",
    "acc",
    "val_loss",
    "val_acc",
    "lr",
    "seconds",
    "samples_per_s",
    "grad_norm",
)
_HEADER = ",".join(COLUMNS)
_LONGEST = 25 * len(COLUMNS)  # bytes of a row; a number has up to 24
_LIMIT = MAX_EPOCHS * _LONGEST
_BLOCK = 4096  # bytes; more than a line can have

Value = int | float | None


def append(path: Path, row: Mapping[str, Value]) -> None:
    """Append one row; a failed attempt leaves nothing behind.

    Args:
        path: the file, made with its header where missing.
        row: values by column; ``epoch`` has to be there. Missing ones, None, NaN and infinity
            become empty fields; keys that are no column are passed over.

    Raises:
        OSError: the row could not be written.
    """
    line = _line(row)
    with atomic.open_regular(path, follow_symlinks=False, update=True) as file:
        end = _whole_lines(file)
        content = (line if end else f"{_HEADER}\n{line}").encode("ascii")
        try:
            file.truncate(end)
            file.seek(end)
            if file.write(content) != len(content):
                raise OSError(errno.ENOSPC, "no space for the whole row")
            atomic.sync(file)
        except OSError:
            file.truncate(end)
            raise


def truncate(path: Path, after_epoch: int) -> None:
    """Drop the rows after an epoch, before a resumed run writes them again.

    Raises:
        OSError: the file could not be read or rewritten; it is then unchanged.
    """
    if path.exists():
        rows = [row for row in read(path) if (row["epoch"] or 0) <= after_epoch]
        content = "".join([_HEADER + "\n", *(_line(row) for row in rows)])
        atomic.write_atomic(path, content.encode("ascii"))


def read(path: Path) -> list[dict[str, Value]]:
    """Read the rows with every column; torn or damaged lines are passed over.

    Returns:
        One dict an epoch, None where there is no number. Of two rows of one epoch the later one.

    Raises:
        OSError: there is a file, and it cannot be read, or has more rows than a run has epochs.
    """
    try:
        text = atomic.read_limited(path, _LIMIT).decode("utf-8", errors="replace")
    except FileNotFoundError:
        return []
    if text.count("\n") > MAX_EPOCHS + 1:
        raise OSError(errno.EFBIG, f"more than {MAX_EPOCHS:,} rows; move it out of the way", path)
    header, *lines = text[: text.rfind("\n") + 1].split("\n")
    names = header.split(",")
    rows: dict[int, dict[str, Value]] = {}
    for line in lines:
        fields = line.split(",")
        if len(fields) != len(names):
            continue
        values = dict(zip(names, fields, strict=True))
        epoch = values.get("epoch", "")
        if epoch.isascii() and epoch.isdigit() and len(epoch) <= len(str(MAX_EPOCHS)):
            row: dict[str, Value] = {name: _number(values.get(name, "")) for name in COLUMNS}
            rows.pop(int(epoch), None)
            rows[int(epoch)] = {**row, "epoch": int(epoch)}
    return list(rows.values())


def _line(row: Mapping[str, Value]) -> str:
    fields = [str(int(row["epoch"] or 0)), *(exact(row.get(name)) for name in COLUMNS[1:])]
    return ",".join(fields) + "\n"


def _number(field: str) -> float | None:
    try:
        number = float(field)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _whole_lines(file: BinaryIO) -> int:
    """Length of a file without its torn last line."""
    size = file.seek(0, os.SEEK_END)
    start = max(0, size - _BLOCK)
    file.seek(start)
    newline = file.read(_BLOCK).rfind(b"\n")
    return start + newline + 1 if newline >= 0 else 0
