"""Train: curves, progress and levers."""

from textual.app import ComposeResult
from textual.widgets import Static

from tui import keymap
from tui.screens.base import BaseScreen


class TrainScreen(BaseScreen):
    """The run that is being trained."""

    WHERE = "train"
    BINDINGS = keymap.bindings(WHERE)

    def compose_body(self) -> ComposeResult:
        yield Static("train", classes="empty")

    def tick(self) -> None:
        self.query_one(".empty", Static).update(str(self.cnn.training.view()))

    def action_pause(self) -> None:
        """Pause, or go on."""
        self.cnn.training.toggle_pause()
