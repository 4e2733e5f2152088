"""Imported data sets: a folder each under ``data/processed``, described by a manifest.

``engine.importing`` writes them. The images are mapped from their file, so that a set may be larger
than the memory.
"""

import hashlib
import json
import os
import re
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Annotated, Any, cast

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from engine.data.dataset import (
    DatasetInfo,
    FileStatus,
    Split,
    Warn,
    default_root,
    ignore_warning,
)
from engine.data.mapped import ImageFile, read_values
from engine.data.safe_read import check_labels
from engine.errors import DataError
from engine.images import AS_IT_IS, Preparation
from engine.storage import atomic
from engine.storage.untrusted_json import Facts, check_type

NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
"""A data set's name; a folder is called so."""

MANIFEST = "manifest.json"
PARTS = ("train", "test")
MAX_CLASSES = 10_000
MAX_SIDE = 1024
"""Of an image, in pixels."""
MAX_SAMPLES = 100_000_000
_MAX_MANIFEST_BYTES = 16 << 20
_RAW, _PROCESSED = "raw", "processed"

Name = Annotated[str, Field(pattern=f"^{NAME_PATTERN}$")]
ClassName = Annotated[str, Field(min_length=1, max_length=200)]
FileName = Annotated[str, Field(pattern=r"^[a-z]{1,20}-[a-z]{1,20}\.npy$")]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Spread = Annotated[float, Field(ge=1e-6, le=1.0)]
Side = Annotated[int, Field(ge=1, le=MAX_SIDE)]
Size = Annotated[int, Field(ge=1, le=MAX_SAMPLES)]


class Description(BaseModel):
    """Description of a data set: in its manifest, in ``run.json``, and in saved weights.

    It is all that a network needs to be built and to be asked about an image, so that both can be
    done where the data set itself is not.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    name: Name
    title: Annotated[str, Field(max_length=200)]
    classes: Annotated[tuple[ClassName, ...], Field(strict=False, max_length=MAX_CLASSES)]
    image_shape: Annotated[tuple[int, Side, Side], Field(strict=False)]
    train: Size
    test: Size
    mean: Annotated[tuple[Share, ...], Field(strict=False)]
    std: Annotated[tuple[Spread, ...], Field(strict=False)]
    preparation: Preparation = AS_IT_IS

    @model_validator(mode="after")
    def _fits(self) -> "Description":
        channels = self.image_shape[0]
        if channels not in (1, 3):
            raise ValueError(f"image_shape: expected 1 or 3 channels, got {channels}")
        if not len(self.mean) == len(self.std) == channels:
            raise ValueError(f"mean, std: expected {channels} values each, one a channel")
        if len(self.classes) < 2 or len(set(self.classes)) < len(self.classes):
            raise ValueError("classes: expected two or more, each of another name")
        return self


class FileRecord(BaseModel):
    """Size and SHA-256 of a file of an imported set."""

    model_config = ConfigDict(strict=True, frozen=True)

    bytes: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """Content of ``manifest.json``.

    Attributes:
        format: of the manifest.
        description: of the data set.
        counts: images a class, of each part.
        files: of the folder, by name.
        source: where it came from and how it was imported; for people, nothing reads it.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    format: Annotated[int, Field(ge=1, le=1)] = 1
    description: Description
    counts: dict[str, Annotated[tuple[int, ...], Field(strict=False)]]
    files: dict[FileName, FileRecord]
    source: Facts = {}


def describe(info: DatasetInfo) -> dict[str, Any]:
    """Describe a data set as JSON; ``described`` reads it."""
    return {
        "name": info.name,
        "title": info.title,
        "classes": list(info.classes),
        "image_shape": list(info.image_shape),
        "train": info.train_size,
        "test": info.test_size,
        "mean": list(info.mean),
        "std": list(info.std),
        "preparation": info.preparation.model_dump(),
    }


def described(value: Any, where: str = "data_set") -> "ImportedDataset":
    """The data set of a description from an untrusted file.

    Args:
        value: what ``describe`` wrote.
        where: its name in messages.

    Raises:
        ValueError: it is something else; the message is one line.
    """
    return ImportedDataset.of(check_type(Description, value, where))


