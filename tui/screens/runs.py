"""Runs: what was trained, side by side; go on with it, look inside, take it away."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from engine.commands.export import write_network
from engine.errors import EngineError
from engine.export import FORMATS
from engine.train.runlist import RunInfo, delete_run, list_runs
from engine.train.weights import SavedWeights
from tui import keymap, runview, text
from tui.hints import hints
from tui.runview import COLOURS, LETTERS, Details
from tui.screens.base import BaseScreen
from tui.screens.choose import Choose
from tui.screens.dialogs import AskText
from tui.subject import Subject, of_run
from tui.widgets.curve import Curve
from tui.widgets.line import Line, Part
from tui.widgets.table import Column, Table

_AGAIN = 2.0
"""Seconds between two looks at runs that are under way."""


class RunTable(Table):
    """The runs."""

    HELP_TEXT = (
        "The runs, newest first; s sorts them otherwise, / filters. val_acc is the best of all "
        "epochs. space marks a run: the curves of all that are marked are drawn together, with "
        "their letters. enter says all that can be done with a run."
    )


class WeightTable(Table):
    """The weights of the chosen run."""

    HELP_TEXT = (
        "The files of weights of this run: finished, those of its best epoch, and checkpoints to "
        "go on from. Inspect, evaluate, check and export take the one that is chosen here."
    )


class DiffTable(Table):
    """What differs between the configs."""

    HELP_TEXT = "The keys in which the configs of the marked runs differ; – is: not in this one."


class RunCurve(Curve):
    """One metric of the marked runs."""

    HELP_TEXT = (
        "The curves of the marked runs over epochs, or of the chosen one; a letter at the end "
        "says whose it is. m is the next metric, y a logarithmic axis, z makes room."
    )


class RunsScreen(BaseScreen):
    """All runs of the runs folder."""

    WHERE = "runs"
    BINDINGS = keymap.bindings(WHERE)
    CSS_PATH = "runs.tcss"
    HELP_TEXT: ClassVar[str] = (
        "Every training leaves a run: its config, metrics, checkpoints and finished weights. Mark "
        "some to compare their curves and configs; open one in Inspect or Evaluate; go on with "
        "one that was stopped; export its network; delete it."
    )

    def __init__(self) -> None:
        super().__init__()
        self.metric = "val_acc"
        self.sort = "newest"
        self.log_axis = False
        self.marked: dict[Path, str] = {}
        self.said: tuple[str, str] = ("", "")
        self._runs: list[RunInfo] | None = None
        self._details: dict[Path, Details] = {}
        self._reading: set[Path] = set()
        self._listing = False
        self._due = 0.0
        self._version = -1
        self._seen: object = None
        self._changes = 0
        self._problem = ""

    def compose_body(self) -> ComposeResult:
        yield Line(id="subject")
        yield Input(
            placeholder="filter: a name, data set, model or status",
            id="filter",
            compact=True,
            disabled=True,  # or it would be the first to get the focus
        )
        yield Static(id="nothing", classes="empty", markup=False)
        with Vertical(id="body"):
            yield RunTable(runview.COLUMNS, id="runs", classes="pane")
            with Horizontal(id="lower"):
                yield RunCurve(id="curve")
                with Vertical(id="facts-pane", classes="pane"):
                    with VerticalScroll(id="facts-scroll", can_focus=False):
                        yield Static(id="facts", markup=False)
                    yield WeightTable(runview.WEIGHT_COLUMNS, id="weights")
            yield DiffTable([Column("key")], id="diff", classes="pane")

    def on_screen_resume(self) -> None:
        self._due = 0.0

    # -- reading --------------------------------------------------------------------------------

    def _refresh(self) -> None:
        """List the runs again, in a job."""
        if self._listing:
            return
        self._listing = True
        root = self.cnn.choice.runs_root
        self.cnn.start_job(
            lambda job: list_runs(root), on_done=self._listed, on_error=self._unlisted, name="runs"
        )

    def _listed(self, runs: list[RunInfo]) -> None:
        self._listing, self._problem = False, ""
        self._due = time.monotonic() + _AGAIN
        there = {info.path for info in runs}
        before = {info.path: info for info in self._runs or ()}
        for path in list(self._details):
            info = next((info for info in runs if info.path == path), None)
            if info is None or info.status == "running" or info != before.get(path):
                del self._details[path]
        self.marked = {path: letter for path, letter in self.marked.items() if path in there}
        self._runs = runs
        self._changed()

    def _unlisted(self, error: Exception) -> None:
        self._listing, self._runs, self._problem = False, [], str(error)
        self._due = float("inf")
        self._changed()

    def _read_details(self) -> None:
        """Read what is shown and not known yet, one run a job."""
        wanted = [info.path for info in self._shown_runs()]
        for path in wanted:
            if path in self._details or path in self._reading:
                continue
            self._reading.add(path)
            self.cnn.start_job(
                lambda job, path=path: (path, runview.read_details(path)),
                on_done=self._detailed,
                on_error=lambda error, path=path: self._reading.discard(path),
                name="run",
            )

    def _detailed(self, found: tuple[Path, Details]) -> None:
        path, details = found
        self._reading.discard(path)
        self._details[path] = details
        self._changed()

    def _changed(self) -> None:
        self._changes += 1
        self.refresh_bindings()
        self.beat()

    # -- what is shown --------------------------------------------------------------------------

    @property
    def chosen(self) -> RunInfo | None:
        """The run of the cursor."""
        key = self.query_one(RunTable).key
        return next((info for info in self._runs or () if str(info.path) == key), None)

    @property
    def saved(self) -> SavedWeights | None:
        """The weights of the cursor in their list; None before they are read."""
        key, chosen = self.query_one(WeightTable).key, self.chosen
        details = self._details.get(chosen.path) if chosen else None
        return next((item for item in details.weights if str(item.path) == key), None) if details else None

    def _shown_runs(self) -> list[RunInfo]:
        """The chosen run, and those that are marked."""
        runs = [info for info in self._runs or () if info.path in self.marked]
        runs.sort(key=lambda info: self.marked[info.path])
        chosen = self.chosen
        return runs if chosen is None or chosen in runs else [chosen, *runs]

    def _compared(self) -> list[tuple[str, RunInfo]]:
        """Letter and run of those that are compared: the marked ones, else the chosen one."""
        runs = [(self.marked.get(info.path, ""), info) for info in self._shown_runs()]
        return [pair for pair in runs if pair[0]] or runs

    # -- drawing --------------------------------------------------------------------------------

    def tick(self) -> None:
        training = self.cnn.training
        under_way = any(info.status == "running" for info in self._runs or ())
        news = training.version != self._version
        if self._runs is None or (time.monotonic() > self._due and (under_way or news)):
            self._version = training.version
            self._refresh()
        self._show_line()
        table = self.query_one(RunTable)
        seen = (self._changes, table.key, self.metric, self.log_axis, self.sort, self.size)
        if seen == self._seen or self._runs is None:
            return
        self.set_class(not self._runs, "-nothing")
        if not self._runs:
            self._seen = seen
            self._say_nothing()
            return
        self._show_runs(table)
        self._seen = (self._changes, table.key, *seen[2:])
        self._read_details()
        self._show_curve()
        self._show_facts()
        if self.has_class("-diff"):
            self._show_diff()
        if self.focused is None:
            self.call_after_refresh(table.focus)

    def _say_nothing(self) -> None:
        root = text.line(self.cnn.choice.runs_root, 60)
        if self._problem:
            words = hints(f"✗ {self._problem}", [], [("1", "runs_dir of the config says where")])
        else:
            words = hints(
                "No runs yet.",
                [f"Every training leaves one in {root}/"],
                [("2", "goes to Train, and r there trains")],
            )
        self.query_one("#nothing", Static).update(words)

    def _show_line(self) -> None:
        root = text.line(self.cnn.choice.runs_root, 40)
        parts = [Part(f" {root}/ ", "bold"), Part(f" {len(self._runs or ())} runs", "$muted")]
        if self.marked:
            parts.append(Part(f"  {len(self.marked)} marked", "$accent"))
        if self.sort != "newest":
            parts.append(Part(f"  by {self.sort}", "$accent", "sort"))
        words, style = self.said
        room = self.size.width - sum(len(part.text) for part in parts) - 2
        self.query_one("#subject", Line).show(
            tuple(parts), (Part(f"{text.line(words, max(room, 8))} ", style),) if words else ()
        )

    def _show_runs(self, table: RunTable) -> None:
        wanted = self.query_one("#filter", Input).value
        runs = runview.ordered(self._runs or (), self.sort, wanted)
        table.empty = "nothing fits the filter; esc takes it away"
        table.show(
            [runview.run_row(info, self.marked.get(info.path, "")) for info in runs],
            [str(info.path) for info in runs],
        )
        table.border_title = Content(f"runs {len(runs)}/{len(self._runs or ())}" if wanted else "runs")
        table.border_subtitle = Content("enter: what can be done" if runs else "")

    def _show_curve(self) -> None:
        curve, compared = self.query_one(RunCurve), self._compared()
        known = [
            (letter, self._details[info.path])
            for letter, info in compared
            if info.path in self._details
        ]
        curve.show(runview.overlay(known, self.metric, log=self.log_axis))
        scale = " log" if self.log_axis else ""
        legend: list[tuple[str, str]] = [(f"{self.metric}{scale}", "")]
        names = [f"  {letter} {text.line(info.name, 16)}".rstrip() for letter, info in compared]
        if sum(map(len, names)) + len(legend[0][0]) > curve.size.width - 4:
            names = [f" {letter}" for letter, _ in compared]
        for (letter, _), name in zip(compared, names, strict=True):
            colour = COLOURS[LETTERS.index(letter)] if letter else "foreground"
            legend.append((name, f"${colour}"))
        curve.titles(Content.assemble(*legend), Content("m metric"))

    def _show_facts(self) -> None:
        info, pane = self.chosen, self.query_one("#facts-pane")
        facts, weights = self.query_one("#facts", Static), self.query_one(WeightTable)
        if info is None:
            pane.border_title = pane.border_subtitle = ""
            facts.update("")
            weights.empty = ""
            weights.show([], [])
            return
        details = self._details.get(info.path)
        pane.border_title = Content(text.line(info.id, 60))
        pane.border_subtitle = Content("R goes on with it" if self._resumable(info) is None else "")
        facts.update(self._facts(info, details))
        if details is not None:
            weights.empty = "no weights were saved"
            weights.show(
                [runview.weights_row(item) for item in details.weights],
                [str(item.path) for item in details.weights],
            )

    def _facts(self, info: RunInfo, details: Details | None) -> Content:
        record = info.record
        word, style = runview.STATES[info.status]
        lines = [Content.assemble((word, f"bold ${style.split()[-1]}"))]
        reason = info.problem or record.get("reason") or (details.problem if details else None)
        if reason:
            lines.append(Content.styled(text.line(reason, 300), "$warning"))
        if info.problem is None:
            what = f"{record.get('dataset', '?')}, {record.get('model', '?')}"
            lines.append(Content(text.line(what, 60)))
            size = record.get("parameters")
            count = f"{size:,} parameters, " if isinstance(size, int) else ""
            lines.append(Content.styled(f"{count}seed {text.line(record.get('seed'), 20)}", "$muted"))
            best, tested = runview.best(info), runview.tested(info)
            if best is not None or tested is not None:
                lines.append(
                    Content.assemble(
                        ("val_acc ", "$muted"),
                        (text.metric(best), "$foreground"),
                        ("  test_acc ", "$muted"),
                        (text.metric(tested), "$foreground"),
                    )
                )
        return Content("\n").join(lines)

    def _show_diff(self) -> None:
        compared = [pair for pair in self._compared() if pair[1].path in self._details]
        table = self.query_one(DiffTable)
        rows = runview.compare([(letter, self._details[info.path]) for letter, info in compared])
        names = [f"{letter} {text.line(info.name, 24)}" for letter, info in compared]
        table.set_columns(
            [
                Column("key", flexible=True, least=16),
                *(Column(name, flexible=True, least=8) for name in names),
            ]
        )
        table.empty = "their configs are the same"
        table.show(rows, [row[0][0] for row in rows])
        table.border_title = Content(f"{len(rows)} keys differ")
        table.border_subtitle = Content("d goes back to the curves")

    # -- actions --------------------------------------------------------------------------------

    def refuse(self, action: str) -> str | None:
        if not self._runs:
            return None if action in ("refresh",) else "there are no runs yet; 2 trains one"
        info = self.chosen
        if action in ("sort", "metric", "log", "filter", "unmark", "refresh", "zoom"):
            return None
        if action == "diff":
            enough = len(self.marked) >= 2 or self.has_class("-diff")
            return None if enough else "mark at least two runs first, with space"
        if info is None:
            return "no run is chosen"
        if action == "mark":
            full = len(self.marked) >= len(LETTERS) and info.path not in self.marked
            return f"{len(LETTERS)} runs are marked; space on one takes its mark away" if full else None
        if action == "resume":
            return self._resumable(info)
        if action == "delete" and info.status == "running":
            return "it is running; stop it first"
        if action in ("inspect", "evaluate", "gradients", "export"):
            details = self._details.get(info.path)
            if details is not None and not details.weights:
                return "this run has saved no weights"
        return None

    def _resumable(self, info: RunInfo) -> str | None:
        """Why a run cannot be gone on with, or None."""
        if info.status not in runview.RESUMABLE:
            words = runview.STATES[info.status][0].split()[-1]
            return f"only runs that were stopped can be resumed; this one is {words}"
        if self.cnn.training.running:
            return "a training is running; 2 shows it, x there stops it"
        return None

    def action_mark(self) -> None:
        """Mark the chosen run, or take its mark away."""
        info = self.chosen
        if info is None:
            return
        if info.path in self.marked:
            del self.marked[info.path]
        else:
            free = next(letter for letter in LETTERS if letter not in self.marked.values())
            self.marked[info.path] = free
        if len(self.marked) < 2:
            self.remove_class("-diff")
        self._changed()

    def action_unmark(self) -> None:
        """Take all marks away."""
        self.marked.clear()
        self.remove_class("-diff")
        self._changed()

    def action_metric(self) -> None:
        """The next metric."""
        names = runview.METRICS
        self.metric = names[(names.index(self.metric) + 1) % len(names)]
        self.beat()

    def action_log(self) -> None:
        """Logarithmic axis, or not."""
        self.log_axis = not self.log_axis
        self.beat()

    def action_sort(self) -> None:
        """The next order."""
        names = runview.SORTS
        self.sort = names[(names.index(self.sort) + 1) % len(names)]
        self.beat()

    def action_refresh(self) -> None:
        """Read everything again."""
        self._details.clear()
        self._refresh()

    def action_zoom(self) -> None:
        """The curves alone, or all."""
        self.toggle_class("-zoomed")

    def action_diff(self) -> None:
        """Compare the configs of the marked runs, or go back to the curves."""
        self.toggle_class("-diff")
        self._changed()
        if self.has_class("-diff"):
            self.call_after_refresh(self.query_one(DiffTable).focus)
        else:
            self.call_after_refresh(self.query_one(RunTable).focus)

    def action_filter(self) -> None:
        """Type what the list is to be filtered by."""
        self.add_class("-filter")
        box = self.query_one("#filter", Input)
        box.disabled = False
        self.call_after_refresh(box.focus)

    def action_back(self) -> None:
        """Take filter and differences away."""
        box = self.query_one("#filter", Input)
        box.value, box.disabled = "", True
        self.remove_class("-filter", "-diff", "-zoomed")
        self.query_one(RunTable).focus()
        self._changed()

    @on(Input.Changed, "#filter")
    def _filtered(self) -> None:
        self._changed()

    @on(Input.Submitted, "#filter")
    def _filter_done(self) -> None:
        self.query_one(RunTable).focus()

    def on_table_moved(self, event: Table.Moved) -> None:
        self.refresh_bindings()
        self.beat()

    def on_table_chosen(self, event: Table.Chosen) -> None:
        if isinstance(event.table, DiffTable):
            return
        options = []
        for key in keymap.keys_of(self.WHERE):
            if key.group == "The run":
                reason = self.refuse(key.action)
                if reason is None:
                    options.append((key.action, f"{key.first_shown}  {key.description}", ""))
        title = text.line(self.chosen.id, 60) if self.chosen else ""

        def answered(action: str | None) -> None:
            if action is not None:
                self.call_later(self.run_action, action)

        self.app.push_screen(Choose(title, options), answered)

    def _open(self, screen: str, then: Callable[[], object] = lambda: None) -> None:
        """Make the chosen weights what the other screens are about, and go to one."""
        subject = self._subject()
        if subject is not None:
            self.cnn.choice.chosen = subject
            self.cnn.action_go(screen)
            self.app.call_later(then)

    def _subject(self) -> Subject | None:
        info = self.chosen
        if info is None:
            return None
        try:
            saved = self.saved
            return of_run(info.path, saved if saved and saved.problem is None else None)
        except EngineError as error:
            self.cnn.tell(str(error), "choose another run or checkpoint", severity="error")
            return None

    def action_inspect(self) -> None:
        """Look inside."""
        self._open("inspect")

    def action_gradients(self) -> None:
        """Check its gradients."""
        self._open("gradients")

    def action_evaluate(self) -> None:
        """Evaluate it."""

        async def begin() -> None:
            from tui.screens.evaluate import EvaluateScreen

            screen = self.app.screen
            if isinstance(screen, EvaluateScreen) and screen.refuse("evaluate") is None:
                screen.action_evaluate()

        self._open("evaluate", begin)

    def action_resume(self) -> None:
        """Go on with it."""
        info = self.chosen
        if info is None:
            return
        try:
            config = of_run(info.path).config
        except EngineError as error:
            self.cnn.tell(str(error), "it cannot be gone on with", severity="error")
            return
        self.cnn.start_training(config, info.path)

    def action_delete(self) -> None:
        """Delete it, after a question."""
        info = self.chosen
        if info is None:
            return
        self.cnn.ask(
            f"Delete {info.id}?",
            "Its config, metrics, checkpoints and weights are gone for good.",
            yes="delete",
            no="keep",
            then=lambda: self.cnn.start_job(
                lambda job: delete_run(info.path),
                on_done=lambda result: self._deleted(info),
                on_error=self._not_deleted,
                name="delete",
            ),
        )

    def _deleted(self, info: RunInfo) -> None:
        self.said = (f"✓ deleted {info.id}", "$success")
        self.cnn.choice.forget(info.path)
        self._refresh()

    def _not_deleted(self, error: Exception) -> None:
        self.said = (f"✗ {error}", "$error")
        self.cnn.tell(str(error), "r refreshes the list", severity="error")
        self._refresh()

    # -- export ---------------------------------------------------------------------------------

    def action_export(self) -> None:
        """Write its network for other programs."""
        if len(FORMATS) == 1:
            self._ask_path(next(iter(FORMATS)))
            return
        options = [(name, name, "") for name in FORMATS]
        self.app.push_screen(
            Choose("Which format?", options), lambda name: name and self._ask_path(name)
        )

    def _ask_path(self, file_format: str) -> None:
        subject = self._subject()
        if subject is None:
            return
        self.app.push_screen(
            AskText(
                f"Export as {file_format}",
                f"{subject.name}, {subject.what}; where to?",
                value=f"{subject.config.name}.{file_format}",
            ),
            lambda path: self._exported_to(path, file_format, subject),
        )

    def _exported_to(self, answer: str | None, file_format: str, subject: Subject) -> None:
        if not answer or not answer.strip():
            return
        path = Path(answer.strip()).expanduser()

        def write() -> None:
            assert subject.weights is not None
            weights = subject.weights
            self.said = (f"writing {path} ...", "$muted")
            self.cnn.start_job(
                lambda job: write_network(subject.config, weights, file_format, path),
                on_done=self._exported,
                on_error=self._not_exported,
                name="export",
            )

        if path.is_file():
            self.cnn.ask(f"{path} is there already. Replace it?", yes="replace", no="keep", then=write)
        else:
            write()

    def _exported(self, files: list[Path]) -> None:
        sizes = ", ".join(f"{path.name} {text.size(path.stat().st_size)}" for path in files)
        self.said = (f"✓ wrote {sizes} to {files[0].absolute().parent}", "$success")
        self.cnn.tell(self.said[0].removeprefix("✓ "), timeout=6)

    def _not_exported(self, error: Exception) -> None:
        self.said = (f"✗ {error}", "$error")
        self.cnn.tell(str(error), "x asks for another path", severity="error")
