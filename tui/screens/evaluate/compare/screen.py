"""Compare: two confusion matrices, their difference, and the cells that changed most."""

from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from engine.services.evaluation.compare import Comparison, compare
from engine.services.evaluation.evaluate import Measurement
from tui import keymap, text
from tui.jobs import Job
from tui.screens.evaluate.compare.matrices import Counts, Difference, MatrixPane
from tui.screens.evaluate.heatmap import Heatmap
from tui.screens.evaluate.measuring import measured
from tui.screens.newest import NewestScreen
from tui.screens.work_screen import WorkScreen
from tui.state.selection import Selection
from tui.widgets.line import Line, TextPart
from tui.widgets.table import Cell, Column, Table

Shown = Literal["difference", "first", "second"]
_SHOWN: tuple[Shown, ...] = ("difference", "first", "second")

_ROOMY = 76
"""Columns in which all counts of images have room in a line."""

_COLUMNS = (
    Column("true", flexible=True, least=4),
    Column("predicted", flexible=True, least=6),
    Column("A", right=True),
    Column("B", right=True),
    Column("B minus A", right=True),
)


class ChangedCells(Table):
    """The cells that differ."""

    HELP_TEXT = (
        "The cells of the confusion matrix that differ, the largest difference first: how many "
        "images of the true class are predicted as the other one by A, by B, and B minus A. ✓ is "
        "better, ✗ is worse: more images right, or fewer of a mistake, is better."
    )


