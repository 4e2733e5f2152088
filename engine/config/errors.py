"""What is wrong with a config: where, what was expected, and the error that carries it all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engine.errors import ConfigError
from engine.sanitize import printable

KeyPath = tuple[str | int, ...]

SHOWN = 50  # lines; a file of nonsense would fill the terminal otherwise
LONGEST = 60  # characters of a value that are shown
SHOWN_ITEMS = 4  # of a list


def dotted(path: Iterable[str | int]) -> str:
    """A path as it is shown and typed: ``callbacks.0.early_stopping.patience``."""
    return ".".join(printable(str(part), 40) or "''" for part in path)


def shown(value: object) -> str:
    """A value as a message shows it, in the words of YAML."""
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


def value_at(data: object, path: KeyPath) -> object:
    """The value at a path in dicts and lists, None if there is none."""
    for part in path:
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return None
    return data


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and where.

    Attributes:
        line: counted from 1; None if it is about the whole file or an override.
        column: counted from 1, in characters; None with ``line``.
        path: the key, dotted; empty if the problem is about the whole file.
        message: what was expected and what was got.
        source: the file's name, or the override as it was given.
    """

    line: int | None
    column: int | None
    path: str
    message: str
    source: str

    def __str__(self) -> str:
        """``file:line:column: key.path: message``."""
        place = self.source if self.line is None else f"{self.source}:{self.line}:{self.column}"
        return ": ".join(part for part in (place, self.path, self.message) if part)


class ConfigProblems(ConfigError):
    """A config that cannot be used, with everything that is wrong with it.

    Attributes:
        problems: all of them, in the order of the file.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        lines = [str(problem) for problem in self.problems[:SHOWN]]
        count = len(self.problems)
        if count > SHOWN:
            lines.append(f"... and {count - SHOWN} more")
        lines.append(f"{count} problem{'s' if count > 1 else ''}, nothing was run.")
        super().__init__("\n".join(lines))


class Mark(NamedTuple):
    """A place, in the order in which problems are listed: the file first, then the overrides."""

    order: int
    line: int
    column: int


class Found(NamedTuple):
    """A problem before it is put into words for the user."""

    path: KeyPath
    message: str
    mark: Mark


def collect(found: Iterable[Found], sources: Sequence[str]) -> ConfigProblems:
    """The error that carries problems, in the order of their marks.

    Args:
        found: at least one.
        sources: the file's name, then the overrides; a mark's ``order`` counts in it.
    """
    return ConfigProblems(
        [
            Problem(
                line=mark.line or None,
                column=mark.column or None,
                path=dotted(path),
                message="".join(character for character in message if character.isprintable()),
                source=sources[mark.order],
            )
            for path, message, mark in sorted(found, key=lambda problem: problem.mark)
        ]
    )
