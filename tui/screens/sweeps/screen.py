"""Sweeps: which there are, how far they have come, and how their trials compare."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from engine.parallel.workers import usable_cores
from engine.paths import quote
from engine.sweeps.listing import ROOT, SweepInfo, TrialGroup, TrialInfo
from engine.sweeps.results import Repetitions
from tui import keymap, text
from tui.charts.parallel import most_axes
from tui.screens.sweeps import pictures
from tui.screens.sweeps import rows as sweep_rows
from tui.screens.sweeps.actions import SweepActions
from tui.screens.sweeps.panes import PANES, ImportancePane, ParallelPane, TrialChart
from tui.screens.sweeps.rows import Ranking
from tui.state.sweeps_store import SweepsStore
from tui.widgets.empty import hints
from tui.widgets.line import Line, TextPart
from tui.widgets.table import Table
from tui.widgets.titles import set_titles


class SweepTable(Table):
    """The sweeps."""

    HELP_TEXT = (
        "The sweeps in the folder sweeps, newest first. A sweep trains one config many times, each "
        "time with other values of some keys; each of these trainings is a trial. Here is how many "
        "trials are done, running, failed and waiting, and about how long the rest takes. It is "
        "read from the sweep's folder, so a sweep of a shell is here too, and one that was started "
        "here continues when the app is closed. enter goes to its trials."
    )


class TrialTable(Table):
    """The trials of the chosen sweep."""

    HELP_TEXT = (
        "The trials of the chosen sweep, the best first; s changes the order, m the metric. The "
        "best five have a number, the same as on the curves. val_acc is that of the best epoch. ▸ "
        "is a group of trials that differ in the seed alone, with mean ± standard deviation (of "
        "the sample, n − 1) over those that finished: enter opens it ▾, or closes it. enter on a "
        "trial lists what can be done with it. Picking the best of many by test_acc overrates it: "
        "pick by val_acc, then read its test_acc."
    )


class SweepsScreen(SweepActions):
    """All sweeps of the working folder."""

    WHERE = "sweeps"
    BINDINGS = keymap.bindings(WHERE)
    CSS_PATH = "screen.tcss"
    FIRST_FOCUS = "#sweeps"
    HELP_TEXT: ClassVar[str] = (
        "A sweep trains one config many times, each time with other values of some keys, several "
        "at once, in processes of its own. Watch its trials, rank them, see which setting matters, "
        "and open the best one."
    )

    def __init__(self) -> None:
        super().__init__()
        self.metric = "val_acc"
        self.sort = "best"
        self.log_axis = False
        self.picture = 0
        self.open_groups: set[tuple[str, str]] = set()
        self._store: SweepsStore | None = None
        self._seen: object = None
        self._rows: object = None
        self._ranked: Ranking | None = None
        self._changes = 0

    @property
    def store(self) -> SweepsStore:
        """The sweeps and the curves of their trials."""
        if self._store is None:
            self._store = SweepsStore(self.cnn, self.changed)
        return self._store

    def compose_body(self) -> ComposeResult:
        yield Line(id="subject")
        yield Static(id="nothing", classes="empty", markup=False)
        with Vertical(id="body"):
            yield SweepTable(sweep_rows.SWEEP_COLUMNS, id="sweeps", classes="pane")
            yield TrialTable([], id="trials", classes="pane")
            with Horizontal(id="lower"):
                yield TrialChart(id="curves")
                yield ParallelPane(id="parallel")
                yield ImportancePane(id="importance")

    def on_screen_resume(self) -> None:
        self.store.invalidate()
        self.refresh_tick()

    def changed(self) -> None:
        """Draw anew."""
        self._changes += 1
        self.refresh_bindings()
        self.refresh_tick()

    # -- what is shown --------------------------------------------------------------------------

    @property
    def sweep(self) -> SweepInfo | None:
        """The sweep of the cursor."""
        key = self.query_one(SweepTable).key
        return next((one for one in self.store.known if str(one.path) == key), None)

    @property
    def trial(self) -> TrialInfo | None:
        """The trial of the cursor; None where it is on a group."""
        found = self._chosen
        return found if isinstance(found, TrialInfo) else None

    @property
    def group(self) -> TrialGroup | None:
        """The group of the cursor."""
        found = self._chosen
        return found if isinstance(found, Repetitions) else None

    @property
    def _chosen(self) -> TrialGroup | TrialInfo | None:
        key = self.query_one(TrialTable).key
        return None if self._ranked is None or key is None else self._ranked.by_key.get(key)

    # -- drawing --------------------------------------------------------------------------------

    def tick(self) -> None:
        self.store.poll()
        self._show_line()
        sweeps, trials = self.query_one(SweepTable), self.query_one(TrialTable)
        shape = [(pane.display, pane.size) for pane in self.query("#lower > *")]
        how = (self.metric, self.sort, self.log_axis, self.picture, self.size, shape)
        changes = (self._changes, self.cnn.sweeps.version)
        seen = (changes, sweeps.key, trials.key, how)
        if seen == self._seen or self.store.sweeps is None:
            return
        self.set_class(not self.store.known, "-nothing")
        if not self.store.known:
            self._seen = seen
            self._say_nothing()
            return
        sweeps.show(
            [
                sweep_rows.sweep_row(
                    one,
                    begun=one.path in self.cnn.sweeps.open,
                    stopping=one.path in self.cnn.sweeps.stopping,
                )
                for one in self.store.known
            ],
            [str(one.path) for one in self.store.known],
        )
        if str(self.cnn.sweeps.newest) in sweeps.keys:
            sweeps.move_to(str(self.cnn.sweeps.newest))
            self.cnn.sweeps.newest = None
        sweep = self.sweep
        assert sweep is not None
        set_titles(sweeps, Content("sweeps"), Content(text.line(sweep.path.name, 60)))
        rows = (changes, sweeps.key, self.metric, self.sort)
        if rows != self._rows or self._ranked is None:
            self._rows = rows
            self._ranked = sweep_rows.ranking(sweep, self.metric)
            self._show_trials(trials, sweep, self._ranked)
        set_titles(trials, subtitle=Content(self._hint(trials)))
        self._seen = (changes, sweeps.key, trials.key, how)
        self._show_panes(sweep, self._ranked)

    def _say_nothing(self) -> None:
        if self.store.problem:
            words = hints(f"✗ {self.store.problem}", [], [("r", "looks again")])
        else:
            name = quote(self.cnn.workspace.document.name)
            words = hints(
                "No sweeps yet.",
                [
                    "A sweep trains a config many times, each time with other values,",
                    "and ranks the results. In a shell:",
                    f"cnn-tui sweep {text.line(name, 30)} --grid train.lr=0.1,0.03",
                ],
                [("n", "starts one here"), ("1", "chooses the config")],
            )
        self.query_one("#nothing", Static).update(words)

    def _show_line(self) -> None:
        known = self.store.known
        parts = [
            TextPart(f" {ROOT}/ ", "bold"),
            TextPart(f" {len(known)} sweep{'' if len(known) == 1 else 's'}", "$muted"),
            TextPart(f"  by {self.metric}", "$accent", "metric"),
        ]
        if self.cnn.training.running and any(one.running for one in known):
            words = f"! Train trains too: {usable_cores()} cores are shared "
            self.query_one("#subject", Line).show(tuple(parts), (TextPart(words, "$warning"),))
        else:
            self.query_one("#subject", Line).show(tuple(parts))

    def _show_trials(self, table: TrialTable, sweep: SweepInfo, ranked: Ranking) -> None:
        opened = {key for path, key in self.open_groups if path == str(sweep.path)}
        rows, keys = sweep_rows.trial_rows(sweep, ranked, self.sort, opened)
        table.set_columns(sweep_rows.columns(sweep, ranked))
        table.empty = text.line(sweep.problem, 200)
        table.show(rows, keys)
        order = "best first" if self.sort == "best" else "in their order"
        set_titles(table, Content(f"trials {len(sweep.trials)}, {order}"))

    def _hint(self, table: TrialTable) -> str:
        """What enter does, and why the chosen trial ended, if it did not finish."""
        if not table.rows:
            return ""
        trial = self.trial
        verb = "actions" if self.group is None else "open or close"
        reason = "" if trial is None or trial.finished else trial.reason
        room = table.size.width - len(verb) - 16
        return f"{text.line(reason, max(room, 8))} ─ enter: {verb}" if reason else f"enter: {verb}"

    def _show_panes(self, sweep: SweepInfo, ranked: Ranking) -> None:
        for i, pane in enumerate(self.query("#lower > *")):
            pane.set_class(i == self.picture, "-chosen")
        trial, group = self.trial, self.group
        drawn = pictures.shown(ranked, trial, group)
        self.store.look_at(run for one in drawn for run in one.runs)
        chart, metric = self.query_one(TrialChart), pictures.CURVES[self.metric]
        picture = pictures.curves(drawn, self.store.curves, metric, log=self.log_axis)
        chart.show(picture)
        room = chart.size.width - 4
        chart.titles(pictures.legend(drawn, picture, metric, room), Content("epochs"))
        lines = self.query_one(ParallelPane)
        most = most_axes(lines.size.width)
        self.store.weigh(sweep, self.metric)
        shares = self.store.shares.get((sweep.path, self.metric))
        axes, traces, missing = pictures.coordinates_of(
            sweep, ranked, trial, group, shares or {}, most
        )
        lines.show(axes, traces)
        left = f", without {missing} key{'s' * (missing > 1)}: no room" if missing else ""
        set_titles(lines, Content(f"parallel coordinates{left}"), Content("the best above"))
        bars = self.query_one(ImportancePane)
        width = bars.size.width - 2
        bars.show(pictures.importance_lines(sweep, self.metric, shares, width))
        set_titles(bars, Content(f"what explains {self.metric}"))

    # -- actions --------------------------------------------------------------------------------

    def refuse(self, action: str) -> str | None:
        if action in ("refresh", "back"):
            return None
        if action in ("new", "stop", "resume"):
            return self.refuse_sweep(action)
        if not self.store.known:
            return "there are no sweeps yet; n starts one"
        if action == "picture" and self.has_class("-very-wide"):
            return "all pictures are shown; tab goes to them"
        if action in ("inspect", "evaluate", "write"):
            return self.refuse_trial(action)
        return None

    def action_metric(self) -> None:
        """The next metric."""
        self.metric = sweep_rows.next_metric(self.metric)
        self.refresh_tick()

    def action_sort(self) -> None:
        """The next order."""
        names = sweep_rows.SORTS
        self.sort = names[(names.index(self.sort) + 1) % len(names)]
        self.refresh_tick()

    def action_picture(self) -> None:
        """The next picture, where there is room for one."""
        self.picture = (self.picture + 1) % len(PANES)
        had = any(pane.has_focus for pane in self.query("#lower > *"))
        self.refresh_tick()
        if had:
            self.call_after_refresh(self.query_one(PANES[self.picture]).focus)

    def action_log(self) -> None:
        """Logarithmic axis, or not."""
        self.log_axis = not self.log_axis
        self.refresh_tick()

    def action_zoom(self) -> None:
        """The pictures alone, or all."""
        self.toggle_class("-zoomed")
        first: Widget = self.query_one(TrialTable)
        if self.has_class("-zoomed"):
            first = self.query_one(PANES[self.picture])
        self.call_after_refresh(first.focus)

    def action_back(self) -> None:
        """Leave the pictures, or the trials."""
        if self.has_class("-zoomed"):
            self.action_zoom()
        else:
            self.query_one(SweepTable).focus()

    def action_refresh(self) -> None:
        """Read everything again."""
        self.store.forget()

    def on_table_moved(self, event: Table.Moved) -> None:
        self.refresh_bindings()
        self.refresh_tick()

    def on_table_chosen(self, event: Table.Chosen) -> None:
        if isinstance(event.table, SweepTable):
            self.query_one(TrialTable).focus()
            return
        group, sweep = self.group, self.sweep
        if group is not None and sweep is not None:
            self.open_groups ^= {(str(sweep.path), group.key)}
            self.changed()
        elif self.trial is not None:
            self._ask_action(self.trial)

    def _ask_action(self, trial: TrialInfo) -> None:
        title = f"Trial {trial.index}: {text.line(sweep_rows.settings_words(trial), 80)}"
        if not self.ask_action(title, "The trial"):
            self.cnn.show_message(self.refuse("inspect") or "", severity="warning", timeout=3)
