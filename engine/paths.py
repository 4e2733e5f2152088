"""Paths typed by users, in a dialog, an option, a config or a variable.

Text becomes a ``Path`` here and nowhere else: ``parse`` for a path to read and for a folder,
``parse_file`` for a file to write. ``kind_at`` and ``check_writable`` ask the disk. What cannot be
used is an ``EngineError`` of one line; the class, and with it the exit code, is the caller's.
"""

import os
import shlex
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from engine.errors import ConfigError, EngineError
from engine.sanitize import STAND_IN, visible

Kind = Literal["file", "folder", "other", "missing"]
"""What is at a path, links followed; ``other`` is a device, a pipe or a socket."""

_LONGEST = 200  # characters of a path in a message
_LONGEST_NAME = 255  # bytes, on every file system in use


def home() -> Path | None:
    """The user's home folder; None where neither HOME nor the system's list of users names it."""
    given = os.path.expanduser("~")
    known = os.path.isabs(given) and os.environ.get("HOME") != ""
    return Path(given) if known else None


def parse(text: str, error: type[EngineError] = ConfigError) -> Path:
    """Parse a path; ``~`` and ``~user`` are expanded. The disk is not accessed.

    Args:
        text: as it was typed.
        error: what to raise.

    Raises:
        EngineError: it is empty, has a character that no name may have, or its ``~`` names no user.
    """
    if not text.strip():
        raise error("expected a path, got nothing")
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise error(f"{_shown(text)}: a path cannot hold control characters")
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        raise error(f"{_shown(text)}: a path cannot hold these characters") from None
    if text.startswith("~"):
        user = text.split("/", 1)[0].split(os.sep, 1)[0]
        if user == "~" and home() is None:
            raise error(f"{_shown(text)}: there is no home folder; set HOME, or write the path out")
        expanded = os.path.expanduser(text)
        if expanded == text:
            who = _shown(user[1:])
            raise error(
                f"{_shown(text)}: no user {who!r}; where ~ begins a name, write ./ before it"
            )
        return Path(expanded)
    path = Path(text)
    # Path drops the "./" of "./~x", which is no home folder: written down, it stays so.
    return absolute(path, error) if str(path).startswith("~") else path


def parse_file(
    text: str, suffixes: Sequence[str] = (), error: type[EngineError] = ConfigError
) -> Path:
    """Parse the path of a file. The disk is not accessed.

    Args:
        text: as it was typed.
        suffixes: those that it may end with; the first is added to a name with none of them.
        error: what to raise.

    Raises:
        EngineError: as ``parse``; or it ends with ``/``, or in a name that only folders have.
    """
    path = parse(text, error)
    name = os.path.basename(text.rstrip())
    if name in ("", ".", "..") or (name == text.rstrip() and name.startswith("~")):
        raise error(f"{_shown(text)}: it is a folder; expected the name of a file")
    if suffixes and path.suffix not in suffixes:
        return path.with_name(path.name + suffixes[0])
    return path


def kind_at(path: Path, error: type[EngineError] = ConfigError) -> Kind:
    """Kind of file at a path.

    Raises:
        EngineError: the system does not say: a folder on the way may not be entered, the name is
            too long, links go round in a circle.
    """
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    except (OSError, ValueError) as problem:
        raise error(f"{_shown(path)}: {reason(problem)}") from None
    if stat.S_ISREG(mode):
        return "file"
    return "folder" if stat.S_ISDIR(mode) else "other"


def check_writable(path: Path, error: type[EngineError] = ConfigError) -> Kind:
    """Check that a file can be written; its folder need not exist yet.

    Returns:
        ``file`` where there is one, to be replaced, ``missing`` where there is none.

    Raises:
        EngineError: something else than a plain file is there, or its folder cannot be written to.
    """
    if any(len(os.fsencode(name)) > _LONGEST_NAME for name in path.parts):
        raise error(
            f"{_shown(path)}: a name in it is longer than {_LONGEST_NAME} bytes; take a shorter one"
        )
    kind = kind_at(path, error)
    if kind == "folder":
        raise error(f"{_shown(path)}: it is a folder; expected the name of a file")
    if kind == "other":
        raise error(f"{_shown(path)}: not a plain file, so it is not written over")
    folder = Path(_settled(os.path.realpath, path, error)).parent
    while (there := kind_at(folder, error)) == "missing" and folder.parent != folder:
        folder = folder.parent
    if there != "folder":
        raise error(f"{_shown(path)}: {_shown(folder)} is not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise error(f"{_shown(path)}: the folder {_shown(folder)} may not be written to")
    return kind


def absolute(path: Path, error: type[EngineError] = ConfigError) -> Path:
    """Make a path absolute; links stay.

    Raises:
        EngineError: it is relative, and the working folder was removed.
    """
    return Path(_settled(os.path.abspath, path, error))


def real_path(path: Path) -> Path:
    """Resolve links, to identify a file; unchanged where the system cannot say.

    A relative path has no other one once the working folder was removed.
    """
    try:
        return Path(os.path.realpath(path))
    except OSError:
        return path


def reason(problem: Exception) -> str:
    """Reason why the system refused a path, in a few words."""
    if isinstance(problem, OSError):
        return problem.strerror or str(problem)
    return "not a path"


def as_argument(path: Path) -> str:
    """Write a path so that ``parse`` reads it back as a command-line argument."""
    text = str(path)
    return f"./{text}" if text.startswith(("~", "-")) else text


def quote(text: str) -> str:
    """Quote a word for a shell, in one line of printable characters."""
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(map(_escaped, text)) + "'"


def _settled(settle: Callable[[Path], str], path: Path, error: type[EngineError]) -> str:
    try:
        return settle(path)
    except OSError:  # of os.getcwd
        raise error(
            f"{_shown(path)}: the folder that this is relative to was removed; go to another"
        ) from None


def _escaped(character: str) -> str:
    if character in ("\\", "'"):
        return f"\\{character}"
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in os.fsencode(character))


def _shown(path: str | Path) -> str:
    """Format a path for a message: one line, cut, safe for a terminal."""
    text = str(path)
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2]}…{text[-_LONGEST // 2 :]}"
    return visible(text).replace("\n", STAND_IN)
