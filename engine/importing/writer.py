"""The writer of an imported data set: its folder appears whole or not at all."""

import ctypes
import hashlib
import json
import math
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from engine.data import ImportedDataset, describe
from engine.data.imported import MANIFEST, PARTS, FileRecord, Manifest, read_manifest
from engine.data.normalisation import statistics
from engine.errors import ConfigError, DataError
from engine.images import Preparation
from engine.storage import atomic

_STAGING = ".import-"
OLD = ".old-"
"""Begins the name of a folder that is being removed."""
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # of Linux
_STALE_SECONDS = 24 * 3600.0
_HEADER = 128
"""Bytes before the first value, as NumPy writes them for arrays of any length."""


class NpyFile:
    """A ``.npy`` file that is written in pieces, whose length is known at the end only.

    Args:
        path: the file, which must not exist.
        dtype: of its values.
        item: shape of one item.
    """

    def __init__(self, path: Path, dtype: str, item: tuple[int, ...]) -> None:
        self.path = path
        self.count = 0
        self._dtype = np.dtype(dtype)
        self._item = item
        self._file = path.open("xb+")
        self._file.write(bytes(_HEADER))

    def append(self, values: np.ndarray) -> None:
        """Append items, (n, ...)."""
        self._file.write(np.ascontiguousarray(values, self._dtype).data)
        self.count += len(values)

    def finish(self) -> FileRecord:
        """Write the header, flush the file to the disk, and close it."""
        shape = (self.count, *self._item)
        described = {"descr": self._dtype.str, "fortran_order": False, "shape": shape}
        text = repr(described).encode()
        room = _HEADER - 10 - 1
        self._file.seek(0)
        self._file.write(b"\x93NUMPY\x01\x00" + (_HEADER - 10).to_bytes(2, "little"))
        self._file.write(text.ljust(room) + b"\n")
        atomic.sync(self._file)
        self._file.seek(0)
        digest = hashlib.file_digest(self._file, "sha256").hexdigest()
        self._file.close()
        size = _HEADER + math.prod(shape) * self._dtype.itemsize
        return FileRecord(bytes=size, sha256=digest)

    def close(self) -> None:
        """Close the file as it is."""
        self._file.close()


def check_place(folder: Path, *, replace: bool) -> None:
    """Check that a data set may be put at a place, ``processed/NAME``.

    Args:
        folder: the place.
        replace: whether an imported set that is there is replaced.

    Raises:
        ConfigError: there is something that stays.
    """
    if not os.path.lexists(folder):
        return
    if not replace:
        raise ConfigError(
            f"{folder.name}: there is such a data set already in {folder.parent}; "
            "choose another --name, or add --replace"
        )
    check_imported(folder)


def check_imported(folder: Path) -> None:
    """Check that a folder is an imported data set, and may be replaced or removed.

    Raises:
        ConfigError: it is something else.
    """
    if folder.is_symlink() or not os.path.isfile(folder / MANIFEST):
        raise ConfigError(f"{folder}: not an imported data set; remove it yourself")


