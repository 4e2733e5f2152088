"""The dialog that starts a sweep of a config."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Button, Input, Static, TextArea

from engine.config import Config
from engine.errors import EngineError
from engine.parallel.workers import usable_cores
from engine.sweeps.plan import Recipe, Trial
from tui import text
from tui.jobs import Job
from tui.state import sweep_process
from tui.text import plain
from tui.widgets.text_field import TextField, take_in_order

if TYPE_CHECKING:
    from tui.app import CnnApp

_REST = 0.3
"""Seconds without a change before the trials are checked."""

_SHOWN = 5
"""Problems that are shown; the others are counted."""


class GridLines(TextArea):
    """The keys of a grid and their values, one a line."""

    async def on_key(self, event: events.Key) -> None:
        await take_in_order(self, event)


class NewSweep(ModalScreen[Path | None]):
    """Takes the grid of a sweep, and which trials of it to train; makes its folder.

    The result is that folder, or None for esc.

    Args:
        text: of the config.
        name: of the config.
        config: what it means.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel"),
        Binding("ctrl+r,f5", "start", "start", priority=True),
    ]
    CSS = """
    NewSweep .dialog { overflow-y: auto; max-height: 100%; }
    NewSweep #grid { width: 64; max-width: 100%; height: 5; margin-top: 1; border: none;
        background: $panel; padding: 0 1; }
    NewSweep .row { width: 64; max-width: 100%; height: 1; }
    NewSweep .row Static { width: 17; color: $muted; }
    NewSweep .row Input { width: 1fr; margin: 0; }
    NewSweep #rows { width: auto; max-width: 100%; height: auto; margin-top: 1; }
    NewSweep .found { width: auto; max-width: 64; margin-top: 1; }
    NewSweep .problem { margin-top: 1; }
    NewSweep.-narrow .found { max-width: 80vw; }
    NewSweep.-very-low #grid { height: 3; margin-top: 0; }
    NewSweep.-very-low .detail, NewSweep.-very-low .found, NewSweep.-very-low .problem,
        NewSweep.-very-low #rows, NewSweep.-very-low .buttons { margin-top: 0; }
    """

    def __init__(self, text: str, name: str, config: Config) -> None:
        super().__init__()
        self._text, self._source, self._config = text, name, config
        self._timer: Timer | None = None
        self._job: Job | None = None
        self._planned: tuple[Recipe, list[Trial]] | None = None
        self._starting = False

    @property
    def cnn(self) -> "CnnApp":
        """The app, by its own type."""
        return self.app  # type: ignore[return-value]

    def compose(self) -> ComposeResult:
        lr, seed = self._config.train.lr, self._config.seed
        rates = ",".join(text.significant(rate) for rate in (lr, lr / 3))
        grid = "\n".join(["train.lr=" + rates, f"seed={seed}..{seed + 1}"])
        with Vertical(classes="dialog"):
            yield Static(plain(f"Sweep {text.line(self._source, 40)}"), classes="question")
            yield Static(
                "A key and its values on each line: 0.1,0.03 or 1..5 or log:0.001..0.1:5",
                classes="detail",
                markup=False,
            )
            yield GridLines(grid, id="grid", compact=True, tab_behavior="focus")
            rows = (
                ("trials", "trials", f"all; or {sweep_process.CHOICES}"),
                ("prune", "stop early by", f"nothing; or {sweep_process.STOPPERS}"),
                ("jobs", "trials at once", f"{usable_cores()}, a core each"),
            )
            with Vertical(id="rows"):
                for name, title, placeholder in rows:
                    with Horizontal(classes="row"):
                        yield Static(title)
                        yield TextField(placeholder=placeholder, id=name, compact=True)
            yield Static(classes="found", markup=False)
            yield Static(classes="problem", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("^r  start", variant="primary", id="ok", compact=True)
                yield Button("esc  cancel", id="cancel", compact=True)

    def on_mount(self) -> None:
        grid = self.query_one(GridLines)
        grid.move_cursor(grid.document.end)
        grid.focus()
        self._say("", [])
        self._check()

    # -- what is typed --------------------------------------------------------------------------

    @on(TextArea.Changed)
    @on(Input.Changed)
    def _changed(self) -> None:
        self._planned = None
        if self._job is not None:
            self._job.cancel()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(_REST, self._check)

    @property
    def _jobs(self) -> int | None:
        """Trials at once; None for as many as there are cores.

        Raises:
            ValueError: it is no count.
        """
        typed = self._typed("jobs")
        if not typed:
            return None
        if not typed.isascii() or not typed.isdigit() or not int(typed):
            raise ValueError(f"trials at once: expected a whole number from 1, got {typed!r}")
        return int(typed)

    def _typed(self, row: str) -> str:
        return self.query_one(f"#{row}", Input).value.strip()

    def _check(self) -> None:
        self._timer = None
        lines = [line.strip() for line in self.query_one(GridLines).text.splitlines()]
        lines = [line for line in lines if line]
        trials, prune = self._typed("trials"), self._typed("prune")
        self._job = self.cnn.start_job(
            lambda job: sweep_process.plan(self._text, self._source, lines, trials, prune),
            on_done=self._checked,
            on_error=self._wrong,
            name="sweep",
        )

    def _checked(self, planned: tuple[Recipe, list[Trial]]) -> None:
        self._job = None
        if not self.is_mounted:
            return
        size = sweep_process.count(*planned)
        try:
            at_once = self._jobs or usable_cores()
        except ValueError as error:
            self._starting = False
            self._say(self._count(size), [str(error)])
            return
        self._planned = planned
        how = ", each planned from those before it" if planned[0].optuna else ""
        self._say(f"{self._count(size)}{how}, {min(at_once, size)} at once", [])
        if self._starting:
            self._create()

    @staticmethod
    def _count(trials: int) -> str:
        return "1 trial" if trials == 1 else f"{trials:,} trials"

    def _wrong(self, error: Exception) -> None:
        self._job, self._starting = None, False
        if self.is_mounted:
            known = isinstance(error, EngineError)
            problems = sweep_process.problems_of(error) if known else [repr(error)]  # type: ignore[arg-type]
            try:
                _ = self._jobs
            except ValueError as wrong:
                problems.append(str(wrong))
            self._say("", problems)

    def _say(self, found: str, problems: Sequence[str]) -> None:
        if found and self.cnn.training.running:
            found += f"\n! a training runs here too: {usable_cores()} cores are shared"
        shown = [text.line(one, 300) for one in problems[:_SHOWN]]
        if len(problems) > _SHOWN:
            shown.append(f"... and {len(problems) - _SHOWN} more problems")
        for name, words in ((".found", found), (".problem", "\n".join(shown))):
            below = self.query_one(name, Static)
            below.update(plain(words))
            below.display = bool(words)

    # -- starting -------------------------------------------------------------------------------

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "ok":
            self.action_start()
        else:
            self.action_cancel()

    @on(Input.Submitted)
    def action_start(self) -> None:
        """Make the folder, once all trials are checked."""
        self._starting = True
        if self._planned is not None:
            self._create()
        elif self._job is None and self._timer is None:
            self._check()

    def _create(self) -> None:
        assert self._planned is not None
        self._starting = False
        self._job = self.cnn.start_job(
            partial(_create, *self._planned, self._jobs),
            on_done=self._made,
            on_error=self._wrong,
            name="sweep",
        )

    def _made(self, folder: Path) -> None:
        self.dismiss(folder)

    def action_cancel(self) -> None:
        """Close without a sweep."""
        if self._job is not None:
            self._job.cancel()
        self.dismiss(None)


def _create(recipe: Recipe, trials: list[Trial], jobs: int | None, job: Job) -> Path:
    return sweep_process.create(recipe, trials, jobs)
