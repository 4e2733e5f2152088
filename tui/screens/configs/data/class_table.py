"""The classes of a data set, and how many images each has."""

from textual.content import Content

from engine.services.datasets import Overview
from tui import text
from tui.widgets.table import Column, Table

_BAR = 8
_COLUMNS = (
    Column("class", flexible=True, least=6),
    Column("train", right=True),
    Column("", rank=2),
    Column("test", right=True, rank=1),
)


class ClassCounts(Table):
    """A line for every class: its images, and a bar of those to train on."""

    HELP_TEXT = (
        "The images of every class: to train on (those to validate with are among them), with a "
        "bar, and to test with. The cursor is on the class whose image is marked beside it. A "
        "network learns little of a class that has far fewer images than the others; the imbalance "
        "is how many times the largest class is as large as the smallest, and train.class_weights "
        "lets rare classes count more."
    )

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(_COLUMNS, id=id, classes="pane")
        self.border_title = Content("classes")

    def show_counts(self, names: tuple[str, ...], found: Overview) -> None:
        """Set the classes, whose names are shown as they stand."""
        most = max(int(found.train.max()), 1)
        rows = [
            (
                (name, "foreground"),
                (f"{train:,}", "foreground" if train else "bold warning"),
                ("█" * -(-_BAR * train // most), "primary"),
                (f"{test:,}", "muted"),
            )
            for name, train, test in zip(
                names, found.train.tolist(), found.test.tolist(), strict=True
            )
        ]
        self.show(rows, [str(i) for i in range(len(rows))])
        self.border_subtitle = Content(f"imbalance {text.significant(found.imbalance)}")
