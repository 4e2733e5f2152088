"""Configs: choose, understand and edit."""

from textual.app import ComposeResult
from textual.widgets import Static

from tui import keymap
from tui.screens.base import BaseScreen


class ConfigsScreen(BaseScreen):
    """The first screen."""

    WHERE = "configs"
    BINDINGS = keymap.bindings(WHERE)

    def compose_body(self) -> ComposeResult:
        yield Static("configs", classes="empty")

    def action_run(self) -> None:
        """Train the config."""
        self.cnn.run_document()
