"""Catalog of the config files to choose from."""

import os
from collections.abc import Iterable
from pathlib import Path

from engine.paths import real_path
from engine.resources import shipped


def list_configs(extra_dirs: Iterable[Path] = ()) -> list[Path]:
    """List the config files: shipped ones, then ``./configs``, then more folders.

    Args:
        extra_dirs: more folders to look into; one that cannot be read is passed over.

    Returns:
        Paths, folder by folder in order of their names, every file once.
    """
    found: dict[Path, Path] = {}
    for folder in (shipped("configs"), Path("configs"), *extra_dirs):
        for path in (folder / name for name in _names_in(folder)):
            if path.suffix in (".yaml", ".yml") and os.path.isfile(path):
                found.setdefault(real_path(path), path)
    return list(found.values())


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError:
        return []
