"""The scores of a network on the test set, in tables."""

from collections.abc import Sequence

from textual.content import Content

from engine.arrays import Array
from engine.metrics import PerClass
from engine.services.evaluation.evaluate import worst_mistakes
from tui import text
from tui.widgets.table import Cell, Column, Table

_CLASSES = (
    Column("class", flexible=True, least=6),
    Column("prec", right=True, rank=2),
    Column("recall", right=True),
    Column("f1", right=True, rank=1),
    Column("n", right=True, rank=3),
)
_MISTAKES = (
    Column("true", flexible=True, least=4),
    Column("predicted", flexible=True, least=4),
    Column("times", right=True),
    Column("of its class", right=True, rank=1),
)


MANY = 12
"""Classes from which on those that need a look are not found by reading them all."""


class ClassTable(Table):
    """The scores of every class in its order; of many, the worst F1 first."""

    HELP_TEXT = (
        "prec: of the images predicted as this class, the share that is of it. recall: of its "
        "images, the share that was found. f1: the harmonic mean of both. n: how many there are. "
        "enter shows the images that were found. More than a dozen classes are sorted by f1."
    )

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(_CLASSES, id=id, classes="pane")
        self.border_title = Content("classes")

    def show_scores(self, names: Sequence[str], scores: PerClass) -> None:
        """Set the classes, whose names are shown as they stand."""
        columns = (array.tolist() for array in scores)
        rows = [_class_row(name, *values) for name, *values in zip(names, *columns, strict=True)]
        order = list(range(len(rows)))
        many = len(rows) > MANY
        if many:
            order.sort(key=lambda i: (scores.support[i] == 0, scores.f1[i]))
        self.border_title = Content("classes, worst f1 first" if many else "classes")
        self.show([rows[i] for i in order], [str(i) for i in order])

    @property
    def cell(self) -> tuple[int, int] | None:
        """Where the images of the chosen class are that are found."""
        return None if self.key is None else (int(self.key), int(self.key))


class MistakeTable(Table):
    """The most frequent mistakes."""

    HELP_TEXT = "The most frequent mistakes, the worst first; enter shows the images."

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(_MISTAKES, id=id, classes="pane")
        self.border_title = Content("most frequent mistakes")
        self.border_subtitle = Content("enter shows them")
        self.empty = "no mistakes"

    def show_mistakes(self, names: Sequence[str], confusion: Array) -> None:
        """Set the mistakes of a confusion matrix."""
        cells = worst_mistakes(confusion)
        rows = [_mistake_row(confusion, names, *cell) for cell in cells]
        self.show(rows, [f"{row} {column}" for row, column in cells])

    @property
    def cell(self) -> tuple[int, int] | None:
        """Row and column of the mistake of the cursor."""
        if self.key is None:
            return None
        row, column = map(int, self.key.split())
        return row, column


def _class_row(
    name: str, precision: float, recall: float, f1: float, support: int
) -> tuple[Cell, ...]:
    weak = "warning" if recall < 0.9 else "foreground"
    return (
        (name, "foreground"),
        (text.metric(precision, 3), "foreground"),
        (text.metric(recall, 3), weak),
        (text.metric(f1, 3), "foreground"),
        (f"{support:,}", "muted"),
    )


def _mistake_row(confusion: Array, names: Sequence[str], row: int, column: int) -> tuple[Cell, ...]:
    count, total = int(confusion[row, column]), int(confusion[row].sum())
    return (
        (names[row], "foreground"),
        (names[column], "warning"),
        (str(count), "foreground"),
        (f"{count / total:.1%}", "muted"),
    )
