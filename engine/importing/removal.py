"""Removal of imported data sets."""

import os
import shutil
import tempfile
from pathlib import Path

from engine.data import DATASETS, processed_folder, unknown
from engine.errors import ConfigError, DataError
from engine.importing.writer import OLD, check_imported
from engine.paths import reason


def find_to_remove(name: str, root: Path | None = None) -> Path:
    """The folder of an imported data set, be it readable or damaged.

    Raises:
        ConfigError: there is none of that name, or it is none of ours.
    """
    if name in DATASETS:
        raise ConfigError(f"{name}: it comes with cnn-tui; only imported data sets are removed")
    parent = processed_folder(root)
    folder = parent / name
    try:
        found = name in os.listdir(parent)
    except OSError:
        found = False
    if not found:
        raise ConfigError(unknown(name, root))
    check_imported(folder)
    return folder


def remove(name: str, root: Path | None = None) -> Path:
    """Remove an imported data set; runs that were trained on it stay.

    Returns:
        The folder that is gone.

    Raises:
        ConfigError: as ``find_to_remove``.
        DataError: it cannot be removed; it is all there.
    """
    folder = find_to_remove(name, root)
    try:
        # Its name is free at once, and whatever a kill leaves behind is swept away later.
        old = Path(tempfile.mkdtemp(prefix=OLD, dir=folder.parent))
        os.rename(folder, old / name)
    except OSError as error:
        raise DataError(f"{folder}: cannot be removed: {reason(error)}") from None
    shutil.rmtree(old, ignore_errors=True)
    return folder
