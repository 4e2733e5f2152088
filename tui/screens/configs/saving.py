"""Saving a config, from the list or the editor."""

import os
from pathlib import Path

from textual.screen import Screen

from engine import paths
from engine.errors import ConfigError
from engine.sanitize import printable
from engine.services.configs import is_read_only
from tui.screens.ask_file import ask_file, replaced_file
from tui.state.document import ConfigDocument


class Saving(Screen[None]):
    """``action_save`` and ``action_save_as`` for a screen with a ``document`` and ``cnn``."""

    @property
    def document(self) -> ConfigDocument:
        """The config to save."""
        raise NotImplementedError

    def saved(self) -> None:
        """Called after it was."""

    def action_save(self) -> None:
        """Save."""
        if not self.cnn.config_watch.look():  # type: ignore[attr-defined]
            return
        path = self.document.path
        if path is None or is_read_only(path):
            self.action_save_as()
        else:
            self._save(path)

    def action_save_as(self) -> None:
        """Save under another name."""
        own = self.document.path

        def replaced(path: Path) -> list[Path]:
            there = replaced_file(path)
            is_own = own is not None and paths.real_path(path) == paths.real_path(own)
            return [] if is_own else there

        ask_file(
            self.cnn,  # type: ignore[attr-defined]
            "Save as",
            "Configs in ./configs are listed here.",
            value=paths.as_argument(self._suggestion()),
            suffixes=(".yaml", ".yml"),
            replaced=replaced,
            then=self._save,
        )

    def _suggestion(self) -> Path:
        name = printable(self.document.name, None) or "config"
        return free_path(name, first=2)

    def _save(self, path: Path) -> None:
        if self.document.config is not None:
            self._write(path)
            return
        self.cnn.confirm(  # type: ignore[attr-defined]
            f"{self.document.name} has errors. Save it anyway?",
            f"{path} cannot be run until they are corrected.",
            yes="save",
            no="not yet",
            final=os.path.lexists(path),
            then=lambda: self._write(path),
        )

    def _write(self, path: Path) -> None:
        app = self.cnn  # type: ignore[attr-defined]
        try:
            self.document.save(path)
        except ConfigError as error:
            app.show_message(str(error), "save it under another name", severity="error")
            return
        app.workspace.saved_as(self.document)
        app.show_message(f"saved {path}", timeout=3)
        self.saved()


def free_path(name: str, first: int = 1) -> Path:
    """A file in ``configs`` that is not there yet: ``NAME.yaml``, ``NAME-2.yaml`` and so on."""
    for number in range(first, 1000):
        path = Path("configs", f"{name}-{number}.yaml" if number > 1 else f"{name}.yaml")
        if not os.path.lexists(path):
            break
    return path
