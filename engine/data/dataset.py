"""Data sets: images and labels, and the description of the files on disk."""

import hashlib
import os
import shlex
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from engine import paths
from engine.data.mapped import ImageFile
from engine.errors import ConfigError, DataError, ShapeError
from engine.images import AS_IT_IS, Preparation

_ROOT_VARIABLE = "CNN_TUI_DATA"
_DIGEST_BYTES = 8 << 20

Progress = Callable[[str, int, int], None]
"""Called with a file's name, the bytes that are done, and the bytes in all."""

IsCancelled = Callable[[], bool]
"""Polled during long work; true cancels it."""

Warn = Callable[[str], None]
"""Called with a line that names a damaged file and the one that was read instead."""


def ignore_warning(text: str) -> None:
    """Do nothing."""


PICKLED = "made of pickles, which can run code, and is not read"
OTHER_FORMAT = "in another format, which is not read"


@dataclass(frozen=True, eq=False)
class Split:
    """Images and labels of one split.

    Attributes:
        images: uint8, (N, C, H, W), C-contiguous; in memory, or mapped from a file.
        labels: int64, (N,).
        file: where the images are read from, if they are not in memory.
    """

    images: np.ndarray
    labels: np.ndarray
    file: ImageFile | None = None

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.dtype != np.uint8 or images.ndim != 4 or not images.flags.c_contiguous:
            raise ShapeError(
                f"images: got {images.dtype} {images.shape}; expected contiguous uint8 (N, C, H, W)"
            )
        if labels.dtype != np.int64 or labels.shape != images.shape[:1]:
            raise ShapeError(
                f"labels: got {labels.dtype} {labels.shape}; expected int64 ({len(images)},)"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Some of the images, in memory.

        Args:
            indices: which, int64, (n,).

        Returns:
            uint8, (n, C, H, W).

        Raises:
            DataError: their file cannot be read any more.
        """
        return self.images.take(indices, axis=0) if self.file is None else self.file.read(indices)

    def digest(self, count: int | None = None) -> str:
        """SHA-256 of the first ``count`` samples, or of all; 0.03 seconds for MNIST.

        It is of the values in memory, not kept by size and time of a file: a file that was
        exchanged may have the old ones.
        """
        images, labels = self.images[:count], self.labels[:count]
        digest = hashlib.sha256(f"{images.shape}\n".encode())
        rows = max(1, _DIGEST_BYTES // max(1, images[:1].nbytes))
        for first in range(0, len(images), rows):
            digest.update(self.take(np.arange(first, min(first + rows, len(images)))).data)
        digest.update(labels.astype("<i8").data)
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set in memory.

    Attributes:
        name: its name in the registry.
        train: what to train on (validation samples are taken from here).
        test: what to measure on.
        classes: the names of the classes, in the order of their labels.
        mean: per channel, of pixels divided by 255.
        std: per channel, of pixels divided by 255.
        passed_over: damaged files beside those that were read, a line each.
    """

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    passed_over: tuple[str, ...] = ()

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Shape (C, H, W) of one image."""
        channels, height, width = self.train.images.shape[1:]
        return channels, height, width


@dataclass(frozen=True)
class FileStatus:
    """State of one file; ``reason`` says what is wrong with it."""

    path: Path
    state: Literal["ok", "missing", "corrupt"]
    reason: str = ""


@dataclass(frozen=True)
class Download:
    """A file as its publisher offers it.

    Attributes:
        name: its name, on the mirrors and on disk.
        size: its bytes, or no fewer where they are not published; a mirror that sends more is cut
            off.
        sha256: of those bytes, or None where it is not published, or the decompressed content is
            pinned instead.
        md5: of those bytes, where nothing better is published: it guards against damage, not
            against malice.
    """

    name: str
    size: int
    sha256: str | None = None
    md5: str | None = None

    def check(self, path: Path) -> bool:
        """Check a file by the checksum of its bytes.

        Returns:
            False if there is none to check it by.

        Raises:
            DataError: it is another file, or cannot be read.
        """
        expected = self.sha256 or self.md5
        if expected is None:
            return False
        kind, title = ("sha256", "SHA-256") if self.sha256 else ("md5", "MD5")
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, kind).hexdigest()
        except OSError as exc:
            raise DataError(f"{path}: {exc.strerror}") from exc
        if digest != expected:
            raise DataError(f"{path}: it has {title} {digest[:12]}…, expected {expected[:12]}…")
        return True


@dataclass(frozen=True, kw_only=True)
class DatasetInfo(ABC):
    """Description of a data set, and the reader of its files.

    Attributes:
        name: the name in configs.
        title: the name in the field.
        classes: the names of the classes, in the order of their labels.
        image_shape: (C, H, W).
        train_size: number of training samples.
        test_size: number of test samples.
        mean: per channel, of pixels divided by 255, over the training samples.
        std: per channel, of pixels divided by 255, over the training samples.
        preparation: what an image file to be classified goes through.
        downloads: the files as published; none for a set that ships with the project.
        mirrors: addresses of folders that hold the downloads, best first.
        unreadable: copies in formats that are not read: a pattern below the root, and
            why not.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    image_shape: tuple[int, int, int]
    train_size: int
    test_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    preparation: Preparation = AS_IT_IS
    downloads: tuple[Download, ...] = ()
    mirrors: tuple[str, ...] = ()
    unreadable: tuple[tuple[str, str], ...] = ()

    @abstractmethod
    def places(self, root: Path) -> list[Path]:
        """List the folders and archives with all files of the set, best first."""

    def locate(self, root: Path) -> Path | None:
        """First of the places, or None."""
        return next(iter(self.places(root)), None)

    @abstractmethod
    def read(self, place: Path, warn: Warn = ignore_warning) -> tuple[Split, Split]:
        """Read the training and the test split from one of the places.

        Raises:
            DataError: a file is missing or is not what it should be.
        """

    @abstractmethod
    def verify(self, root: Path) -> list[FileStatus]:
        """Check every file of the set."""

    @abstractmethod
    def folder(self, root: Path) -> Path:
        """Folder that downloads are written to."""

    @abstractmethod
    def check(self, path: Path) -> None:
        """Check one downloaded file.

        Raises:
            DataError: it is missing or is not what its publisher offers.
        """

    def how_to_get(self, root: Path) -> str:
        """Advice for a missing set, as the end of an error message."""
        if not self.downloads:
            return "it ships with cnn-tui: install cnn-tui again"
        command = f"cnn-tui data fetch {self.name}"
        if root != default_root():
            command += f" --root {shlex.quote(str(root))}"
        mark = '"' if "'" in command else "'"
        names = ", ".join(file.name for file in self.downloads)
        return f"run {mark}{command}{mark}, or put {names} into {self.folder(root)}"

    def unreadable_copy(self, root: Path) -> str:
        """Mention of a copy in a format that is not read, as part of a message; or empty."""
        for pattern, why in self.unreadable:
            with suppress(OSError):
                for path in sorted(root.glob(pattern)):
                    return f" ({path} is {why})"
        return ""


def file_status(info: DatasetInfo, path: Path) -> FileStatus:
    """Check a file with ``info.check``."""
    if not os.path.isfile(path):
        return FileStatus(path, "missing")
    try:
        info.check(path)
    except DataError as exc:
        return FileStatus(path, "corrupt", str(exc).removeprefix(f"{path}: "))
    return FileStatus(path, "ok")


def default_root() -> Path:
    """Folder of the data sets: ``$CNN_TUI_DATA``, else ``data/raw`` in the working folder.

    Raises:
        DataError: the variable is no path.
    """
    given = os.environ.get(_ROOT_VARIABLE)
    if not given:
        return Path("data", "raw")
    try:
        return paths.parse(given)
    except ConfigError as error:
        raise DataError(f"{_ROOT_VARIABLE}: {error}") from None
