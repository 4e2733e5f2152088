"""Epochs: how much of each class is predicted right, from the first epoch of a run to its last."""

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from engine.numbers import MISSING, sparkline
from engine.services.evaluation.class_history import ClassHistory, class_history
from tui import keymap, text
from tui.screens.network_screen import run_parts
from tui.screens.work_screen import WorkScreen
from tui.state.selection import Selection
from tui.widgets.line import Line
from tui.widgets.table import Cell, Column, Table

_COLUMNS = (
    Column("class", flexible=True, least=5),
    Column("first", right=True, rank=2),
    Column("best", right=True),
    Column("epoch", right=True, rank=1),
    Column("last", right=True),
    Column("from 0 to 1"),
)


class ClassCurves(Table):
    """A line for each class."""

    HELP_TEXT = (
        "A line for each class, that which is worst at the end first: which share of its test "
        "images is predicted right at the first moment of the run's film, at its best and after "
        "which epoch that was, and at the last. The blocks draw it from moment to moment: ▁ is "
        "none of the images, █ all. A class that falls while others rise is one that the network "
        "gives up for them."
    )


class EpochsScreen(WorkScreen):
    """A table of the classes.

    Args:
        selection: a network of a run.
        run: its folder.
    """

    WHERE = "epochs"
    BINDINGS = keymap.bindings(WHERE)
    CSS_PATH = "screen.tcss"
    FIRST_FOCUS = "#classes"
    HELP_TEXT: ClassVar[str] = (
        "The network as it was after the epochs that the run's film keeps, evaluated on the test "
        "set: what it learnt first, and what it learnt late."
    )

    def __init__(self, selection: Selection, run: Path) -> None:
        super().__init__()
        self._selection, self._run = selection, run
        self._told: object = None
        self.found: ClassHistory | None = None

    def compose_body(self) -> ComposeResult:
        yield Line(id="subject")
        yield Static(id="verdict", markup=False)
        yield ClassCurves(_COLUMNS, id="classes", classes="pane")

    def on_mount(self) -> None:
        super().on_mount()
        config, run = self._selection.config, self._run
        self.start(
            "",
            lambda job: class_history(
                config, run, progress=job.report, cancelled=lambda: job.cancelled
            ),
            self._fill,
        )

    # -- drawing --------------------------------------------------------------------------------

    def _fill(self, found: ClassHistory) -> None:
        self.found = found
        labels, table = found.worst_first(), self.query_one(ClassCurves)
        table.show([_row(found, label) for label in labels], list(map(str, labels)))
        table.border_title = Content("share predicted right, worst at the end first")

    def tick(self) -> None:
        told = (self.found, self.words, self.size, self.progress)
        if told == self._told:
            return
        self._told = told
        self.set_class(self.found is None, "-nothing")
        self.query_one("#subject", Line).show(
            run_parts(self._selection.name, "its film", self.size.width)
        )
        self.query_one("#verdict", Static).update(self._verdict())

    def _verdict(self) -> Content:
        found = self.found
        if self.problem:
            return Content.styled(text.line(f"✗ {self.problem}"), "$error")
        if found is None:
            return Content.styled(self.progress_words(40), "$muted")
        return Content.assemble(
            ("all classes ", "$foreground"),
            (sparkline(found.acc), "$accent"),
            (f"  test_acc {text.metric(found.acc[-1])}", "$success"),
            (f"  epochs {found.epochs[0]} to {found.epochs[-1]}, ", "$muted"),
            (f"{len(found.epochs)} moments", "$muted"),
        )

    # -- actions --------------------------------------------------------------------------------

    def action_leave(self) -> None:
        """Back to the evaluation."""
        self.dismiss(None)


def _row(found: ClassHistory, label: int) -> tuple[Cell, ...]:
    name, values, best = text.line(found.classes[label]), found.recall[:, label], found.best(label)
    if best is None:
        return (
            (name, "muted"),
            *[(MISSING, "muted")] * 4,
            ("no images in the test set", "muted"),
        )
    fell = values[-1] < values[best]
    return (
        (name, "foreground"),
        (text.metric(values[0]), "muted"),
        (text.metric(values[best]), "foreground"),
        (f"{found.epochs[best]}", "muted"),
        (f"{text.metric(values[-1])}{' ↓' if fell else ''}", "warning" if fell else "success"),
        (sparkline(values), "accent"),
    )
