"""The hints that hold: the facts, the reason, and the fix."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from engine.errors import ConfigError
from engine.hints import RULES, Hint
from engine.numbers import MISSING
from tui import keymap, text
from tui.screens.base import BaseScreen
from tui.widgets.table import Column, Table
from tui.widgets.titles import set_titles

_COLUMNS = (
    Column("hint"),
    Column("what was found", flexible=True, least=12, rank=1),
    Column("fix", flexible=True, least=12),
)


class HintTable(Table):
    """A row for every hint."""

    HELP_TEXT = (
        "What the rules found, in the training that runs or in the last one. Below the table is "
        "the chosen hint in full: the numbers, why it matters, and what to change. Rules are "
        "sometimes wrong: compare with the curves."
    )


class HintsScreen(BaseScreen):
    """The hints of the training, and the chosen one in full below."""

    WHERE = "hints"
    BINDINGS = keymap.bindings(WHERE)
    CSS_PATH = "screen.tcss"
    FIRST_FOCUS = "#hints"
    HELP_TEXT: ClassVar[str] = (
        "What goes wrong in the training, with its numbers, and what to try. f writes the fix "
        "into the open config, unsaved; it counts from the next training on."
    )

    def __init__(self) -> None:
        super().__init__()
        self._shown: object = None

    def compose_body(self) -> ComposeResult:
        yield HintTable(_COLUMNS, id="hints", classes="pane")
        yield Static(id="about", markup=False)

    @property
    def _chosen(self) -> Hint | None:
        key = self.query_one(HintTable).key
        return next((hint for hint in self.cnn.training.hints if hint.rule == key), None)

    def tick(self) -> None:
        """Show the hints that hold now."""
        training, table = self.cnn.training, self.query_one(HintTable)
        hints = training.hints
        table.empty = _nothing(training.started is not None, len(training.history))
        table.show([_row(hint) for hint in hints], [hint.rule for hint in hints])
        set_titles(table, Content(f"hints after epoch {len(training.history)}"))
        chosen, document = self._chosen, self.cnn.workspace.document
        seen = (chosen, document.name, table.size)
        if seen != self._shown:
            self._shown = seen
            about = self.query_one("#about", Static)
            about.update(Content("") if chosen is None else _about(chosen, document.name))
            self.refresh_bindings()

    # -- actions --------------------------------------------------------------------------------

    def refuse(self, action: str) -> str | None:
        if action == "fix":
            chosen = self._chosen
            if chosen is None:
                return "there is no hint whose fix could be applied"
            if chosen.fix is None:
                return "no key of the config helps by itself; the text below says what may"
        return None

    def on_table_moved(self, event: Table.Moved) -> None:
        self.refresh_tick()

    def on_table_chosen(self, event: Table.Chosen) -> None:
        if self.refuse("fix") is None:
            self.action_fix()

    def action_fix(self) -> None:
        """Write the fix into the open config; it can be undone."""
        chosen, document = self._chosen, self.cnn.workspace.document
        assert chosen is not None
        assert chosen.fix is not None
        before, changes = document.text, _listed(chosen.fix.overrides)
        try:
            document.override(chosen.fix.overrides)
        except ConfigError as error:
            self.cnn.show_message(
                f"{text.line(document.name)} was not changed: {text.line(error)}",
                "1 shows the config",
                severity="error",
            )
            return
        document.end_edit()
        name = text.line(document.name, 24)
        if document.text == before:
            self.cnn.show_message(f"{name} says {changes} already", "r in Train trains it")
        else:
            self.cnn.show_message(
                f"{name}: {changes}, not saved", "u takes it back, r in Train trains with it"
            )

    def action_undo(self) -> None:
        """Undo the last change of the open config."""
        document = self.cnn.workspace.document
        undone = document.undo()
        words = "the last change is undone" if undone else "there is nothing to undo"
        self.cnn.show_message(f"{text.line(document.name, 24)}: {words}", timeout=2)

    def action_leave(self) -> None:
        """Back to the curves."""
        self.dismiss(None)


def _nothing(started: bool, epochs: int) -> str:
    if not started:
        return "nothing was trained yet; esc and r start"
    if not epochs:
        return "nothing found yet; most rules wait for some epochs"
    return f"nothing found: none of {len(RULES)} rules holds"


def _row(hint: Hint) -> tuple[tuple[str, str], ...]:
    fix = _listed(hint.fix.overrides) if hint.fix else MISSING
    return (f"! {hint.title}", "bold warning"), (text.line(hint.words), ""), (fix, "accent")


def _listed(overrides: Sequence[str]) -> str:
    return ", ".join(overrides)


def _about(hint: Hint, config: str) -> Content:
    """The hint in full."""
    fix = hint.fix
    what = (
        "no key of the config helps by itself"
        if fix is None
        else f"{fix.label}: {_listed(fix.overrides)} in {text.line(config, 24)}"
    )
    return Content.assemble(
        (f"{hint.title}: ", "bold $warning"),
        (f"{text.line(hint.words)}\n", "$foreground"),
        ("why  ", "bold"),
        (f"{hint.why}\n", "$foreground"),
        ("fix  ", "bold $accent"),
        (what, "$foreground"),
    )
