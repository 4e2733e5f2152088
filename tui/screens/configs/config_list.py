"""The configs to choose from."""

from pathlib import Path

from textual.binding import Binding
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from engine.config import Config, ConfigProblems, load
from engine.paths import real_path
from tui import text
from tui.screens.configs.summary import data_state
from tui.state.workspace import Workspace


class ConfigList(OptionList):
    """A line for each config: name, unsaved changes, and whether its data is here."""

    HELP_TEXT = (
        "The configs that ship with cnn-tui and those in ./configs. ✓: its data is here; "
        "↓: it is downloaded first; ✗: it has errors; ●: unsaved changes."
    )
    BINDINGS = [
        Binding("j", "cursor_down", show=False),
        Binding("k", "cursor_up", show=False),
        Binding("g", "first", show=False),
        Binding("G", "last", show=False),
    ]

    class Chosen(Message):
        """Another config is highlighted."""

        def __init__(self, path: Path) -> None:
            super().__init__()
            self.path = path

    def __init__(self, workspace: Workspace, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="pane", compact=False)
        self._workspace = workspace
        self._paths: list[Path] = []
        self._states: dict[Path, str] = {}  # of the files; what is open may differ from them
        self.border_title = "configs"

    def on_mount(self) -> None:
        self.fill()

    def fill(self) -> None:
        """Read which files there are."""
        self._paths = list(self._workspace.paths)
        self._states = {path: _state(path) for path in self._paths}
        self.clear_options()
        self.add_options(
            [Option(self._line(path), id=str(i)) for i, path in enumerate(self._paths)]
        )
        chosen = self._workspace.document.path
        for i, path in enumerate(self._paths):
            if chosen is not None and real_path(path) == real_path(chosen):
                self.highlighted = i

    def on_resize(self) -> None:
        self.scroll_to_highlight()

    def watch_show_vertical_scrollbar(self) -> None:
        self.mark_changes()

    def mark_changes(self) -> None:
        """Redraw the marks of the open configs."""
        # While the list is filled anew it is empty for a moment, and a scrollbar comes or goes.
        for i, path in enumerate(self._paths[: self.option_count]):
            self.replace_option_prompt_at_index(i, self._line(path))

    def _line(self, path: Path) -> Content:
        document = self._workspace.opened_document(path)
        dirty = document is not None and document.dirty
        symbol = self._states[path] if document is None else _symbol(document.config)
        styles = {"✓": "$success", "↓": "$muted", "✗": "$error"}
        width = 16 - self.show_vertical_scrollbar  # a line that is too long would be two
        return Content.assemble(
            ("● " if dirty else "  ", "$accent"),
            (f"{text.line(path.stem, width):{width}} ", ""),
            (symbol, styles.get(symbol, "")),
        )

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self.post_message(self.Chosen(self._paths[event.option_index]))


def _state(path: Path) -> str:
    try:
        return _symbol(load(path))
    except ConfigProblems:
        return _symbol(None)


def _symbol(config: Config | None) -> str:
    if config is None:
        return "✗"
    return "✓" if data_state(config).here else "↓"
