"""Results of a gradient check."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from engine.layers import shape_text
from engine.numbers import null_for_nan
from engine.text_table import table

Verdict = Literal["ok", "zero", "undecided", "FAILED"]
Outcome = Literal["passed", "undecided", "stopped", "FAILED"]

_GRAVITY: dict[Verdict, int] = {"undecided": 1, "FAILED": 2}

WORST = 8
"""Entries (or directions) of a tensor that its row lists at most."""


@dataclass(frozen=True)
class Measured:
    """One entry, or one random direction, that was compared; ``index`` is None for a direction."""

    index: tuple[int, ...] | None
    analytic: float
    numeric: float
    error: float
    kink: bool


@dataclass(frozen=True)
class Row:
    """One tensor: a parameter's gradient, or an input's.

    Attributes:
        layer: the layer's name in the network (``3.body.0``), or "" for a layer by itself.
        kind: the layer's class.
        tensor: ``weight``, ``bias``, ``input``, ...
        shape: the tensor's.
        entries: how many numbers it has.
        checked: how many of them (or how many random directions) were compared.
        kinks: how many more were skipped, since there is no derivative there.
        error: the worst relative error of those compared; infinite where a gradient is not a
            finite number.
        index: where it is; None for a direction.
        analytic: the gradient there as ``backward`` gives it.
        numeric: the gradient there as it was measured.
        verdict: "ok"; "zero" where both gradients are 0 as far as can be measured; "undecided"
            where rounding inside the network leaves too little of the measurement; "FAILED".
        measured: the worst of those compared, the worst first, and then skipped kinks.
    """

    layer: str
    kind: str
    tensor: str
    shape: tuple[int, ...]
    entries: int
    checked: int
    kinks: int
    error: float
    index: tuple[int, ...] | None
    analytic: float
    numeric: float
    verdict: Verdict
    measured: tuple[Measured, ...] = ()

    @property
    def name(self) -> str:
        """``3.body.0.weight``."""
        return f"{self.layer}.{self.tensor}" if self.layer else self.tensor


@dataclass(frozen=True)
class Report:
    """All tensors of a layer or a network; ``str`` makes a table.

    Attributes:
        rows: one for each tensor.
        problems: what broke the contract of a layer besides, one line each: ``backward`` changed
            its argument, a second call gave another result, ...
        tolerance: the largest relative error that passes.
        eps: the step.
        cancelled: the check was stopped before its end.
    """

    rows: tuple[Row, ...]
    problems: tuple[str, ...]
    tolerance: float
    eps: float
    cancelled: bool = False

    @property
    def passed(self) -> bool:
        """True if every tensor was checked, and every gradient is right."""
        return self.outcome == "passed"

    @property
    def outcome(self) -> Outcome:
        """The verdict on the whole."""
        if self.cancelled:
            return "stopped"
        if self.problems or self.failures:
            return "FAILED"
        return "undecided" if self.undecided else "passed"

    @property
    def undecided(self) -> tuple[Row, ...]:
        """The rows that rounding left undecided."""
        return tuple(row for row in self.rows if row.verdict == "undecided")

    @property
    def failures(self) -> tuple[Row, ...]:
        """The rows that failed."""
        return tuple(row for row in self.rows if row.verdict == "FAILED")

    @property
    def worst(self) -> Row:
        """The row with the largest relative error; failed rows come first, then undecided ones.

        Raises:
            ValueError: nothing was checked.
        """
        if not self.rows:
            raise ValueError("nothing was checked, so nothing is the worst")
        return max(self.rows, key=lambda row: (_GRAVITY.get(row.verdict, 0), row.error))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; an infinite error is null."""
        return {
            "passed": self.passed,
            "outcome": self.outcome,
            "cancelled": self.cancelled,
            "tolerance": self.tolerance,
            "eps": self.eps,
            "problems": list(self.problems),
            "rows": [row_to_json(row) for row in self.rows],
        }

    def __str__(self) -> str:
        lines = [_table(self.rows)]
        lines += [f"problem: {problem}" for problem in self.problems]
        return "\n".join([*lines, self.summary()])

    def summary(self) -> str:
        """One line: what was compared, and the verdict."""
        compared = sum(row.checked for row in self.rows)
        counts = f"{compared:,} gradients of {len(self.rows)} tensors"
        if self.outcome == "stopped":
            return f"stopped after {counts}; nothing is proven"
        worst = f", worst relative error {self.worst.error:.1e}" if self.rows else ""
        line = f"{self.outcome}: {counts}{worst}, tolerance {self.tolerance:g}"
        if self.outcome == "undecided":
            names = ", ".join(row.name for row in self.undecided[:3])
            line += f"; rounding hides {names}: check with more samples"
        return line


def row_to_json(row: Row) -> dict[str, Any]:
    """A row as plain JSON; a number that is not finite is null."""
    plain = asdict(row)
    del plain["measured"]
    return dict(null_for_nan(plain))


_HEADER = (
    "layer", "", "tensor", "shape", "checked", "kinks",
    "rel. error", "worst at", "analytic", "numeric", "verdict",
)  # fmt: skip
_SIDES = "llllrrrlrrl"


def _table(rows: Sequence[Row]) -> str:
    cells = [
        (
            row.layer,
            row.kind,
            row.tensor,
            shape_text(row.shape),
            _share(row),
            str(row.kinks or ""),
            f"{row.error:.1e}",
            _place(row),
            f"{row.analytic:.6e}",
            f"{row.numeric:.6e}",
            row.verdict,
        )
        for row in rows
    ]
    return table(_HEADER, cells, _SIDES)


def _share(row: Row) -> str:
    if row.index is None:
        return f"{row.checked:,} directions"
    whole = row.checked + row.kinks == row.entries
    return f"all {row.entries:,}" if whole else f"{row.checked:,} of {row.entries:,}"


def _place(row: Row) -> str:
    return "" if row.index is None else "[" + ", ".join(map(str, row.index)) + "]"
