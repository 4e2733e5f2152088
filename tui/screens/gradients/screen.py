"""Gradients: check them, tensor by tensor."""

import time
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.notifications import SeverityLevel as Severity
from textual.widgets import Static

from engine.errors import Cancelled
from engine.gradcheck import Mode, Report, Row
from engine.layers import shape_text
from engine.services.gradcheck import run_check
from tui import keymap, text
from tui.jobs import Job
from tui.screens.gradients import rows as check_rows
from tui.screens.network_screen import NetworkScreen
from tui.state.selection import Selection
from tui.widgets.empty import advice, hints
from tui.widgets.line import Line, TextPart
from tui.widgets.run_bar import meter
from tui.widgets.table import Table
from tui.widgets.titles import set_titles

SAMPLES = 4
_MODES: dict[Mode, str] = {"directions": "random directions", "exact": "exact"}


class CheckTable(Table):
    """The tensors."""

    HELP_TEXT = (
        "A row for every tensor, with the worst of its relative errors, |a - n| / max(|a|, |n|): "
        "analytic is what backward computes, numeric is measured by moving the entries a "
        "little up and down. The bar is the error's power of ten; full is the tolerance. 'loss' "
        "is the loss by itself, 'all' the whole network. Below: the worst entries of the row."
    )


class WorstEntries(VerticalScroll):
    """The worst entries of the chosen tensor."""

    HELP_TEXT = (
        "The entries of the chosen tensor with the largest errors. A kink is a place where there "
        "is no derivative, as where a ReLU switches; it is skipped, and too many kinks fail."
    )


