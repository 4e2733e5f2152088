"""Screens that are still to come."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.widgets import Static

from tui.screens.base import BaseScreen


class _Stub(BaseScreen):
    NOTE: ClassVar[str] = ""

    def compose_body(self) -> ComposeResult:
        yield Static(self.NOTE, classes="empty", markup=False)


class InspectScreen(_Stub):
    WHERE = "inspect"
    NOTE = "Inspect is not here yet."


class GradientsScreen(_Stub):
    WHERE = "gradients"
    NOTE = "Not here yet. Headless: cnn-tui gradcheck"


class RunsScreen(_Stub):
    WHERE = "runs"
    NOTE = "Not here yet. Headless: cnn-tui runs list"


class EvaluateScreen(_Stub):
    WHERE = "evaluate"
    NOTE = "Not here yet. Headless: cnn-tui evaluate"
