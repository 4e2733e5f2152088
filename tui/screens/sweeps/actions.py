"""Actions on sweeps and trials: start, stop, resume; open a network, write a config."""

from functools import partial
from pathlib import Path

from engine import paths
from engine.errors import EngineError
from engine.sanitize import printable
from engine.sweeps.folder import SETTLED
from engine.sweeps.listing import SweepInfo, TrialGroup, TrialInfo
from tui import text
from tui.screens.ask_file import ask_file
from tui.screens.base import BaseScreen
from tui.screens.configs.saving import free_path
from tui.screens.evaluate.screen import EvaluateScreen
from tui.screens.sweeps.starting import ask_new_sweep, refuse_new_sweep
from tui.state.document import ConfigDocument
from tui.state.selection import of_run


class SweepActions(BaseScreen):
    """A screen with a chosen sweep and a chosen trial of it."""

    @property
    def sweep(self) -> SweepInfo | None:
        """The sweep of the cursor."""
        raise NotImplementedError

    @property
    def trial(self) -> TrialInfo | None:
        """The trial of the cursor."""
        raise NotImplementedError

    @property
    def group(self) -> TrialGroup | None:
        """The group of the cursor."""
        raise NotImplementedError

    # -- the sweep ------------------------------------------------------------------------------

    def refuse_sweep(self, action: str) -> str | None:
        """Why something cannot be done with sweeps, or None."""
        sweep = self.sweep
        if action == "new":
            return refuse_new_sweep(self.cnn)
        if sweep is None:
            return "there are no sweeps yet; n starts one"
        if action == "stop":
            if sweep.path in self.cnn.sweeps.stopping:
                return "it is stopping; what is trained is saved first"
            return None if sweep.running else "it is not running"
        if sweep.running or sweep.path in self.cnn.sweeps.open:
            return "it is running; x stops it"
        if sweep.problem:
            return "it is broken: its manifest cannot be read"
        settled = [one for one in sweep.trials if one.status in (*SETTLED, "pruned")]
        if len(settled) == sweep.size:
            return "nothing of it is left to train"
        return None

    def action_new(self) -> None:
        """Start a sweep of the chosen config, after a question for its grid."""
        ask_new_sweep(self.cnn)

    def action_resume(self) -> None:
        """Train what is left of the sweep."""
        if self.sweep is not None:
            self.cnn.sweeps.start(self.sweep.path)

    def action_stop(self) -> None:
        """Stop the sweep, after a question."""
        sweep = self.sweep
        if sweep is None:
            return
        self.cnn.confirm(
            f"Stop the sweep {text.line(sweep.name, 40)}?",
            "What is being trained is saved first; R resumes exactly there.",
            yes="stop",
            no="keep training",
            holds=lambda: self.sweep is None or self.sweep.path != sweep.path or self.sweep.running,
            then=lambda: self.cnn.sweeps.stop(sweep.path),
        )

    # -- the trial ------------------------------------------------------------------------------

    def refuse_trial(self, action: str) -> str | None:
        """Why something cannot be done with the chosen trial, or None."""
        if self.group is not None:
            return "that is done with one trial: enter opens the group, then choose one in it"
        trial = self.trial
        if trial is None:
            return "no trial is chosen"
        if action != "write" and trial.run is None:
            return f"trial {trial.index} has no run yet"
        return None

    def action_inspect(self) -> None:
        """Inspect its network."""
        self._open("inspect")

    def action_evaluate(self) -> None:
        """Evaluate its network."""
        if self._open("evaluate"):
            self.app.call_later(self._evaluate)

    async def _evaluate(self) -> None:
        screen = self.app.screen
        if isinstance(screen, EvaluateScreen) and screen.refuse("evaluate") is None:
            screen.action_evaluate()

    def _open(self, screen: str) -> bool:
        """Make its network what the other screens are about, and go to one."""
        trial = self.trial
        if trial is None or trial.run is None:
            return False
        try:
            self.cnn.choice.chosen = of_run(trial.run)
        except EngineError as error:
            self.cnn.show_message(str(error), "choose another trial", severity="error")
            return False
        self.cnn.action_go(screen)
        return True

    def action_write(self) -> None:
        """Write its config, the sweep's with its values, to a file, and choose that."""
        sweep, trial = self.sweep, self.trial
        if sweep is None or sweep.manifest is None or trial is None:
            return
        document = ConfigDocument(None, sweep.manifest.config)
        try:
            document.override(
                [*sweep.manifest.overrides, *(f"{k}={v}" for k, v in trial.settings.items())]
            )
        except EngineError as error:
            self.cnn.show_message(str(error), "its run has its config, too", severity="error")
            return
        name = printable(f"{sweep.name}-{trial.index:03}", None)
        ask_file(
            self.cnn,
            f"Config of trial {trial.index}",
            "Configs in ./configs are listed on screen 1, which opens it.",
            value=paths.as_argument(free_path(name)),
            suffixes=(".yaml", ".yml"),
            then=partial(self._write, document),
        )

    def _write(self, document: ConfigDocument, path: Path) -> None:
        try:
            document.save(path)
        except EngineError as error:
            self.cnn.show_message(str(error), "save it under another name", severity="error")
            return
        self.cnn.workspace.saved_as(document)
        self.cnn.workspace.choose(path)
        self.cnn.show_message(f"saved {path}", "e edits it, r trains it", timeout=6)
        self.cnn.go_to("configs")