def processed_folder(root: Path | None = None) -> Path:
    """Folder of the imported data sets.

    It is ``processed`` beside a root that is called ``raw``, as in ``data/raw``, and inside any
    other root.

    Args:
        root: the folder of the data sets; default ``$CNN_TUI_DATA``, else ``data/raw``.
    """
    root = root or default_root()
    return (root.parent if root.name == _RAW else root) / _PROCESSED


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of an imported set.

    Raises:
        DataError: it is missing or damaged.
    """
    path = folder / MANIFEST
    try:
        content = json.loads(atomic.read_limited(path, _MAX_MANIFEST_BYTES))
        manifest: Manifest = check_type(Manifest, content, "")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: {error}") from None
    if manifest.description.name != folder.name:
        raise DataError(
            f"{path}: it describes {manifest.description.name}; name its folder so again"
        )
    return manifest


def imported(root: Path | None = None) -> "dict[str, ImportedDataset]":
    """The imported data sets of a folder that can be read, by name."""
    found = {}
    try:
        names = sorted(os.listdir(processed_folder(root)))
    except OSError:
        return {}
    for name in names:
        info = find_imported(name, root)
        if info is not None:
            found[name] = info
    return found


def find_imported(name: str, root: Path | None = None) -> "ImportedDataset | None":
    """An imported data set by its name; None if there is none, or it cannot be read."""
    try:
        return open_imported(name, root)
    except DataError:
        return None


def open_imported(name: str, root: Path | None = None) -> "ImportedDataset | None":
    """An imported data set by its name; None if there is none.

    Raises:
        DataError: its manifest is damaged.
    """
    folder = processed_folder(root) / name
    if not re.fullmatch(NAME_PATTERN, name) or not os.path.isfile(folder / MANIFEST):
        return None
    return ImportedDataset.of(read_manifest(folder).description)


@dataclass(frozen=True, kw_only=True)
class ImportedDataset(DatasetInfo):
    """A data set that was imported here, or described elsewhere."""

    @classmethod
    def of(cls, description: Description) -> "ImportedDataset":
        """The data set of a description."""
        return cls(
            name=description.name,
            title=description.title,
            classes=description.classes,
            image_shape=description.image_shape,
            train_size=description.train,
            test_size=description.test,
            mean=description.mean,
            std=description.std,
            preparation=description.preparation,
        )

    def folder(self, root: Path) -> Path:
        return processed_folder(root) / self.name

    def places(self, root: Path) -> list[Path]:
        folder = self.folder(root)
        return [folder] if os.path.isfile(folder / MANIFEST) else []

    def read(self, place: Path, warn: Warn = ignore_warning) -> tuple[Split, Split]:
        description = read_manifest(place).description
        if (description.image_shape, description.classes) != (self.image_shape, self.classes):
            raise DataError(f"{place}: it was imported again, with other classes or another size")
        train, test = (
            self._read_part(place, part, size)
            for part, size in zip(PARTS, (description.train, description.test), strict=True)
        )
        return train, test

    def _read_part(self, place: Path, part: str, size: int) -> Split:
        path = place / f"{part}-labels.npy"
        labels = read_values(path, np.dtype("<i8"), (size,))
        try:
            check_labels(labels, len(self.classes))
        except ValueError as error:
            raise DataError(f"{path}: {error}") from None
        file = ImageFile(place / f"{part}-images.npy", (size, *self.image_shape))
        return Split(file.mapped, labels.astype(np.int64, copy=False), file)

    def verify(self, root: Path) -> list[FileStatus]:
        folder = self.folder(root)
        try:
            files = read_manifest(folder).files
        except DataError as error:
            return [FileStatus(folder / MANIFEST, "corrupt", str(error))]
        return [_status(folder / name, record) for name, record in files.items()]

    def check(self, path: Path) -> None:
        record = read_manifest(path.parent).files.get(path.name)
        status = None if record is None else _status(path, record)
        if status is not None and status.state != "ok":
            raise DataError(f"{path}: {status.reason or status.state}")

    def how_to_get(self, root: Path) -> str:
        return (
            f"import it again with 'cnn-tui data import SOURCE --name {self.name}', or name the "
            "folder of the data sets with data.root or $CNN_TUI_DATA (it is looked for in "
            f"{self.folder(root)})"
        )


def _status(path: Path, record: FileRecord) -> FileStatus:
    try:
        size = path.stat().st_size
        if size != record.bytes:
            reason = f"it has {size:,} bytes, expected {record.bytes:,}"
            return FileStatus(path, "corrupt", reason)
        with cast(BufferedReader, atomic.open_regular(path)) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return FileStatus(path, "missing")
    except OSError as error:
        return FileStatus(path, "corrupt", error.strerror or str(error))
    if digest != record.sha256:
        reason = f"it has SHA-256 {digest[:12]}…, expected {record.sha256[:12]}…"
        return FileStatus(path, "corrupt", reason)
    return FileStatus(path, "ok")