class GradientsScreen(NetworkScreen):
    """The gradient check of the current network."""

    WHERE = "gradients"
    BINDINGS = keymap.bindings(WHERE)
    CSS_PATH = "screen.tcss"
    FIRST_FOCUS = "#tensors"
    HELP_TEXT: ClassVar[str] = (
        "A network with half of its gradients missing still learns, only worse; so no accuracy "
        "proves a gradient. This does: every gradient is compared with one that is measured, in "
        "float64, on real images. Directions: two random directions per tensor, each of which "
        "covers all its entries; fast. Exact: every entry by itself; slow, and shows where it is "
        "wrong."
    )

    def __init__(self) -> None:
        super().__init__()
        self.mode: Mode = "directions"
        self.report: Report | None = None
        self.error: Exception | None = None
        self._job: Job | None = None
        self._stop = False
        self._rows: list[Row] = []
        self._checked: tuple[Selection, Mode] | None = None
        self._began = 0.0
        self._seen: object = None

    def compose_body(self) -> ComposeResult:
        yield Line(id="subject")
        yield Static(id="verdict", markup=False)
        yield Static(id="nothing", classes="empty", markup=False)
        with Vertical(id="body"):
            yield CheckTable(check_rows.COLUMNS, id="tensors", classes="pane")
            with WorstEntries(id="details", classes="pane"):
                yield Static(id="entries", markup=False)

    @property
    def running(self) -> bool:
        """Whether a check is under way."""
        return self._job is not None

    # -- drawing --------------------------------------------------------------------------------

    def tick(self) -> None:
        right = (TextPart(f"mode: {_MODES[self.mode]} ", "$foreground", "mode"),)
        self.query_one("#subject", Line).show(self.selection_parts(self.cnn.choice.current), right)
        table = self.query_one(CheckTable)
        job = self._job
        progress = (job.label, job.done, job.total) if job else None
        seen = (len(self._rows), progress, self.report, self.error, table.key, self.size, self.mode)
        if seen == self._seen and self._checked is not None:
            return
        self._seen = seen
        self.set_class(self._checked is None, "-nothing")
        if self._checked is None:
            self._say_how_to_start()
            return
        self._show_verdict()
        self._show_rows(table)
        self._show_details(table)

    def _say_how_to_start(self) -> None:
        selection = self.cnn.choice.current
        name = f"{text.line(selection.name, 40)}, {selection.what}" if selection else "the network"
        other = "random directions, fast" if self.mode == "exact" else "every entry, slower"
        words = hints(
            "Are the gradients right?",
            [
                "Every gradient that backward computes is compared with one",
                "that is measured: move an entry, see how the loss changes.",
            ],
            [
                ("g", f"checks {name}"),
                ("m", f"switches to {other}"),
                ("o", "chooses another network"),
            ],
        )
        self.query_one("#nothing", Static).update(words)

    def _show_verdict(self) -> None:
        verdict = self.query_one("#verdict", Static)
        verdict.remove_class("-good", "-bad", "-stopped", "-running")
        width = max(self.size.width - 6, 20)
        if self._job is not None:
            verdict.add_class("-running")
            verdict.update(self._progress(self._job, width))
        elif self.error is not None:
            verdict.add_class("-bad")
            stopped = isinstance(self.error, Cancelled)
            words = "stopped before anything was checked" if stopped else str(self.error)
            step = "g starts over, o chooses another network"
            verdict.update(advice(f"✗ {words}", step))
        elif self.report is not None:
            looks = {"passed": "-good", "FAILED": "-bad"}
            verdict.add_class(looks.get(self.report.outcome, "-stopped"))
            verdict.update(check_rows.verdict(self.report))

    def _progress(self, job: Job, width: int) -> Content:
        share = job.done / job.total if job.total else 0.0
        spent = time.monotonic() - self._began
        left = spent / share * (1 - share) if share > 0.02 else float("nan")
        after = f"  {share:4.0%}  left {text.duration(left)}"
        label = text.line(job.label or "loading", 34)
        if self._stop:
            label = "stopping"
        bar = meter(share, min(max(width - len(label) - len(after) - 2, 8), 60))
        return Content.assemble((f"{label}  ", "$foreground"), *bar, (after, "$muted"))

    def _show_rows(self, table: CheckTable) -> None:
        assert self._checked is not None
        rows = list(self._rows)
        tolerance = self.report.tolerance if self.report else 1e-6
        cells = [check_rows.tensor_row(row, tolerance) for row in rows]
        keys = [row.name for row in rows]
        if self._job is not None:
            name = self._job.label.removeprefix("checking ")
            blank = tuple(("", "muted") for _ in check_rows.COLUMNS[1:-1])
            cells.append(((text.line(name, 30), "muted"), *blank, ("…", "muted")))
            keys.append("...")
        follows = table.key == "..." or not table.rows
        table.show(cells, keys)
        if follows and self._job is not None:
            table.move_to("...")
        selection, mode = self._checked
        title = f"{text.line(selection.name, 40)}, {selection.what}: {mode}, {SAMPLES} samples"
        set_titles(table, Content(title))

    def _show_details(self, table: CheckTable) -> None:
        row = next((row for row in self._rows if row.name == table.key), None)
        pane, entries = self.query_one(WorstEntries), self.query_one("#entries", Static)
        if row is None:
            pane.border_title = Content("the worst entries")
            entries.update(
                Content.styled("of a tensor are shown here once it is checked", "$muted")
            )
            return
        pane.border_title = Content(f"{row.name} {shape_text(row.shape)}")
        pane.border_subtitle = Content(f"{row.kinks} kinks skipped" if row.kinks else "")
        problems = self.report.problems if self.report is not None else ()
        lines = [Content.styled(f"✗ {text.line(problem)}", "$error") for problem in problems]
        lines.append(Content.styled(check_rows.HEAD, "bold $muted"))
        lines += [check_rows.entry_line(row, i, entry) for i, entry in enumerate(row.measured)]
        lines += [Content(""), Content.styled(check_rows.EXPLAINED[row.verdict], "$foreground")]
        entries.update(Content("\n").join(lines))

    # -- actions --------------------------------------------------------------------------------

    def refuse(self, action: str) -> str | None:
        if action == "stop" and self._job is None:
            return "no check is running; g starts one"
        if action in ("check", "mode") and self._job is not None:
            return "a check is running; x stops it"
        if action == "check" and self.cnn.choice.current is None:
            return "the chosen config has errors; 1 shows them, o chooses a run"
        return None

    def key_label(self, key: keymap.Key) -> str:
        if key.action == "mode":
            return f"switch to {'directions' if self.mode == 'exact' else 'exact'}"
        return key.label

    def action_check(self) -> None:
        """Check the network that is chosen."""
        selection, mode, rows = self.cnn.choice.current, self.mode, list[Row]()
        if selection is None:
            return
        self._rows, self.report, self.error, self._stop = rows, None, None, False
        self._checked, self._began = (selection, mode), time.monotonic()

        def work(job: Job) -> Report:
            return run_check(
                selection.config,
                weights=selection.weights,
                mode=mode,
                samples=SAMPLES,
                progress=job.report,
                cancelled=lambda: job.cancelled or self._stop,
                on_row=rows.append,
            )

        self._job = self.cnn.start_job(
            work, on_done=self._done, on_error=self._failed, name="gradcheck"
        )
        self.refresh_bindings()
        self.refresh_tick()
        self.call_after_refresh(self.query_one(CheckTable).focus)

    def _done(self, report: Report) -> None:
        self._job, self.report = None, report
        if self.app.screen is not self and not report.cancelled:
            severity: Severity = "information" if report.passed else "error"
            self.cnn.show_message(
                f"gradients {report.summary()}", "4 shows them", severity=severity
            )
        if report.rows:
            self._rows = list(report.rows)
        self.refresh_bindings()
        self.refresh_tick()
        if report.rows:
            self.query_one(CheckTable).move_to(report.worst.name)
            self.refresh_tick()

    def _failed(self, error: Exception) -> None:
        self._job, self.error = None, error
        self.refresh_bindings()
        self.refresh_tick()

    def action_stop(self) -> None:
        """Stop the check; what is known stays."""
        self._stop = True
        self.refresh_tick()

    def action_mode(self) -> None:
        """Directions, or every number."""
        self.mode = "exact" if self.mode == "directions" else "directions"
        self.refresh_bindings()
        self._seen = None
        self.refresh_tick()

    def on_table_moved(self, event: Table.Moved) -> None:
        self.refresh_tick()
