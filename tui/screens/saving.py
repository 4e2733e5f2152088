"""Saving a config: what the list and the editor have in common."""

from pathlib import Path

from textual.screen import Screen

from engine.errors import ConfigError
from tui.document import Document
from tui.screens.dialogs import AskText
from tui.workspace import is_read_only


class Saving(Screen[None]):
    """``action_save`` and ``action_save_as`` for a screen with a ``document`` and ``cnn``."""

    @property
    def document(self) -> Document:
        """What is saved."""
        raise NotImplementedError

    def saved(self) -> None:
        """Called after it was."""

    def action_save(self) -> None:
        """Save."""
        path = self.document.path
        if path is None or is_read_only(path):
            self.action_save_as()
        else:
            self._save(path)

    def action_save_as(self) -> None:
        """Save under another name."""
        document = self.document

        def named(answer: str | None) -> None:
            if answer is None or not answer.strip():
                return
            path = Path(answer.strip()).expanduser()
            if path.suffix not in (".yaml", ".yml"):
                path = path.with_name(path.name + ".yaml")
            own = document.path is not None and path.resolve() == document.path.resolve()
            if path.exists() and not own:
                self.cnn.ask(  # type: ignore[attr-defined]
                    f"{path} is there already. Replace it?",
                    yes="replace",
                    no="keep it",
                    then=lambda: self._save(path),
                )
            else:
                self._save(path)

        detail = "Configs in ./configs are listed here."
        suggested = self._suggestion()
        self.app.push_screen(AskText("Save as", detail, value=str(suggested)), named)

    def _suggestion(self) -> Path:
        for number in range(2, 1000):
            path = Path("configs", f"{self.document.name}-{number}.yaml")
            if not path.exists():
                break
        return path

    def _save(self, path: Path) -> None:
        if self.document.config is not None:
            self._write(path)
            return
        self.cnn.ask(  # type: ignore[attr-defined]
            f"{self.document.name} has errors. Save it all the same?",
            f"{path} could not be run until they are corrected.",
            yes="save",
            no="not yet",
            final=path.exists(),
            then=lambda: self._write(path),
        )

    def _write(self, path: Path) -> None:
        app = self.cnn  # type: ignore[attr-defined]
        try:
            self.document.save(path)
        except ConfigError as error:
            app.tell(str(error), "save it under another name", severity="error")
            return
        app.workspace.saved_as(self.document)
        app.tell(f"saved {path}", timeout=3)
        self.saved()
