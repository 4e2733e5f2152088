"""A folder on the disk, with a folder of image files for each class."""

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from engine.errors import ConfigError
from engine.importing.layouts import source_of_folders
from engine.importing.opening import opener
from engine.importing.source import ImportOptions, Source, Unreadable, Watch
from engine.importing.tree import MAX_DEPTH, Folder, is_hidden, shown
from engine.storage.atomic import open_regular

_EVERY = 1000  # files between two looks at the watch


@dataclass(frozen=True, slots=True)
class DiskFile:
    """A file below the folder ``top``; a link is followed, as it may lead to an image only."""

    top: str
    path: str

    @property
    def where(self) -> str:
        return shown(self.path)

    def open(self) -> AbstractContextManager[BinaryIO]:
        return open_regular(os.path.join(self.top, self.path))


@opener("a folder with a folder of images for each class", last=True)
def open_folder(path: Path, options: ImportOptions, watch: Watch) -> Source | None:
    """Open a folder with a folder a class."""
    if not path.is_dir():
        return None
    top, unreadable = read_tree(path, watch)
    return source_of_folders(top, shown(str(path)), "folder of images", options, watch, unreadable)


def read_tree(path: Path, watch: Watch) -> tuple[Folder, list[Unreadable]]:
    """Read which files a folder has, and the folders below it.

    Returns:
        What is in it, and the folders that were not read.

    Raises:
        ConfigError: it cannot be read.
        Cancelled: the watch cancelled.
    """
    reader = _Reader(path, watch)
    return reader.read("", 0), reader.unreadable


class _Reader:
    """Reads what is in a folder and below it.

    Links to folders are not followed: they may lead round in circles, or all over the disk.

    Args:
        path: the folder.
        watch: may cancel.

    Attributes:
        unreadable: folders that were not read.
    """

    def __init__(self, path: Path, watch: Watch) -> None:
        self._path = str(path)
        self._watch = watch
        self._files = 0
        self.unreadable: list[Unreadable] = []

    def read(self, below: str, depth: int) -> Folder:
        """Read the folder at a path below the source.

        Raises:
            ConfigError: the source itself cannot be read.
            Cancelled: the watch cancelled.
        """
        folder = Folder()
        try:
            with os.scandir(os.path.join(self._path, below)) as entries:
                for entry in entries:
                    self._add(folder, entry, os.path.join(below, entry.name), depth)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            if not below:
                raise ConfigError(f"{shown(self._path)}: {reason}") from None
            self.unreadable.append(Unreadable(shown(below), reason))
        return folder

    def _add(self, folder: Folder, entry: "os.DirEntry[str]", path: str, depth: int) -> None:
        if is_hidden(entry.name):
            return
        if not _is_folder(entry):
            self._files += 1
            if self._files % _EVERY == 0:
                self._watch.check()
            folder.add(entry.name, DiskFile(self._path, path))
        elif entry.is_symlink():
            self.unreadable.append(Unreadable(shown(path), "a link to a folder is not followed"))
        elif depth >= MAX_DEPTH:
            self.unreadable.append(Unreadable(shown(path), f"more than {MAX_DEPTH} folders deep"))
        else:
            folder.folders[entry.name] = self.read(path, depth + 1)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself: opening it says so
        return False
