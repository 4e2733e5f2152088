"""Keeps open configs in step with their files on disk."""

import time
from typing import TYPE_CHECKING

from tui.screens.base import BaseScreen
from tui.state.document import ConfigDocument

if TYPE_CHECKING:
    from tui.app import CnnApp

_PAUSE = 1.0
"""Seconds between two looks at the files."""


class ConfigWatch:
    """Checks the files of the configs, once a second and before one of them is used.

    Args:
        app: whose configs they are.
    """

    def __init__(self, app: "CnnApp") -> None:
        self._app = app
        self._looked = time.monotonic()

    def refresh_tick(self) -> None:
        """Check, if it is time to; not while a question is open."""
        due = time.monotonic() - self._looked >= _PAUSE
        shown = self._app.screen_stack[-1:]  # none while a slow start has not come so far
        if due and shown and isinstance(shown[0], BaseScreen):
            self.look()

    def look(self) -> bool:
        """Check all files, show what has changed, and ask where both sides changed.

        Returns:
            False where something was asked: what was about to be done has to wait.
        """
        self._looked = time.monotonic()
        news = self._app.workspace.look()
        by_kind: dict[str, list[ConfigDocument]] = {}
        for document, what in news:
            by_kind.setdefault(what, []).append(document)
        for what, message, step in (
            ("reloaded", "changed on disk: reloaded", ""),
            ("removed", "removed on disk", "w on screen 1 saves it again; D discards it"),
            ("unreadable", "can no longer be read from disk", "W on screen 1 saves it elsewhere"),
        ):
            if documents := by_kind.get(what):
                names = ", ".join(document.name for document in documents)
                severity = "warning" if step else "information"
                self._app.show_message(f"{names}: {message}", step, severity=severity)  # type: ignore[arg-type]
        changed = by_kind.get("changed", [])
        for document in changed:
            self._ask(document)
        return not changed

    def _ask(self, document: ConfigDocument) -> None:
        self._app.confirm(
            f"{document.name} was changed here and on disk. Which version?",
            "Undo restores yours. If you keep yours, saving replaces the file on disk.",
            yes="use the file",
            no="keep mine",
            final=True,
            then=document.revert,
        )