class CompareScreen(WorkScreen, NewestScreen):
    """The matrices above, the cells below.

    Args:
        first: the network that was evaluated, A.
        found: what came of it.
        second: the network to compare with, B, with weights; it is evaluated here.
    """

    WHERE = "compare"
    BINDINGS = keymap.bindings(WHERE)
    CSS_PATH = "screen.tcss"
    FIRST_FOCUS = "#difference"
    HELP_TEXT: ClassVar[str] = (
        "Two networks on the same images: A is the one that was evaluated, B the one that was "
        "chosen to compare with. In a wide terminal their confusion matrices stand beside each "
        "other, with B minus A; elsewhere m goes from one to the next."
    )

    def __init__(self, first: Selection, found: Measurement, second: Selection) -> None:
        super().__init__()
        self._networks: tuple[Selection, ...] = (first, second)
        self._working = ""
        self._first = found
        self._names = tuple(text.line(name) for name in found.classes)
        self._shown: Shown = "difference"
        self._told: object = None
        self.found: Comparison | None = None

    def compose_body(self) -> ComposeResult:
        yield Line(id="first")
        yield Line(id="second")
        yield Static(id="verdict", markup=False)
        with Vertical(id="body"):
            with Horizontal(id="matrices"):
                yield MatrixPane(Difference(id="difference"), "B minus A", id="difference-pane")
                yield MatrixPane(Counts(id="first-matrix"), "A", id="first-pane")
                yield MatrixPane(Counts(id="second-matrix"), "B", id="second-pane")
            yield ChangedCells(_COLUMNS, id="changed", classes="pane")

    def on_mount(self) -> None:
        super().on_mount()
        self._measure(self._networks, self._first, None)
        self._show_only()

    def _measure(
        self,
        networks: tuple[Selection, ...],
        first: Measurement | None,
        second: Measurement | None,
    ) -> None:
        """Compare two networks; those of which nothing was found yet are evaluated."""

        def work(job: Job) -> Comparison:
            one, other = networks
            return compare(first or measured(job, one), second or measured(job, other))

        def then(found: Comparison) -> None:
            self._networks = networks
            self._fill(found)

        marks = [mark for mark, one in zip("AB", (first, second), strict=True) if one is None]
        self._working = " and ".join(marks)
        self.start("", work, then)

    @property
    def asked(self) -> tuple[Selection, ...]:
        return self._networks

    def use(self, networks: tuple[Selection, ...]) -> None:
        before = (self._first, self.found.second if self.found else None)
        first, second = (
            found if new is old else None
            for new, old, found in zip(networks, self._networks, before, strict=True)
        )
        self._measure(networks, first, second)

    # -- drawing --------------------------------------------------------------------------------

    def _fill(self, found: Comparison) -> None:
        self.found, self._first = found, found.first
        self.query_one("#difference", Heatmap).show(found.difference, self._names)
        self.query_one("#first-matrix", Heatmap).show(found.first.confusion, self._names)
        self.query_one("#second-matrix", Heatmap).show(found.second.confusion, self._names)
        table, cells = self.query_one(ChangedCells), found.changed()
        table.empty = "the matrices are the same"
        table.show([self._row(found, *cell) for cell in cells], [f"{i} {j}" for i, j in cells])
        table.border_title = Content("changed most")
        self._go(*(cells[0] if cells else (0, 0)))

    def _row(self, found: Comparison, row: int, column: int) -> tuple[Cell, ...]:
        change = int(found.difference[row, column])
        better = (change > 0) == (row == column)
        right = " (right)" if row == column else ""
        return (
            (self._names[row], "foreground"),
            (f"{self._names[column]}{right}", "foreground"),
            (f"{found.first.confusion[row, column]:,}", "muted"),
            (f"{found.second.confusion[row, column]:,}", "muted"),
            (f"{change:+,} {'✓' if better else '✗'}", "success" if better else "warning"),
        )

    def tick(self) -> None:
        newer = [self.cnn.choice.newer(selection) for selection in self._networks]
        told = (self.found, self.words, self.size, self.progress, newer)
        if told == self._told:
            return
        self._told = told
        found = self.found
        self.set_class(found is None, "-nothing")
        scores = (self._first, found.second if found else None)
        for mark, selection, one in zip("AB", self._networks, scores, strict=True):
            line = self.query_one(f"#{'first' if mark == 'A' else 'second'}", Line)
            left = TextPart(f" {mark} {text.line(selection.name, 40)} ", "bold")
            right = self.newest_parts(selection)
            if one is not None:
                right += (TextPart(f"test_acc {text.metric(one.result.acc)} ", "$success"),)
            line.show((left, TextPart(selection.what, "$muted")), right)
        self.query_one("#verdict", Static).update(self._verdict(found))

    def _verdict(self, found: Comparison | None) -> Content:
        if self.problem:
            return Content.styled(f"✗ {self.problem}", "$error")
        if found is None or self.job is not None:
            return Content.styled(f"{self._working}: {self.progress_words()}", "$muted")
        change = found.second.result.acc - found.first.result.acc
        style = "$muted" if not change else "$success" if change > 0 else "$warning"
        neither = f"  neither {found.neither:,}" if self.size.width >= _ROOMY else ""
        return Content.assemble(
            (f"B minus A {change:+.4f}", f"bold {style}"),
            (f"  both right {found.both:,}  A alone {found.only_first:,}", "$foreground"),
            (f"  B alone {found.only_second:,}{neither}", "$foreground"),
        )

    def _show_only(self) -> None:
        """Mark the matrix that is shown where there is room for one."""
        for name in _SHOWN:
            self.query_one(f"#{name}-pane").set_class(name == self._shown, "-shown")

    def _go(self, row: int, column: int) -> None:
        """Show a cell in all matrices, in the list, and in words."""
        found = self.found
        if found is None:
            return
        for heatmap in self.query(Heatmap):
            heatmap.go(row, column)
        self.query_one(ChangedCells).move_to(f"{row} {column}")
        names = text.cut_all([self._names[row], self._names[column]], 24)
        what = f"{names[0]} right" if row == column else " predicted as ".join(names)
        counts = [int(one.confusion[row, column]) for one in (found.first, found.second)]
        words = f"{what}: A {counts[0]:,}, B {counts[1]:,} ({counts[1] - counts[0]:+,})"
        for pane in self.query(MatrixPane):
            pane.border_subtitle = Content(words)

    # -- actions --------------------------------------------------------------------------------

    def refuse(self, action: str) -> str | None:
        if action in ("matrix", "next_change") and self.found is None:
            return "B is being evaluated" if not self.problem else "there is nothing to compare"
        if action == "next_change" and self.found is not None and not self.found.changed(1):
            return "the matrices are the same"
        if action == "newest" and self.job is not None:
            return f"{self._working} is being evaluated"
        return self.refuse_newest(action)

    def action_matrix(self) -> None:
        """The next of the three matrices."""
        self._shown = _SHOWN[(_SHOWN.index(self._shown) + 1) % len(_SHOWN)]
        self._show_only()
        if not isinstance(self.focused, ChangedCells):
            matrix = self.query_one(f"#{self._shown}-pane Heatmap")
            self.call_after_refresh(matrix.focus)

    def action_next_change(self) -> None:
        """The cell that changed next most; after the last one the first."""
        assert self.found is not None
        cells, cursor = self.found.changed(), self.query_one("#difference", Heatmap).cursor
        place = cells.index(cursor) + 1 if cursor in cells else 0
        self._go(*cells[place % len(cells)])

    def action_leave(self) -> None:
        """Back to the evaluation."""
        self.dismiss(None)

    def on_heatmap_moved(self, event: Heatmap.Moved) -> None:
        if event.heatmap.has_focus:
            self._go(*event.heatmap.cursor)

    def on_table_moved(self, event: Table.Moved) -> None:
        if event.table.has_focus and event.table.key is not None:
            row, column = map(int, event.table.key.split())
            self._go(row, column)
