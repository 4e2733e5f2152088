"""Actions on a trial: open its network in other screens."""

from engine.errors import EngineError
from engine.sweeps.listing import Repetitions, TrialInfo
from tui.screens.base import BaseScreen
from tui.screens.evaluate.screen import EvaluateScreen
from tui.state.selection import of_run


class TrialActions(BaseScreen):
    """A screen with a chosen trial."""

    @property
    def trial(self) -> TrialInfo | None:
        """The trial of the cursor."""
        raise NotImplementedError

    @property
    def group(self) -> Repetitions | None:
        """The group of the cursor."""
        raise NotImplementedError

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
