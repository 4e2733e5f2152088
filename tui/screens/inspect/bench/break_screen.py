"""Break it: a fault in the copy, its curve beside the healthy one, and the gradient check."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from engine.errors import Cancelled
from engine.gradcheck import Report
from engine.numbers import exponent
from engine.workbench import FAULTS, Fault, Workbench
from tui import keymap, text
from tui.jobs import Job
from tui.screens.work_screen import WorkScreen
from tui.widgets.chart import Chart, Picture, Series
from tui.widgets.line import Line, TextPart
from tui.widgets.table import Column, Table
from tui.widgets.titles import set_titles

STEPS = 30
"""Batches that the healthy and the broken copy are trained on."""

FAR = 5
"""How many times the loss of the healthy copy the other's may be on a linear axis."""


class FaultTable(Table):
    """The faults."""

    HELP_TEXT = (
        "Mistakes to make on purpose. Enter trains the healthy copy on thirty batches, breaks it, "
        "checks its gradients, and trains the broken one on the same batches."
    )


class LossChart(Chart):
    """The losses of both copies."""

    HELP_TEXT = (
        "The loss of every batch: a line for the healthy copy, crosses for the broken one. A "
        "curve that ends early has lost its numbers (NaN)."
    )


@dataclass(frozen=True)
class _Broken:
    """What a fault did."""

    fault: Fault
    healthy: list[float]
    broken: list[float]
    report: Report


class BreakScreen(WorkScreen):
    """Faults, one at a time.

    Args:
        bench: the copy, healthy; it is healthy again when the screen is left.
        before: its hash.
    """

    WHERE = "break"
    BINDINGS = keymap.bindings(WHERE)
    CSS_PATH = "screen.tcss"
    FIRST_FOCUS = "#faults"
    HELP_TEXT: ClassVar[str] = (
        "Break the copy of the network on purpose, and see how one would notice: by the curve of "
        "its loss, by the gradient check, by both or by neither. u takes the fault back exactly."
    )

    def __init__(self, bench: Workbench, before: str) -> None:
        super().__init__()
        self.bench, self._before = bench, before
        self.result: _Broken | None = None
        self._drawn: _Broken | None = None
        self._stop = False

    def compose_body(self) -> ComposeResult:
        columns = (Column("fault"), Column("what happens", flexible=True, least=10, rank=1))
        yield FaultTable(columns, id="faults", classes="pane")
        with Vertical(id="outcome"):
            yield Static(id="about", markup=False)
            yield LossChart(id="losses")
        yield Line(id="said")

    @property
    def _chosen(self) -> Fault:
        """The fault of the cursor; the first one as long as the table is not filled."""
        return FAULTS[self.query_one(FaultTable).key or next(iter(FAULTS))]

    def tick(self) -> None:
        table = self.query_one(FaultTable)
        rows = [((f.title, "foreground"), (f.about, "muted")) for f in FAULTS.values()]
        table.show(rows, list(FAULTS))
        set_titles(table, Content("break it"))
        self.query_one("#said", Line).show((TextPart(*self.said()),))
        fault = self._chosen
        about = Content.assemble((f"{fault.title}: ", "bold"), (fault.about, "$foreground"))
        result = self.result
        if result is not None and result.fault is fault:
            about = _verdict(result)
        self.query_one("#about", Static).update(about)
        if result is not self._drawn or result is None:
            self._drawn = result
            self._show_curves(result)

    def _show_curves(self, result: _Broken | None) -> None:
        chart = self.query_one(LossChart)
        if result is None:
            chart.show(Picture(empty="enter breaks the copy and trains it"))
            chart.titles(Content("loss"), Content(""))
            return
        curves = (("healthy", result.healthy, "braille"), ("broken", result.broken, "x"))
        series = tuple(
            Series(name, colour, np.arange(1.0, len(losses) + 1), np.array(losses), marker)
            for (name, losses, marker), colour in zip(
                curves, ("curve-train", "curve-val"), strict=True
            )
        )
        log = np.nanmax(result.broken) > FAR * np.nanmax(result.healthy)
        chart.show(Picture(series, x_end=float(STEPS), log=bool(log)))
        ends = [f"{text.metric(losses[-1])}" for _, losses, _ in curves]
        chart.titles(
            Content.assemble(
                "loss  ",
                (f"─ healthy, last {ends[0]}", "$curve-train"),
                (f"  x broken, last {ends[1]}", "$curve-val"),
            ),
            Content(f"{'logarithmic, ' if log else ''}{STEPS} batches"),
        )

    # -- actions --------------------------------------------------------------------------------

    def refuse(self, action: str) -> str | None:
        if self.job is not None and action in ("break_it", "undo"):
            return "the copies are being trained; esc stops that"
        if action == "undo" and self.bench.fault is None:
            return "nothing is broken; enter breaks it"
        return None

    def on_table_moved(self, event: Table.Moved) -> None:
        self.refresh_tick()

    def on_table_chosen(self, event: Table.Chosen) -> None:
        if self.refuse("break_it") is None:
            self.action_break_it()

    def action_break_it(self) -> None:
        """Break the copy, after the fault before was taken back."""
        fault, bench = self._chosen, self.bench
        self._stop = False

        def work(job: Job) -> _Broken:
            def stopped() -> bool:
                return job.cancelled or self._stop

            def check() -> None:
                if stopped():
                    raise Cancelled("stopped; nothing is broken")

            _mend(bench)
            try:
                healthy = bench.train(STEPS, check)
                bench.undo()
                bench.apply(fault)
                # Before the training: a copy that diverged has no gradients to compare.
                report = bench.check_gradients(stopped)
                check()
                broken = bench.train(STEPS, check)
            except Cancelled:
                _mend(bench)
                raise
            return _Broken(fault, healthy, broken, report)

        def then(result: _Broken) -> None:
            self.result = result
            self.words = f"broken: {fault.title}; u takes it back"

        self.start("training both copies, checking gradients ...", work, then)

    def action_undo(self) -> None:
        """Take the fault back."""

        def then(after: str) -> None:
            self.result = None
            self.words, self.good = compared(self._before, after)

        self.start("undoing ...", lambda job: _mend(self.bench), then)

    def action_leave(self) -> None:
        """Stop the training of the copies; else back to the batch, with a healthy copy."""
        if self.job is not None:
            self._stop = True
        elif self.bench.fault is None:
            self.dismiss(None)
        else:
            self.start("undoing ...", lambda job: _mend(self.bench), self._leave_healthy)

    def _leave_healthy(self, after: str) -> None:
        self.dismiss(None)


def _mend(bench: Workbench) -> str:
    """Undo until nothing is broken; the hash then."""
    while bench.fault is not None:
        bench.undo()
    return bench.hash()


def _verdict(result: _Broken) -> Content:
    """What the gradient check says, and why."""
    found = result.report.outcome == "FAILED"
    word = "✓ the gradient check notices it" if found else "✗ the gradient check does not notice it"
    reason = f": {result.fault.why}." if found == result.fault.noticed else "."
    report = result.report
    worst = f", worst error {exponent(report.worst.error)}" if report.rows else ""
    how = f" ({report.outcome}{worst})"
    return Content.assemble((word, "bold"), (how, "$muted"), (reason, "$foreground"))


def compared(before: str, after: str) -> tuple[str, bool]:
    """What two hashes of weights, buffers and optimizer say after an undo."""
    same = before == after
    words = "the same as before" if same else f"before it was {before[:12]}"
    return f"undone: hash {after[:12]}, {words}", same
