"""A gradient check as plain values for the screen."""

import math

from textual.content import Content

from engine.gradcheck import Measured, Report, Row
from engine.layers import shape_text
from tui import text
from tui.widgets.empty import advice
from tui.widgets.table import Cell, Column

_VERDICTS = {
    "ok": ("✓ ok", "success"),
    "zero": ("∅ zero", "muted"),
    "undecided": ("? undecided", "warning"),
    "FAILED": ("✗ FAILED", "bold error"),
}

COLUMNS = (
    Column("layer", flexible=True, least=10),
    Column("tensor", rank=1),
    Column("shape", rank=6),
    Column("checked", right=True, rank=7),
    Column("rel. error", right=True),
    Column("", rank=5, least=10),
    Column("worst at", rank=4),
    Column("analytic", right=True, rank=2, least=8),
    Column("numeric", right=True, rank=3, least=8),
    Column("verdict", least=8),
)

EXPLAINED = {
    "ok": "Analytic and numeric gradient agree.",
    "zero": (
        "Both are 0 within the accuracy of the measurement. That is right where the loss cannot "
        "depend on the tensor, as on the bias of a convolution before a batch norm, and suspicious "
        "elsewhere."
    ),
    "undecided": (
        "Rounding inside the network hides whether they agree, as where a batch norm divides by a "
        "tiny deviation of few samples: the gradient may be right or wrong. Check trained weights, "
        "or more samples (cnn-tui gradcheck --samples 32)."
    ),
    "FAILED": (
        "Analytic and numeric gradient disagree. Look at the layer's backward; the entries above, "
        "and where they are, often show what is missing: a border, a stride, a factor."
    ),
}


HEAD = f"{'at':<16}{'analytic':>14}{'numeric':>14}{'error':>10}"
"""Over the lines of ``entry_line``."""


def tensor_row(row: Row, tolerance: float) -> tuple[Cell, ...]:
    """A tensor in the list."""
    word, style = _VERDICTS[row.verdict]
    layer = f"{row.layer} {row.kind}" if row.kind != "network" else "whole network"
    checked = f"{row.checked:,}" + ("" if row.index is not None else " dir.")
    return (
        (layer, "foreground"),
        (row.tensor, "foreground"),
        (shape_text(row.shape), "muted"),
        (checked, "muted"),
        (text.exponent(row.error), style if row.verdict == "FAILED" else "foreground"),
        (error_bar(row.error, tolerance), style.split()[-1]),
        (_place(row.index), "muted"),
        (text.exponent(row.analytic, 2), "foreground"),
        (text.exponent(row.numeric, 2), "foreground"),
        (word, style),
    )


def error_bar(error: float, tolerance: float, width: int = 10) -> str:
    """An error on a logarithmic scale: empty at a millionth of the tolerance, full from it on."""
    if not error < math.inf:
        return "█" * width
    share = 1 + math.log10(max(error, 1e-300) / tolerance) / 6
    full = math.ceil(width * min(max(share, 0.0), 1.0))
    return "█" * full + "░" * (width - full)


def _place(index: tuple[int, ...] | None) -> str:
    return "" if index is None else f"[{', '.join(map(str, index))}]"


def entry_line(row: Row, number: int, entry: Measured) -> Content:
    """One entry, or one direction, of a tensor."""
    place = _place(entry.index) if entry.index is not None else f"direction {number + 1}"
    style = "$error" if row.verdict == "FAILED" and not entry.kink else "$foreground"
    remark = "  kink, skipped" if entry.kink else ""
    return Content.assemble(
        (f"{place:<16}", "$muted"),
        (
            f"{text.exponent(entry.analytic, 6):>14}{text.exponent(entry.numeric, 6):>14}",
            "$foreground",
        ),
        (f"{text.exponent(entry.error):>10}", style),
        (remark, "$muted"),
    )


def verdict(report: Report) -> Content:
    """The outcome of a check, and what to do next."""
    counts = f"{sum(row.checked for row in report.rows):,} gradients of {len(report.rows)} tensors"
    if report.cancelled:
        return advice(f"■ Stopped after {counts}: nothing is proven.", "g starts over")
    worst = f"worst error {text.exponent(report.worst.error)}"
    if report.passed:
        return advice(
            f"✓ Passed: {counts}, {worst}.",
            f"all agree with the measured ones within {text.significant(report.tolerance)}",
        )
    if report.outcome == "undecided":
        hidden = ", ".join(row.name for row in report.undecided[:3])
        return advice(
            f"? Undecided: rounding hides {hidden}.",
            f"the other tensors are right; {worst}; check trained weights or more samples",
        )
    failed = ", ".join(row.name for row in report.failures[:3])
    more = f"wrong in {failed}" if failed else text.line(report.problems[0])
    exact = report.worst.index is not None
    where = "the entries below say where" if exact else "exact (m, then g) says which entries"
    return advice(f"✗ FAILED: {more}.", f"{worst}; {where}")
