"""results.csv: one row per run, for comparing runs in a spreadsheet or in pandas."""

import csv
import io
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from engine.errors import RunError
from engine.numbers import exact
from engine.storage import atomic
from engine.storage.locks import Lock, LockHeldError

COLUMNS = (
    "run",
    "config_hash",
    "seed",
    "dataset",
    "model",
    "parameters",
    "epochs",
    "best_val_acc",
    "best_val_loss",
    "loss",
    "acc",
    "val_loss",
    "val_acc",
    "test_acc",
    "test_loss",
    "seconds",
    "samples_per_s",
    "version",
    "status",
)
"""Columns of results.csv; ``loss`` to ``val_acc`` are those of the last epoch."""

_LIMIT = 64 << 20  # bytes
_MAX_ROWS = 100_000
_WAIT = 10.0  # seconds for the lock; a writer holds it for milliseconds

Value = str | int | float | None


def append_result(reports_dir: atomic.StrPath, row: Mapping[str, Value]) -> Path:
    """Add the row of a run to ``results.csv``, or replace the row that the run has already.

    Several processes may do so at once. Columns of others that are in the file are kept.

    Args:
        reports_dir: the folder, made where missing.
        row: values by column, ``run`` among them. Missing ones, None, NaN and infinity become
            empty fields; keys that are no column are passed over.

    Returns:
        The file.

    Raises:
        RunError: it could not be written, or is not a table with a ``run`` column; it is then
            unchanged.
    """
    folder = Path(reports_dir)
    path = folder / "results.csv"
    try:
        atomic.make_folder(folder)
        with Lock(folder / ".results.lock", wait=_WAIT):
            atomic.sweep(folder)
            names, rows = _read(path)
            names += [name for name in COLUMNS if name not in names]
            new = {name: _field(row.get(name)) for name in COLUMNS}
            if not new["run"]:
                raise ValueError("a row of results.csv needs its run")
            index = next((i for i, old in enumerate(rows) if old["run"] == new["run"]), len(rows))
            kept = rows[index] if index < len(rows) else {}
            rows[index : index + 1] = [{**kept, **new}]
            text = io.StringIO(newline="")
            writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
            atomic.write_atomic(path, text.getvalue().encode("utf-8"))
    except LockHeldError as exc:
        raise RunError(f"{path}: not written: {exc.strerror}") from exc
    except OSError as exc:
        raise RunError(f"{path}: not written: {exc.strerror or exc}") from exc
    return path


def _read(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    try:
        content = atomic.read_limited(path, _LIMIT).decode("utf-8-sig")
        reader = csv.reader(io.StringIO(content, newline=""))
        names, *lines = list(islice(reader, _MAX_ROWS + 2)) or [["run"]]
    except FileNotFoundError:
        return list(COLUMNS), []
    except (UnicodeDecodeError, csv.Error) as exc:
        raise RunError(f"{path}: not a table of runs; move it out of the way") from exc
    if len(lines) > _MAX_ROWS:
        raise RunError(f"{path}: more than {_MAX_ROWS:,} rows; move it out of the way")
    if "run" not in names or len(set(names)) != len(names):
        raise RunError(f"{path}: not a table of runs; move it out of the way")
    # A spreadsheet may drop trailing empty fields, or add some.
    padding = [""] * len(names)
    return names, [
        dict(zip(names, (line + padding)[: len(names)], strict=True)) for line in lines if line
    ]


def _field(value: Value) -> str:
    return str(value) if isinstance(value, str | int) else exact(value)
