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
from engine.data.registry import DATASETS
from engine.errors import ConfigError, DataError
from engine.suggest import suggestion


def _info(name: str) -> DatasetInfo:
    if name in DATASETS:
        return DATASETS[name]
    hint = suggestion(name, DATASETS)
    raise ConfigError(f"unknown data set '{name}', expected one of {', '.join(DATASETS)}.{hint}")


def locate(name: str, root: Path | None = None) -> Path | None:
    """Find the folder or archive of a data set; None where it is not complete.

    Args:
        name: a key of ``DATASETS``.
        root: the folder of the data sets; default ``$CNN_TUI_DATA``, else ``data/raw``.

    Raises:
        ConfigError: there is no data set of that name.
    """
    return _info(name).locate(root or default_root())


def how_to_get(name: str, root: Path | None = None) -> str:
    """Advice for a data set whose files are missing or damaged.

    Raises:
        ConfigError: there is no data set of that name.
    """
    info, root = _info(name), root or default_root()
    return f"{info.unreadable_copy(root)}; {info.how_to_get(root)}".lstrip("; ")


def load(
    name: str,
    root: Path | None = None,
    *,
    download: bool = False,
    progress: Progress | None = None,
    cancelled: IsCancelled | None = None,
) -> Dataset:
    """Read a data set into memory.

    Args:
        name: a key of ``DATASETS``.
        root: the folder of the data sets; default ``$CNN_TUI_DATA``, else ``data/raw``.
        download: fetch it first if it is not there.
        progress: called with the progress of a download.
        cancelled: polled during a download; true cancels it.

    Raises:
        ConfigError: there is no data set of that name.
        DataError: it is missing, incomplete or corrupt, or cannot be downloaded.
    """
    info, root = _info(name), root or default_root()
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
        _info(name),
        root or default_root(),
        mirrors=mirrors,
        progress=progress,
        cancelled=cancelled,
    )


def verify(name: str, root: Path | None = None) -> list[FileStatus]:
    """Check every file of a data set.

    Files in MNIST's format and CIFAR-10's archive are compared with pinned SHA-256 checksums,
    CIFAR-10's unpacked files by size and labels.

    Raises:
        ConfigError: there is no data set of that name.
    """
    return _info(name).verify(root or default_root())
