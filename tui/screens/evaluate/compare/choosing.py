"""Choose the network to compare with."""

from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import EngineError
from engine.runs.listing import RunInfo, list_runs
from engine.services.evaluation.compare import check_comparable
from engine.services.evaluation.evaluate import Measurement
from tui.screens.dialogs import Choose
from tui.screens.evaluate.compare.screen import CompareScreen
from tui.screens.network_screen import run_remark
from tui.state.selection import Selection, of_run

if TYPE_CHECKING:
    from tui.app import CnnApp

_LISTED = 200


def choose_second(app: "CnnApp", first: Selection, found: Measurement) -> None:
    """Ask for another run of the same data set, and compare with it.

    Args:
        app: the app.
        first: the network that was evaluated.
        found: what came of it.
    """
    screen, root, dataset = app.screen, app.choice.runs_root, first.config.dataset

    def ask(runs: list[RunInfo]) -> None:
        if app.screen is not screen:
            return
        options = [
            (str(run.path), run.id, run_remark(run))
            for run in runs
            if run.problem is None and run.record.get("dataset") == dataset
            if first.run is None or run.path.resolve() != first.run.resolve()
        ]
        if not options:
            words = "there is no other run of the same data set; train one"
            app.show_message(words, severity="warning")
            return
        app.push_screen(Choose("Compare with which run?", options[:_LISTED]), answered)

    def answered(key: str | None) -> None:
        if key is None:
            return
        try:
            second = of_run(Path(key))
            check_comparable(first.config, second.config)
        except EngineError as error:
            app.show_message(str(error), "choose another run", severity="error")
            return
        app.push_screen(CompareScreen(first, found, second))

    app.start_job(lambda job: list_runs(root), on_done=ask, name="runs")
