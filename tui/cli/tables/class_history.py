"""Each class over the epochs of a run, as text and as JSON."""

from typing import Any

from rich.cells import cell_len

from engine.numbers import metric, sparkline
from engine.sanitize import printable
from engine.services.evaluation.class_history import ClassHistory
from engine.text_table import table
from tui.cli.tables.names import cut_name

MOST_ROWS = 40
"""Classes that are listed at most; ``--json`` has all."""


def as_json(found: ClassHistory) -> dict[str, Any]:
    """All numbers: a row of ``recall`` an epoch, a number in it a class."""
    return {
        "classes": found.classes,
        "epochs": found.epochs,
        "test_acc": found.acc,
        "recall": found.recall,
    }


def as_text(found: ClassHistory) -> str:
    """A line a class, that which is worst at the end first."""
    rows = []
    for label in found.worst_first()[:MOST_ROWS]:
        values, best = found.recall[:, label], found.best(label)
        name = cut_name(printable(found.classes[label], None), 32)
        if best is None:
            rows.append((name, *["–"] * 4, "no images in the test set"))
            continue
        numbers = map(metric, (values[0], values[best], values[-1]))
        first, highest, last = numbers
        rows.append((name, first, highest, f"{found.epochs[best]}", last, sparkline(values)))
    rows.append(("all", metric(found.acc[0]), "", "", metric(found.acc[-1]), sparkline(found.acc)))
    moments = f"epochs {', '.join(map(str, found.epochs))}"
    header = ("class", "first", "best", "epoch", "last", "from 0 to 1")
    more = len(found.classes) - MOST_ROWS
    rest = f"\n{more:,} more classes; --json has all" if more > 0 else ""
    lines = table(header, rows, "lrrrrl", cell_len)
    return f"share of each class predicted right, after {moments}\n{lines}{rest}"
