"""Runs: what was trained, side by side; resume, inspect, export, delete."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Static

from engine.runs.groups import RunGroup
from engine.runs.listing import RunInfo
from tui import keymap, text
from tui.screens.runs import rows as run_rows
from tui.screens.runs.actions import RunActions
from tui.screens.runs.facts import DiffTable, RunFacts
from tui.screens.runs.rows import COLOURS
from tui.state.runs_store import LETTERS, RunsStore
from tui.widgets.chart import Chart
from tui.widgets.empty import hints
from tui.widgets.line import Line, TextPart
from tui.widgets.table import Table
from tui.widgets.text_field import TextField
from tui.widgets.titles import set_titles


class RunTable(Table):
    """The runs."""

    HELP_TEXT = (
        "The runs, newest first; s changes the order, / filters. val_acc is the best of all "
        "epochs. space marks a run: the curves of all marked runs are drawn together, each with "
        "its letter. enter lists the actions for a run. ▸ is a group of several seeds, with mean ± "
        "standard deviation (of the sample, n − 1) over those that finished: enter opens it ▾ into "
        "its runs, or closes it; space marks it as one."
    )


class RunChart(Chart):
    """One metric of the marked runs."""

    HELP_TEXT = (
        "The curves of the marked runs over epochs, or of the chosen one; the letter at the end "
        "of a curve names its run. A group of seeds is its mean, with mean ± standard deviation as "
        "single dots ⠕ around it. m: next metric, y: logarithmic axis, z: maximize."
    )


class RunsScreen(RunActions):
    """All runs of the runs folder."""

    WHERE = "runs"
    BINDINGS = keymap.bindings(WHERE)
    CSS_PATH = "screen.tcss"
    FIRST_FOCUS = "#runs"
    HELP_TEXT: ClassVar[str] = (
        "Every training saves a run: its config, metrics, checkpoints and finished weights. Mark "
        "some to compare their curves and configs; open one in Inspect or Evaluate; resume "
        "one that was stopped; export its network; delete it."
    )

    def __init__(self) -> None:
        super().__init__()
        self.metric = "val_acc"
        self.sort = "newest"
        self.log_axis = False
        self.open_groups: set[str] = set()
        self._store: RunsStore | None = None
        self._seen: object = None
        self._changes = 0

    @property
    def store(self) -> RunsStore:
        """The runs and their details."""
        if self._store is None:
            self._store = RunsStore(self.cnn, self._changed)
        return self._store

    def compose_body(self) -> ComposeResult:
        yield Line(id="subject")
        yield TextField(
            placeholder="filter: a name, data set, model or status",
            id="filter",
            compact=True,
            disabled=True,  # or it would be the first to get the focus
        )
        yield Static(id="nothing", classes="empty", markup=False)
        with Vertical(id="body"):
            yield RunTable(run_rows.COLUMNS, id="runs", classes="pane")
            with Horizontal(id="lower"):
                yield RunChart(id="curve")
                yield RunFacts(id="facts-pane")
            yield DiffTable(id="diff")

    def on_screen_resume(self) -> None:
        self.store.invalidate()

    def _changed(self) -> None:
        self._changes += 1
        self.refresh_bindings()
        self.refresh_tick()

    # -- what is shown --------------------------------------------------------------------------

    @property
    def chosen(self) -> RunInfo | None:
        """The run of the cursor; None where it is on a group."""
        key = self.query_one(RunTable).key
        return next((info for info in self.store.known if str(info.path) == key), None)

    @property
    def chosen_group(self) -> RunGroup | None:
        """The group of the cursor."""
        key = self.query_one(RunTable).key
        return next((one for path, one in self.store.groups.items() if str(path) == key), None)

    def _shown_runs(self) -> list[RunInfo | RunGroup]:
        """The chosen run or group, and the marked ones."""
        everything: list[RunInfo | RunGroup] = [*self.store.known, *self.store.groups.values()]
        runs = [one for one in everything if one.path in self.store.marked]
        runs.sort(key=lambda one: self.store.marked[one.path])
        chosen = self.chosen or self.chosen_group
        return runs if chosen is None or chosen in runs else [chosen, *runs]

    def _compared(self) -> list[tuple[str, RunInfo | RunGroup]]:
        """Letter and run for a comparison: the marked runs and groups, else the chosen one."""
        runs = [(self.store.marked.get(info.path, ""), info) for info in self._shown_runs()]
        return [pair for pair in runs if pair[0]] or runs

    # -- drawing --------------------------------------------------------------------------------

    def tick(self) -> None:
        self.store.poll()
        self._show_line()
        table = self.query_one(RunTable)
        room = self.query_one(RunChart).size  # none while the differences are shown
        seen = (self._changes, table.key, self.metric, self.log_axis, self.sort, self.size, room)
        if seen == self._seen or self.store.runs is None:
            return
        self.set_class(not self.store.known, "-nothing")
        if not self.store.known:
            self._seen = seen
            self._say_nothing()
            return
        self._show_runs(table)
        self._seen = (self._changes, table.key, *seen[2:])
        self.store.look_at(self._shown_runs())
        self._show_curve()
        self._show_facts()
        if self.has_class("-diff"):
            self._show_diff()

    def _say_nothing(self) -> None:
        root = text.line(self.cnn.choice.runs_root, 60)
        if self.store.problem:
            words = hints(
                f"✗ {self.store.problem}", [], [("1", "the config: its runs_dir says where")]
            )
        else:
            words = hints(
                "No runs yet.",
                [f"Every training saves one in {root}/"],
                [("2", "goes to Train, and r there trains")],
            )
        self.query_one("#nothing", Static).update(words)

    def _show_line(self) -> None:
        root = text.line(self.cnn.choice.runs_root, 40)
        parts = [
            TextPart(f" {root}/ ", "bold"),
            TextPart(
                f" {len(self.store.known)} run{'' if len(self.store.known) == 1 else 's'}", "$muted"
            ),
        ]
        if self.store.marked:
            parts.append(TextPart(f"  {len(self.store.marked)} marked", "$accent"))
        if self.sort != "newest":
            parts.append(TextPart(f"  by {self.sort}", "$accent", "sort"))
        words, style = self.said
        room = self.size.width - sum(len(part.text) for part in parts) - 2
        self.query_one("#subject", Line).show(
            tuple(parts), (TextPart(f"{text.line(words, max(room, 8))} ", style),) if words else ()
        )

    def _show_runs(self, table: RunTable) -> None:
        wanted = self.query_one("#filter", Input).value
        groups, marked = list(self.store.groups.values()), self.store.marked
        shown = run_rows.listed(self.store.known, groups, self.sort, wanted, self.open_groups)
        runs = run_rows.ordered(self.store.known, self.sort, wanted)
        table.empty = "no run matches the filter; esc clears it"
        table.show(
            [
                run_rows.group_row(one, marked.get(one.path, ""), one.id in self.open_groups)
                if isinstance(one, RunGroup)
                else run_rows.run_row(one, marked.get(one.path, ""), indented)
                for one, indented in shown
            ],
            [str(one.path) for one, _ in shown],
        )
        group = self.chosen_group
        verb = "actions" if group is None else "close" if group.id in self.open_groups else "open"
        title = f"runs {len(runs)}/{len(self.store.known)}" if wanted else "runs"
        set_titles(table, Content(title), Content(f"enter: {verb}" if runs else ""))

    def _show_curve(self) -> None:
        curve, compared = self.query_one(RunChart), self._compared()
        known = [
            (letter, details)
            for letter, one in compared
            if (details := self.store.details_of(one, self.metric)) is not None
        ]
        picture = run_rows.overlay(known, self.metric, log=self.log_axis)
        curve.show(picture)
        scale = " log" if self.log_axis else ""
        band = " ⠕ mean ± std" if picture.bands else ""
        legend: list[tuple[str, str]] = [(f"{self.metric}{scale}{band}", "")]
        names = [f"  {letter} {text.line(info.name, 16)}".rstrip() for letter, info in compared]
        if sum(map(len, names)) + len(legend[0][0]) > curve.size.width - 4:
            names = [f" {letter}" for letter, _ in compared]
        for (letter, _), name in zip(compared, names, strict=True):
            colour = COLOURS[LETTERS.index(letter)] if letter else "foreground"
            legend.append((name, f"${colour}"))
        curve.titles(Content.assemble(*legend), Content("m metric"))

    def _show_facts(self) -> None:
        info, group = self.chosen, self.chosen_group
        if group is not None:
            left = self.refuse_group("resume", group) is None
            self.query_one(RunFacts).show_group(group, "R trains what is left" if left else "")
            return
        details = self.store.details.get(info.path) if info else None
        hint = "R resumes it" if info and self.resumable(info) is None else ""
        self.query_one(RunFacts).show(info, details, hint)

    def _show_diff(self) -> None:
        self.query_one(DiffTable).show_differences(
            [
                (letter, one.name, details)
                for letter, one in self._compared()
                if (details := self.store.details_of(one)) is not None
            ]
        )

    # -- actions --------------------------------------------------------------------------------

    def refuse(self, action: str) -> str | None:
        if not self.store.known:
            return None if action == "refresh" else "there are no runs yet; 2 trains one"
        info = self.chosen
        if action in ("sort", "metric", "log", "filter", "back", "unmark", "refresh", "zoom"):
            return None
        if action == "diff":
            enough = len(self.store.marked) >= 2 or self.has_class("-diff")
            return None if enough else "mark at least two runs first, with space"
        one = info or self.chosen_group
        if one is None:
            return "no run is chosen"
        if action == "mark":
            full = len(self.store.marked) >= len(LETTERS) and one.path not in self.store.marked
            return f"{len(LETTERS)} runs are marked; space on one unmarks it" if full else None
        if isinstance(one, RunGroup):
            return self.refuse_group(action, one)
        assert info is not None
        if action == "resume":
            return self.resumable(info)
        if action == "delete" and info.status == "running":
            return "it is running; stop it first"
        if action in ("inspect", "evaluate", "gradients", "export"):
            details = self.store.details.get(info.path)
            if details is not None and not details.weights:
                return "this run has saved no weights"
        return None

    def action_mark(self) -> None:
        """Mark or unmark the chosen run or group."""
        one = self.chosen or self.chosen_group
        if one is None:
            return
        self.store.toggle_mark(one.path)
        if len(self.store.marked) < 2:
            self.remove_class("-diff")
        self._changed()

    def action_unmark(self) -> None:
        """Clear marks."""
        self.store.marked.clear()
        self.remove_class("-diff")
        self._changed()

    def action_metric(self) -> None:
        """The next metric."""
        names = run_rows.METRICS
        self.metric = names[(names.index(self.metric) + 1) % len(names)]
        self.refresh_tick()

    def action_log(self) -> None:
        """Logarithmic axis, or not."""
        self.log_axis = not self.log_axis
        self.refresh_tick()

    def action_sort(self) -> None:
        """The next order."""
        names = run_rows.SORTS
        self.sort = names[(names.index(self.sort) + 1) % len(names)]
        self.refresh_tick()

    def action_refresh(self) -> None:
        """Read everything again."""
        self.store.details.clear()
        self.store.refresh()

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
        """Clear the filter and close the comparison."""
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
        self.refresh_tick()

    def on_table_chosen(self, event: Table.Chosen) -> None:
        if isinstance(event.table, DiffTable):
            return
        group = self.chosen_group
        if group is not None:
            if isinstance(event.table, RunTable):
                self.open_groups ^= {group.id}
                self._changed()
            return
        self.ask_action(text.line(self.chosen.id, 60) if self.chosen else "", "The run")
