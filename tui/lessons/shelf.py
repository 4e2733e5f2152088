"""All lessons there are: those that ship with the project, then those of the working folder."""

import os
from pathlib import Path

from engine import paths
from engine.errors import ConfigError
from engine.resources import shipped
from engine.suggest import suggestion

FOLDER = Path("lessons")
"""Where everyone can add lessons."""
_PAGE = "README"  # about writing lessons; none itself


def list_lessons() -> list[Path]:
    """The files of the lessons, in the order of their names.

    A lesson of the working folder takes the place of one that ships, where both have one name.
    """
    found: dict[str, Path] = {}
    for folder in (shipped("docs", "lessons"), FOLDER):
        try:
            names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
        except OSError:
            continue
        for path in (folder / name for name in names):
            if path.suffix == ".md" and path.stem != _PAGE and os.path.isfile(path):
                found[path.stem] = path
    return list(found.values())


def find(argument: str) -> Path:
    """The file of a lesson, given as a path, its name, or the number that its name begins with.

    Raises:
        ConfigError: there is no such lesson.
    """
    path = paths.parse(argument)
    if paths.kind_at(path) == "file":
        return path
    listed = list_lessons()
    for one in listed:
        if argument in (one.stem, one.name, one.stem.partition("-")[0]):
            return one
    names = [one.stem for one in listed]
    raise ConfigError(
        f"{path}: no such lesson.{suggestion(argument, names)} 'cnn-tui lessons' lists all lessons"
    )