class DatasetWriter:
    """A data set in the making, in a folder beside its place; leaving the ``with`` removes it.

    Args:
        folder: the place, ``processed/NAME``.
        image_shape: (C, H, W) of every image.
        replace: whether an imported set of that name is replaced.

    Raises:
        ConfigError: there is something at the place.
        DataError: the folder cannot be written.
    """

    def __init__(
        self, folder: Path, image_shape: tuple[int, int, int], *, replace: bool = False
    ) -> None:
        check_place(folder, replace=replace)
        self.folder = folder
        self.image_shape = image_shape
        self._replace = replace
        try:
            atomic.make_folder(folder.parent)
            _sweep(folder.parent)
            self.staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=folder.parent))
            self._images = {p: self._part(p, "images", "u1", image_shape) for p in PARTS}
            self._labels = {p: self._part(p, "labels", "<i8", ()) for p in PARTS}
        except OSError as error:
            raise self._failed(error) from None
        channels = image_shape[0]
        self._sums = np.zeros(channels, np.int64)
        self._squares = np.zeros(channels, np.int64)

    def _part(self, part: str, what: str, dtype: str, item: tuple[int, ...]) -> NpyFile:
        return NpyFile(self.staging / f"{part}-{what}.npy", dtype, item)

    def __enter__(self) -> "DatasetWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for file in (*self._images.values(), *self._labels.values()):
            with suppress(OSError):
                file.close()
        shutil.rmtree(self.staging, ignore_errors=True)

    def add(self, part: str, images: np.ndarray, labels: np.ndarray) -> None:
        """Append samples to a part.

        Args:
            part: ``train`` or ``test``.
            images: uint8, (n, C, H, W).
            labels: int64, (n,).

        Raises:
            DataError: they cannot be written, for want of room say.
        """
        try:
            self._images[part].append(images)
            self._labels[part].append(labels)
        except OSError as error:
            raise self._failed(error) from None
        if part == "train":
            channels = [images[:, channel].ravel() for channel in range(self.image_shape[0])]
            counts = [np.bincount(values, minlength=256) for values in channels]
            levels = np.arange(256)
            self._sums += [int(count @ levels) for count in counts]
            self._squares += [int(count @ levels**2) for count in counts]

    def finish(
        self,
        *,
        title: str,
        classes: Iterable[str],
        preparation: Preparation,
        source: Mapping[str, Any],
        like: tuple[tuple[float, ...], tuple[float, ...]] | None = None,
    ) -> ImportedDataset:
        """Write the manifest and put the folder in its place.

        Args:
            title: of the set, for people.
            classes: their names, in the order of the labels.
            preparation: what an image file to be classified goes through.
            source: where it came from and how it was imported.
            like: mean and std of another set; None measures those of the training images.

        Raises:
            ConfigError: something has come to be at the place.
            DataError: it cannot be written, or is not a valid set.
        """
        names = tuple(classes)
        mean, std = like or self._statistics()
        info = ImportedDataset(
            name=self.folder.name,
            title=title,
            classes=names,
            image_shape=self.image_shape,
            train_size=self._labels["train"].count,
            test_size=self._labels["test"].count,
            mean=mean,
            std=std,
            preparation=preparation,
        )
        try:
            files = [*self._images.values(), *self._labels.values()]
            records = {file.path.name: file.finish().model_dump() for file in files}
            content = {
                "format": 1,
                "description": describe(info),
                "counts": {part: self._count(part, len(names)) for part in PARTS},
                "files": records,
                "source": dict(source),
            }
            text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
            atomic.write_atomic(self.staging / MANIFEST, text.encode())
            try:
                Manifest.model_validate(content)
            except ValueError as error:
                raise DataError(f"{info.name}: not a data set: {error}") from None
            self._put_in_place()
        except OSError as error:
            raise self._failed(error) from None
        read_manifest(self.folder)
        return info

    def _count(self, part: str, classes: int) -> list[int]:
        labels = np.load(self._labels[part].path)
        return np.bincount(labels, minlength=classes).tolist()

    def _statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and std per channel of pixels divided by 255; 1 where all pixels are the same."""
        _, height, width = self.image_shape
        pixels = self._labels["train"].count * height * width
        return statistics(self._sums, self._squares, pixels)

    def _put_in_place(self) -> None:
        atomic.sync_folder(self.staging)
        check_place(self.folder, replace=self._replace)
        os.chmod(self.staging, 0o777 & ~_umask())
        old = None
        if os.path.lexists(self.folder):
            if exchanged(self.staging, self.folder):  # the old one goes as the staging folder
                atomic.sync_folder(self.folder.parent)
                return
            old = Path(tempfile.mkdtemp(prefix=OLD, dir=self.folder.parent))
            os.rename(self.folder, old / self.folder.name)
        try:
            os.rename(self.staging, self.folder)
        except OSError:
            if old is not None:
                os.rename(old / self.folder.name, self.folder)
            raise
        finally:
            if old is not None:
                shutil.rmtree(old, ignore_errors=True)
        atomic.sync_folder(self.folder.parent)

    def _failed(self, error: OSError) -> DataError:
        reason = error.strerror or str(error)
        return DataError(
            f"{error.filename or self.folder}: cannot write: {reason}; nothing was imported"
        )


def exchanged(one: Path, other: Path) -> bool:
    """Exchange two folders at one stroke, where the system can, so that a kill loses neither.

    Returns:
        Whether they were; nothing has changed if not.
    """
    exchange = getattr(ctypes.CDLL(None), "renameat2", None) if os.name == "posix" else None
    if exchange is None:
        return False
    paths = (os.fsencode(path.absolute()) for path in (one, other))
    first, second = map(ctypes.c_char_p, paths)
    return bool(exchange(_AT_FDCWD, first, _AT_FDCWD, second, _RENAME_EXCHANGE) == 0)


def _umask() -> int:
    """The process's mask of permissions, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _sweep(folder: Path) -> None:
    """Remove what killed imports left behind."""
    for prefix in (_STAGING, OLD):
        for path in folder.glob(f"{prefix}*"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                    shutil.rmtree(path, ignore_errors=True)
