"""Problems of a config: the place, what was expected, and the error that lists them all."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from engine.errors import ConfigError
from engine.sanitize import printable

KeyPath = tuple[str | int, ...]

SHOWN = 50  # lines; a file of nonsense would fill the terminal otherwise
LONGEST = 60  # characters of a value that are shown
SHOWN_ITEMS = 4  # of a list


def dotted(path: Iterable[str | int]) -> str:
    """Join a path as it is shown and typed: ``callbacks.0.early_stopping.patience``."""
    return ".".join(printable(str(part), 40) or "''" for part in path)


def shown(value: object) -> str:
    """Format a value for a message, in the words of YAML."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            hidden = "" if value.isprintable() else " (with invisible characters)"
            return f"'{printable(value)}'{hidden}"
        case dict():
            return "a mapping" if value else "an empty mapping"
        case list():
            items = [
                "[...]" if isinstance(item, list) else shown(item) for item in value[:SHOWN_ITEMS]
            ]
            return f"[{', '.join(items)}{', ...' if len(value) > SHOWN_ITEMS else ''}]"
    return printable(str(value))


def parse_path(key: str) -> KeyPath:
    """Split ``callbacks.0.mode`` into ``("callbacks", 0, "mode")``; empty if malformed."""
    parts = key.strip().split(".")
    if not all(parts):
        return ()
    return tuple(int(part) if re.fullmatch("[0-9]{1,9}", part) else part for part in parts)


def value_at(data: object, path: KeyPath | str) -> Any:
    """Look up a path, as a tuple or dotted, in dicts and lists; None if nothing is there."""
    for part in parse_path(path) if isinstance(path, str) else path:
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return None
    return data


class Mark(NamedTuple):
    """A place in a file or an override, ordered as problems are listed.

    Attributes:
        order: 0 for the file, then the overrides.
        line: counted from 1; 0 for the whole file or an override.
        column: counted from 1, in characters; 0 with ``line``.
        source: the file's name, or the override as it was given.
    """

    order: int
    line: int
    column: int
    source: str


class Finding(NamedTuple):
    """A key or a value that cannot be used, before its place in the text is looked up.

    Attributes:
        path: of the key or the value.
        message: what was expected and what was got.
        at_key: whether the key is wrong, rather than its value.
        meant: the path that a misspelt key was meant to be.
    """

    path: KeyPath
    message: str
    at_key: bool = False
    meant: KeyPath | None = None


@dataclass(frozen=True)
class Problem:
    """A problem of a config with its place.

    Attributes:
        keys: the path of the key; empty if the problem is about the whole file.
        message: what was expected and what was got.
        mark: the place.
    """

    keys: KeyPath
    message: str
    mark: Mark

    @property
    def line(self) -> int | None:
        """Line, counted from 1; None if it is about the whole file or an override."""
        return self.mark.line or None

    @property
    def column(self) -> int | None:
        """Column, counted from 1, in characters; None with ``line``."""
        return self.mark.column or None

    @property
    def path(self) -> str:
        """Path of the key, dotted, as it is shown and typed."""
        return dotted(self.keys)

    @property
    def source(self) -> str:
        """The file's name, or the override as it was given."""
        return self.mark.source

    def __str__(self) -> str:
        """``file:line:column: key.path: message``."""
        place = self.source if self.line is None else f"{self.source}:{self.line}:{self.column}"
        return ": ".join(part for part in (place, self.path, self.message) if part)


class ConfigProblems(ConfigError):
    """A config has problems; the message lists all of them.

    Args:
        problems: at least one, in any order.

    Attributes:
        problems: all of them, the file's in the order of its lines, then those of the overrides;
            the messages are safe to show.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = [
            replace(problem, message=printable(problem.message, None))
            for problem in sorted(problems, key=lambda problem: problem.mark)
        ]
        lines = [str(problem) for problem in self.problems[:SHOWN]]
        count = len(self.problems)
        if count > SHOWN:
            lines.append(f"... and {count - SHOWN} more")
        lines.append(f"{count} problem{'s' if count > 1 else ''}, nothing was run.")
        super().__init__("\n".join(lines))
