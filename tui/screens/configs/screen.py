"""Configs: choose one, see what it means, edit it, run it. The first screen."""

import os
import shlex
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult, SuspendNotSupported
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from engine.config import ConfigProblems, line_ends, read_text
from engine.errors import ConfigError
from engine.services.starter import starter_config
from tui import keymap, text
from tui.screens.base import BaseScreen
from tui.screens.configs.config_list import ConfigList
from tui.screens.configs.copied import Copied
from tui.screens.configs.external_editor import run_on_terminal
from tui.screens.configs.overview import Overview, total_words
from tui.screens.configs.saving import Saving, free_path
from tui.screens.configs.summary import data_state
from tui.screens.configs.yaml_text import highlighted
from tui.state.document import ConfigDocument
from tui.widgets.line import Line, TextPart

if TYPE_CHECKING:
    from engine.importing import Imported

_REST = 0.4  # seconds without a change before a config is measured


class ConfigsScreen(Saving, BaseScreen):
    """List, meaning and YAML."""

    WHERE = "configs"
    BINDINGS = keymap.bindings(WHERE)
    CSS_PATH = "screen.tcss"
    HELP_TEXT: ClassVar[str] = (
        "Choose a config, see what it amounts to, and train it with r, unsaved changes included. "
        "A config that changes on disk is reloaded; if it has unsaved changes too, you are asked "
        "which version to keep. d shows the images that it trains on; i makes a data set of "
        "your own images, and a config for it."
    )

    def __init__(self) -> None:
        super().__init__()
        self._listed: int | None = None
        self._seen: object = None
        self._drawn: object = None
        self._since = time.monotonic()

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="columns"):
            yield ConfigList(self.cnn.workspace, id="list")
            with Vertical(id="detail"):
                yield Line(id="go")
                yield Overview(id="overview")
            with VerticalScroll(id="yaml-pane", classes="pane"):
                yield Static(id="yaml", markup=False)
        yield Line(id="command")

    def on_mount(self) -> None:
        self._listed = self.cnn.workspace.version
        self.query_one(ConfigList).focus()

    @property
    def document(self) -> ConfigDocument:
        """The chosen config."""
        return self.cnn.workspace.document

    @on(ConfigList.Chosen)
    def _chosen(self, event: ConfigList.Chosen) -> None:
        self.cnn.workspace.choose(event.path)
        self.refresh_tick()

    @on(ConfigList.OptionSelected)
    def _entered(self) -> None:
        self.action_into()

    # -- drawing --------------------------------------------------------------------------------

    def tick(self) -> None:
        document, speed = self.document, self.cnn.speed
        if self.cnn.workspace.version != self._listed:
            self._listed = self.cnn.workspace.version
            self.query_one(ConfigList).fill()
        seen = (id(document), document.version)
        changed = seen != self._seen
        if changed:
            self._seen, self._since = seen, time.monotonic()
            self.query_one("#yaml", Static).update(highlighted(document.text))
            self.query_one("#yaml-pane").border_title = Content("yaml")
            self.query_one(ConfigList).mark_changes()
            self.refresh_bindings()
        seconds = speed.epoch_seconds(document.config) if document.config else None
        if document.config and seconds is None and time.monotonic() - self._since > _REST:
            speed.measure(document.config)
        drawn = (seen, seconds, self.cnn.training.running, self.size)
        if drawn == self._drawn:
            return
        self._drawn = drawn
        self.query_one(Overview).show(document, seconds)
        self._show_go(seconds)
        self._show_command()

    def _show_go(self, seconds: float | None) -> None:
        document, go = self.document, self.query_one("#go", Line)
        config = document.config
        go.set_class(config is None, "-cannot")
        if config is None:
            go.show(
                (
                    TextPart("e", "bold $accent", "edit"),
                    TextPart("  correct it first", "bold", "edit"),
                )
            )
            return
        if self.cnn.training.running:
            go.show(
                (TextPart("2", "bold $accent", "app.go('train')"), TextPart("  watch the training"))
            )
            return
        data = data_state(config)
        about = total_words(config, seconds)
        ready = "no download" if data.here else "fetches the data first"
        words = ", ".join(part for part in (about, ready) if part)
        go.show(
            (
                TextPart("r", "bold $accent", "run"),
                TextPart(f"  train {text.line(document.name, 24)} now", "bold $success", "run"),
                TextPart(f"   {words}", "$foreground", "run"),
            )
        )

    def _show_command(self) -> None:
        command, line = self.document.command(), self.query_one("#command", Line)
        room = max(self.size.width - 16, 10)
        if command is None:
            broken = self.document.config is None
            why = "while the config has errors" if broken else "before it is saved"
            line.show((TextPart(" $ ", "$muted"), TextPart(f"no shell command {why}", "$muted")))
            return
        line.show(
            (
                TextPart(" $ ", "$muted"),
                TextPart(text.line(command, room), "$foreground", "copy_command"),
            ),
            (
                TextPart("y", "bold $accent", "copy_command"),
                TextPart(" copies ", "$muted", "copy_command"),
            ),
        )

    # -- actions --------------------------------------------------------------------------------

    def refuse(self, action: str) -> str | None:
        document = self.document
        if action in ("run", "seeds"):
            if self.cnn.training.running:
                return "a training is running; 2 shows it"
            if document.config is None:
                return "it has errors; e edits it"
        if action in ("data", "sweep") and document.config is None:
            return "it has errors; e edits it"
        if action in ("save", "revert") and not document.dirty:
            return "there is nothing to save" if action == "save" else "nothing was changed"
        if action == "copy_command" and document.command() is None:
            return "there is no command for it yet; save it first"
        return None

    def key_label(self, key: keymap.Key) -> str:
        if key.action == "preview" and self.has_class("-yaml"):
            return "meaning"
        return key.label

    def action_run(self) -> None:
        """Train it."""
        self.cnn.run_document()

    def action_sweep(self) -> None:
        """Train it with many values of some keys, after a question for them."""
        self.cnn.sweep_document()

    def action_seeds(self) -> None:
        """Train it with several seeds, after a question for their number."""
        self.cnn.seeds.ask()

    def action_copy_command(self) -> None:
        """Copy the headless command."""
        if not self.cnn.config_watch.look() or (command := self.document.command()) is None:
            return
        self.app.copy_to_clipboard(command)  # a request: no terminal says what it did with it
        self.app.push_screen(Copied([shlex.quote(word) for word in shlex.split(command)]))

    def action_edit(self) -> None:
        """Form and YAML."""
        from tui.screens.configs.edit_screen import EditScreen

        self.app.push_screen(EditScreen(self.document))

    def action_data(self) -> None:
        """Images and classes."""
        from tui.screens.configs.data.screen import DataScreen

        assert self.document.config is not None
        self.app.push_screen(DataScreen(self.document.config))

    def action_import_images(self) -> None:
        """Make a data set of one's own images, and a config for it."""
        from tui.screens.configs.data.import_dialog import ImportImages

        self.app.push_screen(ImportImages(), self._imported)

    def _imported(self, made: "Imported | None") -> None:
        """Choose a new config for an imported data set."""
        if made is None:
            return
        from tui.screens.configs.data.import_dialog import warnings

        info, app = made.info, self.cnn
        document = ConfigDocument(None, starter_config(info))
        path = free_path(info.name)
        try:
            document.save(path)
        except ConfigError as error:
            app.show_message(str(error), f"{info.name} is imported", severity="error")
            return
        app.workspace.saved_as(document)
        app.workspace.choose(path)
        app.show_message(
            f"{info.name}: {info.train_size:,} images to train on, {info.test_size:,} to test "
            f"with, {len(info.classes):,} classes; saved {path}",
            "r trains it, d shows the data, e changes the network",
        )
        for warning in warnings(made):
            app.show_message(warning, severity="warning")
        self.saved()

    def action_undo(self) -> None:
        """Undo."""
        if not self.document.undo():
            self.cnn.show_message("there is nothing to undo", timeout=2)
        self.refresh_tick()

    def action_redo(self) -> None:
        """Redo."""
        if not self.document.redo():
            self.cnn.show_message("there is nothing to redo", timeout=2)
        self.refresh_tick()

    def action_revert(self) -> None:
        """Discard unsaved changes."""
        if self.document.has_file:
            self.document.revert()
        else:
            self.cnn.workspace.forget(self.document)
        self.refresh_tick()

    def action_preview(self) -> None:
        """Meaning or YAML."""
        self.toggle_class("-yaml")
        self.refresh_bindings()

    def action_into(self) -> None:
        """Into the preview."""
        pane = self.query_one("#yaml-pane")
        (pane if pane.display and self.has_class("-narrow") else self.query_one(Overview)).focus()

    def action_back(self) -> None:
        """To the list."""
        self.query_one(ConfigList).focus()

    def saved(self) -> None:
        """The list may have a new line."""
        self._seen = self._drawn = None
        self.refresh_tick()

    def on_screen_resume(self) -> None:
        self.refresh_bindings()

    def action_editor(self) -> None:
        """Edit in the editor that the environment names."""
        command = (os.environ.get("VISUAL") or os.environ.get("EDITOR") or "").strip()
        if not command:
            self.cnn.show_message("$EDITOR is not set", "e edits here", severity="warning")
            return
        if not self.cnn.config_watch.look():
            return
        document = self.document
        try:
            changed = self._edited_outside(shlex.split(command), document.text)
        except SuspendNotSupported:
            self.cnn.show_message("this terminal cannot start an editor", "e edits here")
            return
        except (OSError, ValueError, ConfigProblems) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            problem = text.line(f"{command}: {reason or error}".splitlines()[0], 200)
            self.cnn.show_message(problem, "nothing was changed; e edits here", severity="error")
            return
        document.type(line_ends.plain(changed))
        self.refresh_tick()

    def _edited_outside(self, command: list[str], content: str) -> str:
        with tempfile.TemporaryDirectory(prefix="cnn-tui-") as folder:
            path = Path(folder, f"{self.document.name}.yaml")
            path.write_text(content, encoding="utf-8", newline="")
            run_on_terminal(self.cnn, [*command, str(path)])
            return read_text(path)
