"""Locate, read, download and verify a data set by its name."""

from collections.abc import Sequence
from pathlib import Path

from engine.data.dataset import (
    Dataset,
    DatasetInfo,
    FileStatus,
    IsCancelled,
    Progress,
    default_root,
)
from engine.data.download import download as download_files
from engine.data.imported import find_imported, imported, open_imported
from engine.data.registry import DATASETS
from engine.errors import ConfigError, DataError
from engine.sanitize import printable
from engine.suggest import suggestion

LISTED = "'cnn-tui data list' lists all"
"""What to do about an unknown name: there are too many to name them."""


def names(root: Path | None = None) -> tuple[str, ...]:
    """Names of all data sets: the built-in ones, then those imported into ``root``."""
    return (*DATASETS, *(name for name in imported(root) if name not in DATASETS))


def find(name: str, root: Path | None = None) -> DatasetInfo | None:
    """Find a data set by its name, be it built in or imported; None if there is none.

    Args:
        name: the name in configs.
        root: the folder of the data sets; default ``$CNN_TUI_DATA``, else ``data/raw``.

    Raises:
        DataError: it was imported, and its manifest is damaged.
    """
    return DATASETS.get(name) or open_imported(name, root)


def get(name: str, root: Path | None = None) -> DatasetInfo:
    """Find a data set by its name, as ``find`` does.

    Raises:
        ConfigError: there is no data set of that name.
        DataError: it was imported, and its manifest is damaged.
    """
    info = find(name, root)
    if info is None:
        raise ConfigError(unknown(name, root))
    return info


def unknown(name: str, root: Path | None = None) -> str:
    """The message that there is no data set of a name, with those that may be meant."""
    return f"unknown data set '{printable(name, 80)}'; {LISTED}{meant(name, names(root))}"


def meant(name: str, known: Sequence[str]) -> str:
    """End of a message about an unknown name: those that begin so, or a similar one."""
    begun = [f"'{one}'" for one in known if len(name) > 2 and one.startswith(name.lower())]
    if 1 < len(begun) < 6:
        return f". Did you mean {', '.join(begun[:-1])} or {begun[-1]}?"
    hint = suggestion(name, known)
    return f".{hint}" if hint else ""


def locate(name: str, root: Path | None = None) -> Path | None:
    """Find the folder or archive of a data set; None where there is none, or not all of it.

    Args:
        name: the name in configs.
        root: the folder of the data sets; default ``$CNN_TUI_DATA``, else ``data/raw``.
    """
    info = DATASETS.get(name) or find_imported(name, root)
    return None if info is None else info.locate(root or default_root())


def how_to_get(name: str, root: Path | None = None) -> str:
    """Advice for a data set whose files are missing or damaged.

    Raises:
        ConfigError: there is no data set of that name.
    """
    info, root = get(name, root), root or default_root()
    return f"{info.unreadable_copy(root)}; {info.how_to_get(root)}".lstrip("; ")


def load(
    name: str,
    root: Path | None = None,
    *,
    download: bool = False,
    progress: Progress | None = None,
    cancelled: IsCancelled | None = None,
) -> Dataset:
    """Read a data set; the images of an imported one are mapped from their file.

    Args:
        name: the name in configs.
        root: the folder of the data sets; default ``$CNN_TUI_DATA``, else ``data/raw``.
        download: fetch it first if it is not there.
        progress: called with the progress of a download.
        cancelled: polled during a download; true cancels it.

    Raises:
        ConfigError: there is no data set of that name.
        DataError: it is missing, incomplete or corrupt, or cannot be downloaded.
    """
    info, root = get(name, root), root or default_root()
    places = info.places(root)
    if not places and download:
        places = [fetch(name, root, progress=progress, cancelled=cancelled)]
    if not places:
        states = info.verify(root)
        missing = [file.path.name for file in states if file.state == "missing"]
        what = (
            f"not found in {root}"
            if len(missing) == len(states)
            else (f"{', '.join(missing)} not found")
        )
        raise DataError(f"{name}: {what}{info.unreadable_copy(root)}; {info.how_to_get(root)}")
    problems: list[DataError] = []
    for place in places:
        passed_over: list[str] = []
        try:
            train, test = info.read(place, passed_over.append)
        except DataError as error:
            problems.append(error)
            continue
        passed_over = [*(f"{one}; {place} was read instead" for one in problems), *passed_over]
        return Dataset(name, train, test, info.classes, info.mean, info.std, tuple(passed_over))
    raise DataError(f"{problems[0]}; {info.how_to_get(root)}")


def fetch(
    name: str,
    root: Path | None = None,
    *,
    mirrors: Sequence[str] | None = None,
    progress: Progress | None = None,
    cancelled: IsCancelled | None = None,
) -> Path:
    """Download missing or damaged files of a data set; see ``engine.data.download.download``.

    Raises:
        ConfigError: there is no data set of that name.
        DataError: it cannot be downloaded; the message says which file to put where instead.
        Cancelled: ``cancelled`` returned true.
    """
    return download_files(
        get(name, root),
        root or default_root(),
        mirrors=mirrors,
        progress=progress,
        cancelled=cancelled,
    )


def verify(name: str, root: Path | None = None) -> list[FileStatus]:
    """Check every file of a data set.

    What was downloaded is compared with pinned checksums, unpacked files of which none is
    published by their structure.

    Raises:
        ConfigError: there is no data set of that name.
    """
    return get(name, root).verify(root or default_root())
