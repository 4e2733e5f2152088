"""Exporting a network: format, path, and a message about what was written."""

from functools import partial
from pathlib import Path

from engine import paths
from engine.export import EXPORTERS
from engine.services.export import to_replace, write_network
from tui import text
from tui.jobs import Job
from tui.screens.ask_file import ask_file
from tui.screens.base import BaseScreen
from tui.screens.dialogs import Choose
from tui.state.selection import Selection


class ExportActions(BaseScreen):
    """A screen that can export; ``said`` is its last message, with a style."""

    said: tuple[str, str] = ("", "")

    def export(self, selection: Selection) -> None:
        """Ask for a format and a path; then write."""
        options = [(name, name, exporter.about) for name, exporter in EXPORTERS.items()]
        self.app.push_screen(Choose("Which format?", options), partial(self._ask_path, selection))

    def _ask_path(self, selection: Selection, file_format: str | None) -> None:
        if file_format is None:
            return
        ask_file(
            self.cnn,
            f"Export as {file_format}",
            f"{selection.name}, {selection.what}; where to?",
            value=paths.as_argument(
                Path(f"{selection.config.name}.{EXPORTERS[file_format].suffix}")
            ),
            replaced=partial(to_replace, file_format),
            then=partial(self._write, selection, file_format),
        )

    def _write(self, selection: Selection, file_format: str, path: Path) -> None:
        weights = selection.weights
        assert weights is not None

        def work(job: Job) -> list[Path]:
            return write_network(selection.config, weights, file_format, path)

        self.said = (f"writing {path} ...", "$muted")
        self.cnn.start_job(work, on_done=self._exported, on_error=self._not_exported, name="export")

    def _exported(self, files: list[Path]) -> None:
        sizes = ", ".join(f"{path.name} {text.size(path.stat().st_size)}" for path in files)
        words = f"wrote {sizes} to {files[0].absolute().parent}"
        self.said = (f"✓ {words}", "$success")
        self.cnn.show_message(words, timeout=6)

    def _not_exported(self, error: Exception) -> None:
        self.said = (f"✗ {error}", "$error")
        self.cnn.show_message(str(error), "x exports to another path", severity="error")
