"""The matrices of a comparison."""

from collections.abc import Sequence

import numpy as np
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from engine.arrays import Array
from tui.charts import colours
from tui.screens.evaluate.heatmap import Heatmap


class Counts(Heatmap):
    """The confusion matrix of one of two networks."""

    HELP_TEXT = (
        "Rows are the true classes, columns the predicted ones. The diagonal (blue) is right, "
        "everything else (orange) a mistake; a dot is zero. Arrows choose a cell, in all matrices "
        "at once; n goes to the cell that changed next most."
    )


class Difference(Heatmap):
    """What the second network does otherwise: its counts minus those of the first."""

    SIGN = "+"
    HELP_TEXT = (
        "B minus A: +3 are three images more in this cell with B than with A, -3 are three fewer; "
        "a dot is no change. On the diagonal + is better (blue), everywhere else + is worse "
        "(orange). Arrows choose a cell, n goes to the cell that changed next most."
    )

    def show(self, counts: Array, labels: Sequence[str]) -> None:
        """Set the differences; the labels are shown as they stand."""
        super().show(counts, labels)
        self._largest = float(np.abs(counts).max(initial=0)) or 1.0

    def _strength(self, row: int, shares: Array) -> Array:
        values = self.counts[row] / self._largest
        values[row] = -values[row]
        return colours.levels(np.sign(values) * np.sqrt(np.abs(values)), 1.0)


class MatrixPane(Vertical):
    """A matrix under a title.

    Args:
        matrix: which.
        title: what it is of.
    """

    def __init__(self, matrix: Heatmap, title: str, *, id: str) -> None:
        super().__init__(id=id, classes="pane matrix")
        self._matrix = matrix
        self.border_title = Content(title)

    def compose(self) -> ComposeResult:
        yield self._matrix
