"""Two trained networks on the same test set, as text and as JSON."""

from collections.abc import Iterator
from typing import Any

from rich.cells import cell_len

from engine.numbers import metric
from engine.sanitize import printable
from engine.services.evaluation.compare import Comparison
from engine.services.evaluation.evaluate import Measurement
from engine.text_table import table
from tui.cli.tables.names import cut_name

MOST_ROWS = 20
"""Cells that are listed at most; ``--json`` has both matrices."""


def as_json(found: Comparison, names: tuple[str, str]) -> dict[str, Any]:
    """The second network, and what differs."""
    second = found.second
    return {
        "weights": names[1],
        "test_loss": second.result.loss,
        "test_acc": second.result.acc,
        "test_macro_f1": second.macro_f1,
        "confusion": second.confusion,
        "difference": found.difference,
        "both_right": found.both,
        "only_first_right": found.only_first,
        "only_second_right": found.only_second,
        "neither_right": found.neither,
    }


def as_text(found: Comparison, names: tuple[str, str]) -> Iterator[str]:
    """The accuracies of both, which images they get right, and the cells that changed most.

    Args:
        found: the comparison.
        names: of the two networks.
    """
    rows = [
        (f"{mark} {cut_name(printable(name, None), 42)}", *map(metric, _scores(one)))
        for mark, name, one in zip("AB", names, (found.first, found.second), strict=True)
    ]
    changes = [
        f"{later - before:+.4f}"
        for before, later in zip(_scores(found.first), _scores(found.second), strict=True)
    ]
    header = ("", "test_acc", "macro_f1", "test_loss")
    yield table(header, [*rows, ("B minus A", *changes)], "lrrr", cell_len)
    yield (
        f"{found.both:,} images are right in both, {found.only_first:,} in A alone, "
        f"{found.only_second:,} in B alone, {found.neither:,} in neither."
    )
    cells = found.changed(MOST_ROWS)
    if not cells:
        yield "The confusion matrices are the same."
        return
    classes = [cut_name(printable(name, None), 26) for name in found.first.classes]
    lines = [
        (
            classes[row],
            classes[column] if row != column else f"{classes[column]} (right)",
            f"{found.first.confusion[row, column]:,}",
            f"{found.second.confusion[row, column]:,}",
            f"{found.difference[row, column]:+,}",
        )
        for row, column in cells
    ]
    yield "Changed most:\n" + table(
        ("true", "predicted", "A", "B", "B minus A"), lines, "llrrr", cell_len
    )


def _scores(one: Measurement) -> tuple[float, float, float]:
    return one.result.acc, one.macro_f1, one.result.loss
