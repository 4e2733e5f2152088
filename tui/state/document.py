"""An open config: its text, values and errors, with undo and redo."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from engine import paths
from engine.config import (
    Advice,
    Config,
    ConfigProblems,
    Problem,
    advise,
    inline,
    line_ends,
    loads,
    read_values,
    remove_value,
    set_value,
)
from engine.errors import ConfigError
from engine.paths import real_path
from engine.services.configs import resolve
from engine.storage import atomic
from tui.state.disk_file import DiskFile

_TYPING = "typing"
_PAUSE = 1.0  # seconds; what is typed without such a pause is undone in one go
_UNDOS = 200

News = Literal["reloaded", "changed", "removed", "unreadable"]
"""What became of a file: taken over; changed in another way than here; not there any more."""

DEFAULT = object()
"""In place of a value: the key is taken out, so that its default counts."""


class ConfigDocument:
    """A config's text with its meaning; form and YAML are two views of it.

    Attributes:
        path: its file; None if it never had one.
        text: as it is now.
        config: what it means; None while something is wrong.
        problems: what is wrong, in the order of the file.
        advice: likely mistakes; empty while something is wrong.
        values: what the text says, unchecked.
        readable: whether it is YAML with keys; ``values`` are empty where it is not.
        version: grows with every change.
        followers: called after every change; it is the one text there is, so that none of its
            views may show, let alone write back, an older one.

    The text has plain line ends; in the file they stay as they are (``line_ends``).
    """

    def __init__(self, path: Path | None, text: str) -> None:
        self.path = path
        self.text = text
        self._saved: str | None = text  # None: what is on disk is nothing, or nothing readable
        self._file = None if path is None else DiskFile(path)
        self.version = 0
        self.followers: list[Callable[[], None]] = []
        self._before: list[str] = []
        self._after: list[str] = []
        self._last_change, self._changed_at = "", 0.0
        self._understand()

    @classmethod
    def open(cls, path: Path) -> "ConfigDocument":
        """Read a file; one that cannot be read is an empty document with that problem."""
        document = cls(path, "")
        file = document._file
        assert file is not None
        if file.raw is not None:
            document.text = document._saved = line_ends.plain(file.raw)
            document._understand()
        else:
            document.config, document.problems = None, file.problems
            document.readable = False
        return document

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.stem if self.path is not None else "untitled"

    @property
    def dirty(self) -> bool:
        """Whether it differs from what is on disk."""
        return self.text != self._saved

    @property
    def has_file(self) -> bool:
        """Whether there is anything on disk to go back to."""
        return self._saved is not None

    # -- changes --------------------------------------------------------------------------------

    def type(self, text: str) -> None:
        """Take over a text that was typed."""
        self._become(text, _TYPING)

    def set(self, path: str, value: Any) -> None:
        """Give a key another value (or ``DEFAULT``); comments and all else stay.

        Raises:
            ConfigError: the text cannot be read, or is laid out so that it has to be done by hand.
        """
        self.set_all({path: value})

    def set_all(self, changes: Mapping[str, Any], edit: str = "") -> None:
        """Give several keys other values, as one change; all of them or none.

        Args:
            changes: the values by path, or ``DEFAULT``.
            edit: a name of what is being edited: until ``end_edit`` its changes are one for undo.

        Raises:
            ConfigError: as ``set``.
        """
        text = self.text
        for path, value in changes.items():
            remove = value is DEFAULT
            text = remove_value(text, path) if remove else set_value(text, path, value)
        self._become(text, edit or " ".join(changes))

    def end_edit(self) -> None:
        """The next change is another one for undo."""
        self._last_change = ""

    def override(self, overrides: Sequence[str]) -> None:
        """Apply ``--set KEY=VALUE`` changes, unsaved.

        Raises:
            ConfigError: one of them is wrong.
        """
        if not overrides:
            return
        loads(self.text, str(self.path or "config.yaml"), overrides)
        changes = {}
        for override in overrides:
            key, _, value = override.partition("=")
            changes[key.strip()] = read_values(f"value: {value}")["value"]
        self.set_all(changes)

    def undo(self) -> bool:
        """Undo the last change; False if there is none."""
        return self._travel(self._before, self._after)

    def redo(self) -> bool:
        """Redo the last undone change; False if there is none."""
        return self._travel(self._after, self._before)

    def revert(self) -> None:
        """Go back to the text on disk; this can be undone."""
        if self._saved is not None:
            self._become(self._saved, "revert")

    def save(self, path: Path | None = None) -> None:
        """Write it, to its own file or to another one, which is its own from then on.

        Raises:
            ConfigError: it could not be written, or another program has written to its own file
                since it was read; what was there is untouched.
        """
        target = path or self.path
        assert target is not None
        if self._file is not None and real_path(target) == real_path(self._file.path):
            there = DiskFile(target)
            if there.raw != self._file.raw or (there.raw is None and there.is_there):
                raise ConfigError(f"{target}: not saved: the file has changed on disk")
        try:
            atomic.make_folder(paths.absolute(target).parent)
            atomic.write_atomic(target, self._raw.encode("utf-8"), follow_symlinks=True)
        except OSError as error:
            raise ConfigError(f"{target}: not saved: {error.strerror or error}") from error
        self.path, self._saved, self._file = target, self.text, DiskFile(target)
        self._understand()

    @property
    def _raw(self) -> str:
        """The text with the line ends of its file."""
        raw = None if self._file is None else self._file.raw
        return self.text if raw is None else line_ends.restored(self.text, raw)

    def look(self) -> News | None:
        """Check whether its file has changed; reload it if nothing was changed here."""
        if self._file is None or not self._file.look():
            return None
        raw, changed_here = self._file.raw, self.dirty
        self._saved = None if raw is None else line_ends.plain(raw)
        if self._saved is not None and self._saved != self.text and not changed_here:
            self._become(self._saved, "reload")
            return "reloaded"
        self._understand()
        if self._saved is None:
            return "unreadable" if self._file.is_there else "removed"
        return "changed" if self.dirty else None

    def check_again(self) -> None:
        """Check it anew, because the data sets have changed that it may name."""
        self._understand()

    def _become(self, text: str, what: str) -> None:
        """Take another text; changes of the same thing are one for undo."""
        if text == self.text:
            return
        now = time.monotonic()
        paused = what == _TYPING and now - self._changed_at >= _PAUSE
        if what != self._last_change or paused:
            self._before.append(self.text)
            del self._before[:-_UNDOS]
        elif text == self._before[-1]:  # taken back by hand: there is nothing to undo
            self._before.pop()
            what = ""
        self._after.clear()
        self._last_change, self._changed_at = what, now
        self.text = text
        self._understand()

    def _travel(self, source: list[str], target: list[str]) -> bool:
        if not source:
            return False
        target.append(self.text)
        self.text = source.pop()
        self._last_change = ""
        self._understand()
        return True

    def _understand(self) -> None:
        self.version += 1
        self.problems: list[Problem] = []
        self.advice: list[Advice] = []
        self.config: Config | None = None
        try:
            self.config = loads(
                self._raw.removeprefix(line_ends.MARK), str(self.path or "config.yaml")
            )
            self.advice = advise(self.config)
        except ConfigProblems as error:
            self.problems = error.problems
        try:
            values = read_values(self.text)
        except ConfigProblems:
            values = None
        self.values: dict[str, Any] = values if isinstance(values, dict) else {}
        self.readable = isinstance(values, dict)
        for follow in self.followers:
            follow()

    # -- what it is on the command line ---------------------------------------------------------

    @property
    def argument(self) -> str:
        """The file as an argument of the command line: a name where that is enough.

        Raises:
            ConfigError: the file has a name that ``paths.parse`` refuses.
        """
        assert self.path is not None
        path = real_path(self.path)
        paths.parse(str(path))
        name = paths.as_argument(Path(path.stem))
        with suppress(ConfigError):  # no config of that name
            if real_path(resolve(name)) == path and not os.path.lexists(name):
                return name
        folder = real_path(Path())
        return paths.as_argument(path.relative_to(folder) if path.is_relative_to(folder) else path)

    def command(self) -> str | None:
        """The headless command that trains the same; None where there is none.

        Unsaved changes become ``--set``.
        """
        if self.path is None or self.config is None or self._saved is None:
            return None
        try:
            words = ["cnn-tui", "--no-ui", "--config", self.argument]
        except ConfigError:  # a name that may not be typed
            return None
        overrides: list[str] = []
        if self.dirty:
            try:
                before, after = _flat(loads(self._saved, str(self.path))), _flat(self.config)
                changed = [key for key, value in after.items() if value != before.get(key)]
                overrides = [f"{key}={inline(after[key])}" for key in changed]
                if loads(self._saved, str(self.path), overrides) != self.config:
                    return None  # a list became shorter, say
            except ConfigProblems:
                return None
        words += [word for override in overrides for word in ("--set", override)]
        return " ".join(map(paths.quote, words))


def _flat(config: Config) -> dict[str, Any]:
    """The values by dotted path; a list, and a section that may be null, is one value."""
    found: dict[str, Any] = {}

    def walk(section: Any, values: dict[str, Any], prefix: str) -> None:
        for key, value in values.items():
            nullable = type(None) in getattr(
                type(section).model_fields[key].annotation, "__args__", ()
            )
            if isinstance(value, dict) and not nullable:
                walk(getattr(section, key), value, f"{prefix}{key}.")
            else:
                found[prefix + key] = value

    walk(config, config.model_dump(mode="json"), "")
    return found
