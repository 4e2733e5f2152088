"""The base of the screens about one network."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine import paths
from engine.errors import EngineError
from engine.runs.listing import RunInfo, list_runs
from tui import text
from tui.screens.base import BaseScreen
from tui.screens.dialogs import AskPath, Choose
from tui.state.replay import Move, no_film, replayed
from tui.state.selection import Selection, of_config, of_file, of_run
from tui.widgets.line import TextPart

if TYPE_CHECKING:
    from tui.app import CnnApp

FOLLOW, CONFIG, FILE = "follow", "config", "file"
_SHOWN = 200
_ANSWER, _LEAST = 24, 16
"""Columns of a prediction at the right, and of a name that can still be recognised."""


class NetworkScreen(BaseScreen):
    """A screen about one network; ``o`` chooses another."""

    def on_screen_resume(self) -> None:
        self.cnn.choice.refresh()
        super().on_screen_resume()

    def action_choose_network(self) -> None:
        """Ask which network, once the runs are listed."""
        root = self.cnn.choice.runs_root
        self.cnn.start_job(lambda job: list_runs(root), on_done=self._ask, name="runs")

    def _ask(self, runs: list[RunInfo]) -> None:
        if self.app.screen is not self:
            return
        app, chosen = self.cnn, self.cnn.choice.chosen
        options = [(FOLLOW, *_followed(app)), *_config(app), *_file(app)]
        options += [
            (str(run.path), run.id, run_remark(run)) for run in runs[:_SHOWN] if run.problem is None
        ]
        current = FOLLOW
        if chosen is not None:
            current = str(chosen.run or (FILE if chosen.weights is not None else CONFIG))
        self.app.push_screen(Choose("Which network?", options, current), self._answered)

    def _answered(self, key: str | None) -> None:
        if key is None:
            return
        if key == FOLLOW:
            self.cnn.choice.chosen = None
        elif key == CONFIG:
            self.cnn.choice.chosen = of_config(self.cnn.workspace)
        elif key == FILE:
            self._ask_file()
            return
        else:
            try:
                self.cnn.choice.chosen = of_run(Path(key))
            except EngineError as error:
                self.cnn.show_message(str(error), "choose another run", severity="error")
                return
        self.refresh_bindings()
        self.refresh_tick()

    def _ask_file(self) -> None:
        """Ask for a file of weights for the chosen config's network."""
        config = self.cnn.workspace.document.config
        assert config is not None  # else it is not offered

        def answered(path: Path | None) -> None:
            if path is None:
                return
            self.cnn.start_job(
                lambda job: of_file(config, path),
                on_done=self._show_file,
                on_error=lambda error: self.cnn.show_message(
                    str(error), "o chooses another network", severity="error"
                ),
                name="weights",
            )

        detail = f"for the network of {config.name}: an export, a checkpoint, safetensors"
        self.app.push_screen(
            AskPath("Which file of weights?", detail, check=paths.parse, kind="a file of weights"),
            answered,
        )

    def _show_file(self, selection: Selection) -> None:
        self.cnn.choice.chosen = selection
        self.refresh_bindings()
        self.refresh_tick()

    def refuse_training(self) -> str | None:
        """Why what is shown is not the network that trains, or None if it is."""
        choice, training = self.cnn.choice, self.cnn.training
        if choice.live and training.started is not None:
            return None
        if choice.frame is not None and training.running:
            return "the film is shown; . past its last moment goes back to the training"
        return "nothing is training; 2 then r starts"

    def refuse_lever(self) -> str | None:
        """Why the training cannot be paused or stepped through from here, or None if it can."""
        stopping = "training is stopping" if self.cnn.training.stopping else None
        return self.refuse_training() or stopping

    def action_pause(self) -> None:
        """Pause the training, or resume it."""
        self.cnn.training.toggle_pause()
        self.refresh_bindings()

    def action_step(self) -> None:
        """Train one batch; what it made of the network is shown at the next look."""
        self.cnn.training.step()

    def fitted(
        self, left: tuple[TextPart, ...], right: tuple[TextPart, ...]
    ) -> tuple[TextPart, ...]:
        """What has room in the first line beside ``right``: the first part, and others after it."""
        room = self.size.width - 1 - sum(len(part.text) for part in right)
        while len(left) > 1 and sum(text.cell_len(part.text) for part in left) > room:
            left = left[:-1]
        return left

    def refuse_frame(self) -> str | None:
        """Why there is no film to replay, or None."""
        return no_film(self.cnn.choice.replayable)

    def action_frame(self, move: Move) -> None:
        """Another frame of the film of the run that is shown."""
        choice = self.cnn.choice
        assert choice.replayable is not None
        choice.show_frame(replayed(choice.replayable, move))
        self.refresh_bindings()
        self.refresh_tick()

    def selection_parts(self, selection: Selection | None = None) -> tuple[TextPart, ...]:
        """The selected network for the first line; a click chooses another.

        Args:
            selection: it; default what is chosen, or the training while it runs.
        """
        choice, training = self.cnn.choice, self.cnn.training
        if choice.live and selection is None:
            view = training.view()
            symbol = "‖" if view.phase == "paused" else "●"
            word = "paused" if view.phase == "paused" else "live"
            config = training.config
            name = text.line(config.name, 24) if config else ""
            where = f"epoch {view.epoch}/{view.epochs}  batch {view.step}/{view.steps_per_epoch}"
            style = "$warning" if view.phase == "paused" else "$success"
            return (
                TextPart(f" {symbol} {word} ", f"bold {style}", "choose_network"),
                TextPart(f" {name}  ", "bold", "choose_network"),
                TextPart(where if view.epochs else view.phase, "$muted"),
            )
        selection = selection or choice.current
        if selection is None:
            return (
                TextPart(
                    " ✗ the chosen config has errors; 1 shows them", "$error", "app.go('configs')"
                ),
            )
        word = "run" if selection.run else "file" if selection.weights else "config"
        # What the network says at a moment is what one looks for: it has room before the name.
        width = self.size.width - (_ANSWER if selection.entered_from is not None else 0)
        parts = run_parts(selection.name, selection.what, width, word)
        return (*(replace(part, action="choose_network") for part in parts[:2]), *parts[2:])


