"""CIFAR-10 and CIFAR-100 in their binary version, and other sets in the same form."""

import os
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from engine.data.cifar import read_members
from engine.errors import ConfigError, DataError
from engine.importing.formats import labels as labels_of
from engine.importing.formats.pixels import ArrayPart, shape_asked_for
from engine.importing.opening import opener
from engine.importing.source import ImportOptions, Part, Source, Watch

_SHAPE = (3, 32, 32)
_PIXELS = 3 * 32 * 32
_LIMIT = 2 << 30
"""Bytes of all files together; they are read into the memory."""

_BATCHES = tuple(f"data_batch_{i}.bin" for i in range(1, 101))


class _Kind(NamedTuple):
    """A kind of files.

    Attributes:
        title: in words.
        train: files that are trained on, of which the first must be there.
        test: the file that is tested on.
        labels: what the labels of a record are called, a byte each; the last are usual.
        names: files with the names of the classes, by label.
    """

    title: str
    train: tuple[str, ...]
    test: str
    labels: tuple[str, ...]
    names: Mapping[str, str]


_KINDS = (
    _Kind(
        "CIFAR-10",
        _BATCHES,
        "test_batch.bin",
        ("label",),
        {"label": "batches.meta.txt"},
    ),
    _Kind(
        "CIFAR-100",
        ("train.bin",),
        "test.bin",
        ("coarse", "fine"),
        {"coarse": "coarse_label_names.txt", "fine": "fine_label_names.txt"},
    ),
)


@opener("a folder or archive of CIFAR's binary files")
def open_cifar(path: Path, options: ImportOptions, watch: Watch) -> Source | None:
    """Open a folder or archive of CIFAR-10 or CIFAR-100; None if it is none.

    CIFAR-100 has two labels: a hundred classes, called ``fine``, and twenty, which
    ``options.label`` of ``coarse`` takes.

    Raises:
        DataError: a file is missing or damaged.
        ConfigError: an option does not fit.
    """
    if path.is_dir():
        inner = [one for one in path.glob("cifar-10*-binary") if one.is_dir()]
        inner += [one for one in path.glob("cifar-10*-bin") if one.is_dir()]
        for folder in (path, *inner):
            for kind in _KINDS:
                if (folder / kind.train[0]).is_file() and (folder / kind.test).is_file():
                    return _open(folder, kind, _read_folder(folder, kind), options)
        return None
    if not _is_archive(path):
        return None
    wanted = {name for kind in _KINDS for name in _wanted(kind)}
    files = read_members(path, wanted, _LIMIT, _check_size)
    for kind in _KINDS:
        if kind.train[0] in files:
            return _open(path, kind, files, options)
    return None


def _wanted(kind: _Kind) -> tuple[str, ...]:
    return (*kind.train, kind.test, *kind.names.values())


def _check_size(name: str, size: int) -> None:
    if not 0 <= size <= _LIMIT:
        raise ValueError(f"its {name} has {size:,} bytes")


def _is_archive(path: Path) -> bool:
    """Whether a file is a gzipped archive that begins with a folder of one of the names."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            start = zlib.decompressobj(wbits=31).decompress(file.read(4096), 512)
    except (OSError, zlib.error):
        return False
    return re.match(rb"(\./)?cifar-100?-(binary|batches-bin)/", start) is not None


def _read_folder(folder: Path, kind: _Kind) -> dict[str, np.ndarray]:
    files = {}
    left = _LIMIT
    for name in _wanted(kind):
        path = folder / name
        try:
            if path.is_file():
                left -= os.path.getsize(path)
                if left < 0:
                    raise DataError(f"{folder}: its files have more than {_LIMIT:,} bytes")
                files[name] = np.fromfile(path, np.uint8)
        except OSError as error:
            raise DataError(f"{path}: {error.strerror or error}") from None
    return files


def _open(path: Path, kind: _Kind, files: dict[str, np.ndarray], options: ImportOptions) -> Source:
    chosen = options.label or kind.labels[-1]
    if chosen not in kind.labels:
        raise ConfigError(f"--label {chosen}: {kind.title} has {' and '.join(kind.labels)}")
    if kind.test not in files:
        raise DataError(f"{path}: it has no {kind.test}")
    width = len(kind.labels) + _PIXELS
    parts = {}
    for part, names in (("train", kind.train), ("test", (kind.test,))):
        for name in (name for name in names if name in files):
            if len(files[name]) % width or not len(files[name]):
                raise DataError(
                    f"{path}: its {name} has {len(files[name]):,} bytes, expected a multiple of "
                    f"{width:,}"
                )
        parts[part] = np.concatenate([files[name] for name in names if name in files])
    records = {part: values.reshape(-1, width) for part, values in parts.items()}
    column = kind.labels.index(chosen)
    labels = np.concatenate([one[:, column] for one in records.values()]).astype(np.int64)
    given = options.classes or _names(files.get(kind.names[chosen]), int(labels.max()))
    classes, indices = labels_of.from_numbers(labels, given, lambda i: f"{path}: label {i}")
    shape = shape_asked_for(_SHAPE, options)
    split = np.split(indices, [len(records["train"])])
    made: dict[str, Part] = {
        part: ArrayPart(
            one[:, len(kind.labels) :].reshape(-1, *_SHAPE), own, shape, options.preparation
        )
        for (part, one), own in zip(records.items(), split, strict=True)
    }
    return Source(f"{kind.title}'s binary files", classes, shape, made, {"labels": chosen})


def _names(text: np.ndarray | None, largest: int) -> tuple[str, ...] | None:
    """Names of the classes, a line each; None if there are none, or not for all labels."""
    if text is None:
        return None
    names = tuple(text.tobytes().decode("utf-8", "replace").split("\n"))
    names = tuple(name.strip() for name in names if name.strip())
    return names if len(names) > largest else None
