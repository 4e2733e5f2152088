"""Training a config with several seeds: one run after the other, and what is left of a group."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import EngineError
from engine.events import Ended
from engine.runs.directory import RunDir
from engine.runs.groups import RunGroup, groups_in, results_of, spread
from engine.runs.listing import list_runs
from engine.services.resume import GroupPlan, plan_rest, plan_seeds
from engine.train.session import TrainingSession
from tui import text
from tui.screens.dialogs import Choose
from tui.state.seed_progress import SeedProgress

if TYPE_CHECKING:
    from tui.app import CnnApp

_NUMBERS = (2, 3, 4, 5, 7, 10, 20)

Curve = Sequence[Mapping[str, Any]]


class SeedActions:
    """The group of seeds that is trained, or was last.

    Args:
        app: has the one training, which trains one run of the group at a time.
    """

    def __init__(self, app: "CnnApp") -> None:
        self._app = app
        self._plan: GroupPlan | None = None
        self._number = 0
        self._session: TrainingSession | None = None
        self._curves: list[Curve] = []
        self._results: list[tuple[int, dict[str, float]]] = []
        self._begun = False

    # -- beginning ------------------------------------------------------------------------------

    def ask(self) -> None:
        """Ask for the number of seeds, and train the chosen config with them."""
        config = self._app.workspace.document.config
        if config is None:
            return
        first = config.seed
        options = [
            (str(n), f"{n} seeds", f"{first} to {first + n - 1}, one after the other")
            for n in _NUMBERS
        ]

        def answered(number: str | None) -> None:
            if number is not None:
                self.start(int(number))

        title = f"Train {text.line(self._app.workspace.document.name, 40)} with how many seeds?"
        self._app.push_screen(Choose(title, options, chosen="3"), answered)

    def start(self, count: int) -> None:
        """Train the chosen config, as it is now, with so many seeds."""
        if not self._app.config_watch.look():
            return
        config = self._app.workspace.document.config
        if config is None:
            self._app.show_message(
                "the config has errors", "correct them first", severity="warning"
            )
            return
        try:
            plan = plan_seeds(config, count)
        except EngineError as error:
            self._app.show_message(str(error), severity="error")
            return
        self._begin(plan, [])

    def resume(self, group: str, root: Path) -> None:
        """Train what is left of a group; its runs are read in a job."""

        def failed(error: Exception) -> None:
            self._app.show_message(str(error), "5 shows all runs", severity="error")

        self._app.start_job(
            lambda job: _read(group, root),
            on_done=lambda found: self._begin(*found),
            on_error=failed,
            name="group",
        )

    def _begin(self, plan: GroupPlan, curves: list[Curve]) -> None:
        if not plan.left:
            self._app.show_message(f"{plan.id}: nothing is left to train", severity="warning")
            return
        if self._app.training.running:
            self._app.start_training(plan.left[0].config)  # it says why not
            return
        self._plan, self._number, self._curves = plan, 0, curves
        self._results = [
            (info.record.get("seed", 0), results_of(info.record))
            for info in plan.done
            if info.status == "finished"
        ]
        self._begun = bool(plan.done)
        part = plan.left[0]
        if self._app.start_training(part.config, part.resume, self._progress()):
            self._session = self._app.training.session

    def _progress(self) -> SeedProgress:
        assert self._plan is not None
        after = len(self._plan.left) - self._number - 1
        return SeedProgress(self._plan.left[self._number].place, after, tuple(self._curves))

    # -- from run to run ------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether the last training was of a group of which something is left to train."""
        return (
            self._plan is not None
            and self._session is self._app.training.session
            and self._number < len(self._plan.left)
        )

    @property
    def command(self) -> str:
        """The command line that trains what is left; empty if nothing is, or nothing was begun."""
        begun = self._begun or self._app.training.started is not None
        return self._plan.command if self._plan is not None and self.is_open and begun else ""

    def resume_rest(self) -> None:
        """Train what is left of the group that was stopped."""
        if self._plan is not None:
            self.resume(self._plan.id, self._plan.root)

    def on_training_finished(self) -> None:
        """Train the next seed, if the last training was one of the group that ended by itself."""
        training, ended = self._app.training, self._app.training.ended
        if training.running or not self.is_open or ended is None:
            return
        if training.error is not None or ended.status not in ("finished", "diverged"):
            return
        self._keep(ended)
        self._number += 1
        assert self._plan is not None
        if ended.status == "diverged" and training.config is not None and self.is_open:
            self._app.show_message(
                f"seed {training.config.seed} diverged; the next one is trained", severity="warning"
            )
        if self._number == len(self._plan.left):
            self._app.show_message(self.result, timeout=10)
        elif not self._app.exit_sequence.begun:
            part = self._plan.left[self._number]
            training.start(part.config, part.resume, self._progress())
            self._session = training.session

    def _keep(self, ended: Ended) -> None:
        training = self._app.training
        self._begun = True
        if ended.status == "finished" and training.config is not None:
            record = {"test": ended.test, "best": ended.best, "final": ended.logs}
            self._results.append((training.config.seed, results_of(record)))
            self._curves.append([dict(logs) for logs in training.history])

    @property
    def result(self) -> str:
        """The results of the seeds that finished; empty unless the last training ended a group."""
        plan = self._plan
        if plan is None or self.is_open or self._session is not self._app.training.session:
            return ""
        known = [(seed, found["test_acc"]) for seed, found in self._results if "test_acc" in found]
        found = spread(known)
        count = f"{len(self._results)} of {plan.size} seeds finished"
        if found is None:
            return count
        return (
            f"{count}: test_acc {text.metric(found.mean)} ± {text.metric(found.std)} (mean ± std)"
        )


def _read(name: str, root: Path) -> tuple[GroupPlan, list[Curve]]:
    group: RunGroup | None = next((g for g in groups_in(list_runs(root)) if g.id == name), None)
    if group is None:
        raise EngineError(f"{root}: no run of {name} is left")
    curves: list[Curve] = [RunDir.view(info.path).read_metrics() for info in group.finished]
    return plan_rest(group, root=root), curves
