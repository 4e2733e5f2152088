"""Asking for the path of a file, to write or to read."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine import paths
from engine.errors import ConfigError
from tui.screens.dialogs import AskPath

if TYPE_CHECKING:
    from tui.app import CnnApp


def replaced_file(path: Path) -> list[Path]:
    """The file itself, if it is there already.

    Raises:
        ConfigError: it cannot be written.
    """
    return [path] if paths.check_writable(path) == "file" else []


def existing_file(answer: str, expected: str) -> Path:
    """The path of a file that was typed, to read it.

    Args:
        answer: what was typed.
        expected: what it should be: ``an image file``.

    Raises:
        ConfigError: there is none.
    """
    path = paths.parse(answer)
    kind = paths.kind_at(path)
    if kind == "missing":
        raise ConfigError(f"{path}: no such file")
    if kind != "file":
        what = "it is a folder" if kind == "folder" else "not a plain file"
        raise ConfigError(f"{path}: {what}; expected {expected}")
    return path


def ask_file(
    app: "CnnApp",
    title: str,
    detail: str = "",
    *,
    value: str,
    suffixes: Sequence[str] = (),
    replaced: Callable[[Path], Sequence[Path]] = replaced_file,
    then: Callable[[Path], object],
) -> None:
    """Ask where to write, and again before a file is replaced.

    Args:
        app: the app.
        title, detail: what it is for.
        value: a suggestion.
        suffixes: see ``paths.parse_file``.
        replaced: the files that writing would replace; raises an ``EngineError`` where it cannot.
        then: writes it.
    """
    there: Sequence[Path] = ()

    def check(answer: str) -> Path:
        nonlocal there
        path = paths.parse_file(answer, suffixes)
        there = replaced(path)
        return path

    def answered(path: Path | None) -> None:
        if path is None:
            return
        if not there:
            then(path)
            return
        names = " and ".join(map(str, there))
        verb = "is" if len(there) == 1 else "are"
        app.confirm(
            f"{names} {verb} there already. Replace {'it' if len(there) == 1 else 'them'}?",
            yes="replace",
            no="keep",
            then=lambda: then(path),
        )

    app.push_screen(AskPath(title, detail, value=value, check=check), answered)
