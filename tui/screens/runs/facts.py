"""The facts of one run, and the differences between the configs of several."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from engine.runs.groups import RunGroup
from engine.runs.listing import RunInfo
from engine.train.weights import SavedWeights
from tui import text
from tui.screens.runs import rows as run_rows
from tui.state.run_details import RunDetails
from tui.widgets.table import Column, Table


class WeightTable(Table):
    """The weights of the chosen run."""

    HELP_TEXT = (
        "The saved weights of this run: finished, those of its best epoch, and checkpoints to "
        "resume from. Inspect, Evaluate, Gradients and export use the chosen ones."
    )


class DiffTable(Table):
    """Differences between the configs."""

    HELP_TEXT = (
        "The keys in which the configs of the marked runs differ; – means: not set in this one."
    )

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__([Column("key")], id=id, classes="pane")
        self.empty = "the configs are the same"
        self.border_subtitle = Content("d goes back to the curves")

    def show_differences(self, configs: Sequence[tuple[str, str, RunDetails]]) -> None:
        """Set letter, name and details of every run."""
        rows = run_rows.compare([(letter, details) for letter, _, details in configs])
        names = [f"{letter} {text.line(name, 24)}" for letter, name, _ in configs]
        self.set_columns(
            [
                Column("key", flexible=True, least=16),
                *(Column(name, flexible=True, least=8) for name in names),
            ]
        )
        self.show(rows, [row[0][0] for row in rows])
        self.border_title = Content(
            "1 key differs" if len(rows) == 1 else f"{len(rows)} keys differ"
        )


class RunFacts(Vertical):
    """A run in a few lines, and its files of weights."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="pane")
        self._weights: Sequence[SavedWeights] = ()

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="facts-scroll", can_focus=False):
            yield Static(id="facts", markup=False)
        yield WeightTable(run_rows.WEIGHT_COLUMNS, id="weights")

    @property
    def saved(self) -> SavedWeights | None:
        """The weights of the cursor; None before they are known."""
        key = self.query_one(WeightTable).key
        return next((item for item in self._weights if str(item.path) == key), None)

    def show(self, info: RunInfo | None, details: RunDetails | None, hint: str) -> None:
        """Set the run; ``details`` is None until they are read."""
        facts, table = self.query_one("#facts", Static), self.query_one(WeightTable)
        self._weights = details.weights if details else ()
        self.border_title = Content(text.line(info.id, 60)) if info else ""
        self.border_subtitle = Content(hint)
        facts.update(run_rows.facts(info, details) if info else "")
        table.empty = "no weights were saved" if details else ""
        table.show(
            [run_rows.weights_row(item) for item in self._weights],
            [str(item.path) for item in self._weights],
        )

    def show_group(self, group: RunGroup, hint: str) -> None:
        """Set a group, which has no weights of its own."""
        self._weights = ()
        self.border_title = Content(f"{group.id} {text.line(group.name, 40)}")
        self.border_subtitle = Content(hint)
        self.query_one("#facts", Static).update(run_rows.group_facts(group))
        table = self.query_one(WeightTable)
        table.empty = "enter shows its runs"
        table.show([], [])
