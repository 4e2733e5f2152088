"""The dialog that makes a data set of one's own images."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from engine import paths
from engine.data import names
from engine.errors import Cancelled, ConfigError, EngineError
from engine.images import Preparation, parse_size
from engine.importing import Imported, ImportOptions, import_data_set
from engine.importing.removal import find_to_remove
from tui import text
from tui.jobs import Job
from tui.text import plain
from tui.widgets.run_bar import meter
from tui.widgets.text_field import TextField

_FIELDS = {
    "source": ("images", "folder of class folders; zip, CSV or npz"),
    "name": ("name", "of the data set"),
    "size": ("size", "as they are; or e.g. 32 or 32x48"),
    "channels": ("channels", "as they are; 1: grey, 3: colour"),
    "ink": ("drawings", "yes if they are drawings or handwriting"),
    "test": ("test", "share of each class kept for testing"),
}
"""Labels, and hints that fit into a terminal of 60 columns."""

_BAR = 24
_ENDING = re.compile(r"\.(zip|tgz|tbz2?|txz|tar(\.\w+)?|npz|csv|tsv)$", re.IGNORECASE)
_PROPOSED = re.compile(r"--size (\d+(?:x\d+)?)$")


class ImportImages(ModalScreen[Imported | None]):
    """A few fields, and the import that they start; its result, or None for esc.

    Args:
        source: a suggestion for the folder.
    """

    BINDINGS = [
        Binding("escape", "cancel", "cancel"),
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
    ]
    CSS = """
    ImportImages .dialog { overflow-y: auto; max-height: 100%; }
    ImportImages #fields { width: auto; max-width: 100%; height: auto; margin-top: 1; }
    ImportImages .field { width: 66; max-width: 100%; height: 1; }
    ImportImages .field Static { width: 10; color: $muted; }
    ImportImages .field Input { width: 1fr; margin: 0; }
    ImportImages #progress { width: auto; margin-top: 1; display: none; }
    ImportImages.-running #progress { display: block; }
    ImportImages.-running .problem { display: none; }
    ImportImages.-very-low #fields, ImportImages.-very-low .buttons { margin-top: 0; }
    """

    def __init__(self, source: str = "") -> None:
        super().__init__()
        self._source = source
        self._job: Job | None = None
        self._stop = False
        self._suggested = ""
        self._known: tuple[str, ...] = ()

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Import images as a data set", classes="question")
            with Vertical(id="fields"):
                for name, (label, hint) in _FIELDS.items():
                    with Horizontal(classes="field"):
                        yield Static(label)
                        value = {"source": self._source, "test": "0.2"}.get(name, "")
                        yield TextField(value, placeholder=hint, id=name, compact=True)
            yield Static(classes="problem", markup=False)
            yield Static(id="progress", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("enter  import", variant="primary", id="ok", compact=True)
                yield Button("esc  cancel", id="cancel", compact=True)

    def on_mount(self) -> None:
        self._say("")
        try:
            self._known = names()
        except EngineError as error:
            self._say(str(error))
        self.query_one("#source", Input).focus()
        self.set_interval(0.25, self._show_progress)

    # -- the fields -----------------------------------------------------------------------------

    def _value(self, name: str) -> str:
        return self.query_one(f"#{name}", Input).value.strip()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        self._say("")
        name = self.query_one("#name", Input)
        if event.input.id == "source" and name.value == self._suggested:
            self._suggested = name.value = suggested_name(event.value, self._known)

    def _options(self) -> tuple[Path, ImportOptions]:
        """What was typed.

        Raises:
            ConfigError: it cannot be.
        """
        if not self._value("source"):
            raise ConfigError("images: type the path of a folder, or paste it")
        source = paths.parse(self._value("source"))
        name = self._value("name")
        _check_free(name)
        return source, ImportOptions(
            name=name,
            size=_size(self._value("size")),
            channels=_channels(self._value("channels")),
            preparation=Preparation(ink=_is_yes(self._value("ink"))),
            test=_share(self._value("test")),
            unreadable="skip",  # what was skipped is said in the end
        )

    # -- the import -----------------------------------------------------------------------------

    @on(Input.Submitted)
    def _submitted(self) -> None:
        if self._job is not None:
            return
        try:
            source, options = self._options()
        except EngineError as error:
            self._say(str(error))
            return
        self._stop = False

        def work(job: Job) -> Imported:
            return import_data_set(
                source,
                options,
                progress=job.report,
                cancelled=lambda: job.cancelled or self._stop,
            )

        self._job = self.app.start_job(  # type: ignore[attr-defined]
            work, on_done=self.dismiss, on_error=self._failed, name="import"
        )
        self.add_class("-running")
        self._show_progress()

    def _failed(self, error: Exception) -> None:
        self._job = None
        self.remove_class("-running")
        if isinstance(error, Cancelled):
            self._say("cancelled; nothing was imported")
        elif isinstance(error, EngineError):
            self._propose_size(str(error))
        else:
            self._say(f"{type(error).__name__}: {error}")

    def _propose_size(self, problem: str) -> None:
        """Show what is wrong; where a size is proposed, fill it in."""
        found = _PROPOSED.search(problem)
        size = self.query_one("#size", Input)
        if found and not size.value:
            with self.prevent(Input.Changed):
                size.value = found[1]
            problem += ", which was filled in: enter imports"
            size.focus()
        self._say(problem.replace(" --", " ").removeprefix("--"))

    def _show_progress(self) -> None:
        if (job := self._job) is None:
            return
        label = "stopping" if self._stop else job.label or "looking for images"
        after = f"  {job.done:,} of {job.total:,}" if job.total else ""
        share = job.done / job.total if job.total else 0.0
        words = Content.assemble(
            f"{text.line(label, 24)}  ", *meter(share, _BAR), (after, "$muted")
        )
        self.query_one("#progress", Static).update(words)

    def _say(self, problem: str) -> None:
        below = self.query_one(".problem", Static)
        below.update(plain(text.line(problem, 300)))
        below.display = bool(problem)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "ok":
            self._submitted()
        else:
            self.action_cancel()

    def action_cancel(self) -> None:
        """Stop the import; without one, close."""
        if self._job is None:
            self.dismiss(None)
        self._stop = True


def warnings(made: Imported) -> list[str]:
    """What is likely to be a mistake in the images, a line each."""
    found = []
    if made.unreadable.count:
        one = made.unreadable.first[0]
        found.append(
            f"left out {made.unreadable.count:,} that cannot be read: {one.where}: {one.reason}"
        )
    return [*found, *made.warnings()]


def suggested_name(source: str, known: Collection[str]) -> str:
    """A name for the data set of a folder or archive, that none of the known ones has."""
    stem = _ENDING.sub("", re.split(r"[/\\]", source.strip().rstrip("/\\"))[-1])
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:60]
    free = (f"{name}-{number}" for number in range(2, 1000))
    return next((one for one in free if one not in known), "") if name in known else name


def _check_free(name: str) -> None:
    """Check that no imported data set, be it damaged, has a name.

    Raises:
        ConfigError: there is one; it says what one can do here, where nothing is replaced.
    """
    try:
        find_to_remove(name)
    except ConfigError:
        return
    raise ConfigError(
        f"name: there is a data set {name} already; choose another name, or remove it with "
        f"'cnn-tui data remove {name}' in a shell"
    )


def _size(typed: str) -> tuple[int, int] | None:
    if not typed:
        return None
    try:
        return parse_size(typed)
    except ValueError as error:
        raise ConfigError(f"size: {error}") from None


def _channels(typed: str) -> Literal[1, 3] | None:
    if typed not in ("", "1", "3"):
        raise ConfigError(f"channels: expected 1 or 3, got {typed!r}")
    return None if not typed else (1 if typed == "1" else 3)


def _is_yes(typed: str) -> bool:
    if typed.lower() not in ("", "n", "no", "y", "yes"):
        raise ConfigError(f"drawings: expected yes or no, got {typed!r}")
    return typed.lower().startswith("y")


def _share(typed: str) -> float:
    try:
        return float(typed)
    except ValueError:
        raise ConfigError(f"test: expected a share such as 0.2, got {typed!r}") from None
