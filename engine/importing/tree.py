"""Folders and files of a source, on the disk or in an archive, without their content."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from engine.images.reading import SUFFIXES
from engine.sanitize import printable

MAX_DEPTH = 32
"""Of folders in folders; what lies deeper is left out."""

_NUMBER = re.compile(r"(\d+)")
_OF_THE_SYSTEM = "__MACOSX"


class ImageFile(Protocol):
    """A file of a source."""

    @property
    def where(self) -> str:
        """Its place in the source, in printable characters."""
        ...

    def open(self) -> AbstractContextManager[BinaryIO]:
        """Open it; the file can be sought in.

        Raises:
            DataError: it cannot be read; the message does not name it.
            OSError: likewise.
        """
        ...


@dataclass
class Folder:
    """A folder of a source.

    Attributes:
        folders: in it, by name.
        images: image files in it, by name.
        others: number of other files in it.
    """

    folders: "dict[str, Folder]" = field(default_factory=dict)
    images: dict[str, ImageFile] = field(default_factory=dict)
    others: int = 0

    def add(self, name: str, file: ImageFile) -> None:
        """Add a file, unless it is none of the user's."""
        if is_hidden(name):
            return
        if name.lower().endswith(SUFFIXES):
            self.images[name] = file
        else:
            self.others += 1

    def images_below(self) -> Iterator[ImageFile]:
        """Images in it and in the folders below it, in natural order."""
        for name in sorted(self.images, key=natural):
            yield self.images[name]
        for name in sorted(self.folders, key=natural):
            yield from self.folders[name].images_below()

    def others_below(self) -> int:
        """Number of other files in it and in the folders below it."""
        return self.others + sum(folder.others_below() for folder in self.folders.values())


def natural(name: str) -> tuple[object, ...]:
    """The key to sort names by, so that numbers in them count: ``2.png`` before ``10.png``."""
    parts: list[object] = list(_NUMBER.split(name.casefold()))
    for i in range(1, len(parts), 2):  # every other one is a number, of any length
        digits = str(parts[i]).lstrip("0")
        parts[i] = len(digits), digits
    return tuple(parts), name


def is_hidden(name: str) -> bool:
    """Whether a file or folder is none of the user's: ``.DS_Store``, ``__MACOSX``."""
    return name.startswith(".") or name == _OF_THE_SYSTEM


def shown(path: str) -> str:
    """A path in a source as messages have it: in one line, in printable characters."""
    return printable(path, 200)
