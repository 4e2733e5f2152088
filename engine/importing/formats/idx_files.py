"""Files in MNIST's format of other sets: EMNIST, KMNIST, one's own."""

import re
from collections import defaultdict
from pathlib import Path

import numpy as np

from engine.data.idx import open_idx, read_idx, read_shape
from engine.data.imported import MAX_SAMPLES, MAX_SIDE
from engine.data.safe_read import expect_end, fill
from engine.errors import ConfigError, DataError
from engine.importing.formats import labels as labels_of
from engine.importing.formats.pixels import ArrayPart, PixelFile, shape_asked_for
from engine.importing.opening import opener
from engine.importing.source import BLOCK_BYTES, ImportOptions, Part, Source, Watch
from engine.sanitize import printable

_NAME = re.compile(r"(?P<prefix>.*?)(?P<kind>images|labels)[-.]idx[0-9]-ubyte(\.gz)?", re.I)
_PART = re.compile(r"(?P<set>.*?)(?P<part>train|test|t10k|)[-_.]*", re.I)
_PARTS = {"train": "train", "": "train", "test": "test", "t10k": "test"}
_TRANSPOSED = "emnist"
"""Sets whose name begins so have rows and columns exchanged, as EMNIST's authors say."""

Files = dict[str, dict[str, Path]]
"""For ``train`` and ``test``: the files with ``images`` and ``labels``."""


@opener("files in MNIST's format")
def open_idx_files(path: Path, options: ImportOptions, watch: Watch) -> Source | None:
    """Open a folder of IDX files, or the set that one of them is of; None if there are none.

    The files are found by their names, as in ``emnist-letters-train-images-idx3-ubyte.gz``. Names
    of the classes are those of EMNIST's ``...-mapping.txt``, if that lies beside them.

    Raises:
        DataError: a file cannot be read, or is something else.
        ConfigError: a folder holds several sets, or an option does not fit.
        Cancelled: the watch cancelled.
    """
    folder = path if path.is_dir() else path.parent
    chosen = None if path.is_dir() else _set_of(path.name)
    if not path.is_dir() and chosen is None:
        return None
    sets = _find(folder)
    if not sets:
        return None
    if chosen is None:
        if len(sets) > 1:
            names = ", ".join(printable(name.strip("-_.") or "without a name") for name in sets)
            raise ConfigError(f"{path}: it holds several sets: {names}; name a file of one of them")
        (chosen,) = sets
    files = sets[chosen]
    for part, kinds in files.items():
        for kind in ("images", "labels"):
            if kind not in kinds:
                (there,) = kinds.values()
                raise DataError(f"{there}: there is no file of {part} {kind} beside it")
    if "train" not in files:
        raise DataError(f"{files['test']['images']}: there are no training images beside it")
    return _open(folder, chosen, dict(sorted(files.items(), reverse=True)), options, watch)


def _set_of(name: str) -> str | None:
    """Name of the set that a file is of, by its own name; None if it is no IDX file."""
    match = _NAME.fullmatch(name)
    part = _PART.fullmatch(match["prefix"]) if match else None
    return None if part is None else part["set"].lower()


def _find(folder: Path) -> dict[str, Files]:
    """Find the files of all sets in a folder; of a file that is there twice, the packed one."""
    sets: dict[str, Files] = {}
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder}: {error.strerror or error}") from None
    for path in paths:
        match = _NAME.fullmatch(path.name)
        part = _PART.fullmatch(match["prefix"]) if match else None
        if match and part and path.is_file():
            files = sets.setdefault(part["set"].lower(), defaultdict(dict))
            files[_PARTS[part["part"].lower()]][match["kind"].lower()] = path
    return sets


def _open(folder: Path, name: str, files: Files, options: ImportOptions, watch: Watch) -> Source:
    shapes = {part: _shape(kinds) for part, kinds in files.items()}
    count, height, width = shapes["train"]
    for part, shape in shapes.items():
        if shape[1:] != (height, width):
            raise DataError(
                f"{files[part]['images']}: images of {shape[1]}x{shape[2]}, but those to train on "
                f"are {height}x{width}"
            )
    values = {part: read_idx(files[part]["labels"], shapes[part][:1]) for part in files}
    together = np.concatenate(list(values.values())).astype(np.int64)

    def place(i: int) -> str:
        part, first = ("train", 0) if i < count else ("test", count)
        return f"{files[part]['labels']}: label {i - first}"

    names = options.classes or _mapping(folder, name, np.unique(together).tolist())
    classes, indices = labels_of.from_numbers(together, names, place)
    transposed = name.startswith(_TRANSPOSED)
    stored = (1, width, height) if transposed else (1, height, width)
    shape = shape_asked_for(stored, options)
    parts: dict[str, Part] = {}
    for part in files:
        images = _pixels(files[part]["images"], shapes[part], watch)
        if transposed:
            images = images.transpose(0, 1, 3, 2)
        labels = indices[:count] if part == "train" else indices[count:]
        parts[part] = ArrayPart(images, labels, shape, options.preparation)
    facts = {"transposed": "rows and columns were exchanged"} if transposed else {}
    return Source("IDX files", classes, shape, parts, facts)


def _shape(kinds: dict[str, Path]) -> tuple[int, int, int]:
    """Number, height and width of the images in a file.

    Raises:
        DataError: they are no images, or not as many as there are labels.
    """
    path = kinds["images"]
    shape = read_shape(path)
    if len(shape) != 3 or max(shape[1:]) > MAX_SIDE or shape[0] > MAX_SAMPLES:
        raise DataError(
            f"{path}: its header says {shape}, expected (N, H, W) with at most {MAX_SIDE} pixels "
            "a side"
        )
    labels = read_shape(kinds["labels"])
    if labels != shape[:1]:
        raise DataError(f"{kinds['labels']}: its header says {labels}, expected {shape[:1]}")
    return shape[0], shape[1], shape[2]


def _pixels(path: Path, shape: tuple[int, int, int], watch: Watch) -> np.ndarray:
    """Read images into a temporary file: uint8, (N, 1, H, W)."""
    count, height, width = shape
    rows = max(1, BLOCK_BYTES // (height * width))
    with PixelFile((1, height, width)) as pixels:
        with open_idx(path, shape) as stream:
            for first in range(0, count, rows):
                block = np.empty((min(rows, count - first), 1, height, width), np.uint8)
                fill(stream, block)
                pixels.append(block)
                watch.report("reading images", pixels.count, count)
            expect_end(stream)
        return pixels.map()


def _mapping(folder: Path, name: str, labels: list[int]) -> tuple[str, ...] | None:
    """Characters that labels stand for, of a file as EMNIST has it: label, code, further codes.

    None if there is none, or it does not name all labels.
    """
    try:
        text = (folder / f"{name.rstrip('-_.')}-mapping.txt").read_text("ascii")
        rows = [[int(number) for number in line.split()] for line in text.splitlines()]
        names = {row[0]: chr(row[1]) for row in rows if row}
        return tuple(names[label] for label in labels)
    except (OSError, ValueError, LookupError, OverflowError):
        return None