def run_parts(name: str, what: str, width: int, word: str = "run") -> tuple[TextPart, ...]:
    """The first line of a screen about one run: its name, and which weights these are.

    Args:
        name: of the run, cut where there is no room for it, and left out where there is little.
        what: which weights.
        width: columns of the screen.
        word: what it is.
    """
    room = width - len(what) - len(word) - 8
    if room < _LEAST:
        return (TextPart(f" {what}", "$muted"),)
    return (
        TextPart(f" {word} ", "$muted"),
        TextPart(f" {text.line(name, min(44, room))}  ", "bold"),
        TextPart(what, "$muted"),
    )


def _followed(app: "CnnApp") -> tuple[str, str]:
    training = app.training
    if training.running and training.config is not None:
        return f"current training: {training.config.name}", "follows it while it runs"
    return "the newest run", "or the current training, while it runs"


def _config(app: "CnnApp") -> list[tuple[str, str, str]]:
    selection = of_config(app.workspace)
    if selection is None:
        return []
    return [(CONFIG, f"the chosen config: {selection.name}", selection.what)]


def _file(app: "CnnApp") -> list[tuple[str, str, str]]:
    if app.workspace.document.config is None:
        return []
    return [(FILE, "a file of weights", "of the chosen config's network, from anywhere")]


def run_remark(run: RunInfo) -> str:
    """What a list of runs says of one."""
    best = (run.record.get("best") or {}).get("val_acc")
    score = f"val_acc {text.metric(best)}  " if isinstance(best, float | int) else ""
    return f"{score}{run.status}"
