"""Actions on a run: open, resume, export, delete."""

from collections.abc import Callable

from engine.errors import EngineError
from engine.runs.groups import RunGroup
from engine.runs.listing import UNFINISHED, RunInfo, delete_run
from tui.screens.evaluate.screen import EvaluateScreen
from tui.screens.runs import rows as run_rows
from tui.screens.runs.exporting import ExportActions
from tui.screens.runs.facts import RunFacts
from tui.state.runs_store import RunsStore
from tui.state.selection import Selection, of_run


class RunActions(ExportActions):
    """A screen with a chosen run, a ``RunsStore`` and ``RunFacts``."""

    @property
    def store(self) -> RunsStore:
        """The runs and their details."""
        raise NotImplementedError

    @property
    def chosen(self) -> RunInfo | None:
        """The run of the cursor."""
        raise NotImplementedError

    @property
    def chosen_group(self) -> RunGroup | None:
        """The group of the cursor."""
        raise NotImplementedError

    def refuse_group(self, action: str, group: RunGroup) -> str | None:
        """Why something cannot be done with a group, or None."""
        if action != "resume":
            return "that is done with one run: enter opens the group, then choose a run in it"
        if group.count("running"):
            return "the group is being trained"
        if group.is_complete:
            return "nothing of the group is left to train"
        if self.cnn.training.running:
            return "a training is running; 2 shows it, x there stops it"
        return None

    def resumable(self, info: RunInfo) -> str | None:
        """Why a run cannot be resumed, or None."""
        if info.status not in UNFINISHED:
            words = run_rows.STATES[info.status][0].split()[-1]
            return f"only runs that were stopped can be resumed; this one is {words}"
        if self.cnn.training.running:
            return "a training is running; 2 shows it, x there stops it"
        return None

    def _open(self, screen: str, then: Callable[[], object] = lambda: None) -> None:
        """Make the chosen weights what the other screens are about, and go to one."""
        selection = self.selection()
        if selection is not None:
            self.cnn.choice.chosen = selection
            self.cnn.action_go(screen)
            self.app.call_later(then)

    def selection(self) -> Selection | None:
        """The chosen run with the chosen weights; None, and a message, if it cannot be read."""
        info = self.chosen
        if info is None:
            return None
        try:
            saved = self.query_one(RunFacts).saved
            return of_run(info.path, saved if saved and saved.problem is None else None)
        except EngineError as error:
            self.cnn.show_message(str(error), "choose another run or checkpoint", severity="error")
            return None

    def action_inspect(self) -> None:
        """Inspect it."""
        self._open("inspect")

    def action_gradients(self) -> None:
        """Check its gradients."""
        self._open("gradients")

    def action_evaluate(self) -> None:
        """Evaluate it."""

        async def begin() -> None:
            screen = self.app.screen
            if isinstance(screen, EvaluateScreen) and screen.refuse("evaluate") is None:
                screen.action_evaluate()

        self._open("evaluate", begin)

    def action_resume(self) -> None:
        """Resume it; of a group, train what is left."""
        info, group = self.chosen, self.chosen_group
        if group is not None:
            self.cnn.seeds.resume(group.id, self.cnn.choice.runs_root)
        if info is None:
            return
        try:
            config = of_run(info.path).config
        except EngineError as error:
            self.cnn.show_message(str(error), "it cannot be resumed", severity="error")
            return
        self.cnn.start_training(config, info.path)

    def action_delete(self) -> None:
        """Delete it, after a question."""
        info = self.chosen
        if info is None:
            return
        self.cnn.confirm(
            f"Delete {info.id}?",
            "Its config, metrics, checkpoints, film and weights are deleted for good.",
            yes="delete",
            no="keep",
            final=True,
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
        self.store.refresh()

    def _not_deleted(self, error: Exception) -> None:
        self.said = (f"✗ {error}", "$error")
        self.cnn.show_message(str(error), "r refreshes the list", severity="error")
        self.store.refresh()

    def action_export(self) -> None:
        """Write its network for other programs."""
        selection = self.selection()
        if selection is not None:
            self.export(selection)
