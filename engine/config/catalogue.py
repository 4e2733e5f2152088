"""Which configs there are to choose from."""

from collections.abc import Iterable
from pathlib import Path

from engine.resources import shipped


def list_configs(extra_dirs: Iterable[Path] = ()) -> list[Path]:
    """The config files that ship with the project, those in ``./configs``, and those elsewhere.

    Args:
        extra_dirs: more folders to look into; one that is not there is passed over.

    Returns:
        Paths, folder by folder in order of their names, every file once.
    """
    found: dict[Path, Path] = {}
    for folder in (shipped("configs"), Path("configs"), *extra_dirs):
        for path in sorted(folder.glob("*.y*ml")):
            if path.suffix in (".yaml", ".yml") and path.is_file() and path.name[0] != ".":
                found.setdefault(path.resolve(), path)
    return list(found.values())
