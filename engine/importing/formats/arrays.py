"""NumPy archives of images and labels: Keras' ``x_train, y_train``, MedMNIST's, or ``x, y``."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from engine.data.imported import MAX_SAMPLES, MAX_SIDE
from engine.data.npz import NpzArray, open_npz
from engine.errors import DataError
from engine.importing.formats import labels as labels_of
from engine.importing.formats.pixels import ArrayPart, PixelFile, flat_shape, shape_asked_for
from engine.importing.opening import opener
from engine.importing.source import BLOCK_BYTES, ImportOptions, Part, Source, Watch
from engine.sanitize import printable

_IMAGES = ("x", "images", "image", "imgs", "data")
_LABELS = ("y", "labels", "label", "targets", "target")
_PARTS = {"train": ("train", ""), "val": ("val", "valid", "validation"), "test": ("test",)}


@opener("a NumPy archive (.npz)")
def open_arrays(path: Path, options: ImportOptions, watch: Watch) -> Source | None:
    """Open a ``.npz`` file of images and labels; None if it is no such file.

    Images are (N, H, W), (N, H, W, C), (N, C, H, W) or flat (N, pixels), from 0 to 255 or all of
    them from 0 to 1; labels are whole numbers, text, or one-hot rows. MedMNIST's validation images
    join the training images. Pickles are never loaded.

    Raises:
        DataError: it cannot be read, or is something else.
        ConfigError: an option does not fit.
        Cancelled: the watch cancelled.
    """
    if path.suffix.lower() == ".npy" and path.is_file():
        raise DataError(
            f"{path}: a .npy file holds images without labels; put both into one file with "
            "numpy.savez('set.npz', x=images, y=labels)"
        )
    if path.suffix.lower() != ".npz" or not path.is_file():
        return None
    with open_npz(path) as arrays:
        by_name = {name.lower(): array for name, array in arrays.items()}
        return _open(path, by_name, options, watch)


def _open(path: Path, members: dict[str, NpzArray], options: ImportOptions, watch: Watch) -> Source:
    pairs = _pairs(path, members)
    layouts = {part: _layout(images, options) for part, (images, _) in pairs.items()}
    order, stored = layouts["train"]
    for part, layout in layouts.items():
        if layout != (order, stored):
            raise DataError(
                f"{pairs[part][0].where}: images of shape {layout[1]} ({layout[0]}), but those to "
                f"train on have {stored} ({order})"
            )
    classes, labels = _labels(pairs, options)
    shape = shape_asked_for(stored, options)
    scale = min(_scale(images, watch) for images, _ in pairs.values())
    parts: dict[str, Part] = {}
    for part, names in (("train", ("train", "val")), ("test", ("test",))):
        chosen = [name for name in names if name in pairs]
        if chosen:
            images = _pixels([pairs[name][0] for name in chosen], order, stored, scale, watch)
            values = np.concatenate([labels[name] for name in chosen])
            parts[part] = ArrayPart(images, values, shape, options.preparation)
    facts: dict[str, Any] = {"pixels": "0 to 1, multiplied by 255" if scale > 1 else "0 to 255"}
    if "val" in pairs:
        facts["validation"] = f"{pairs['val'][1].shape[0]:,} images for validation train as well"
    return Source("NumPy arrays", classes, shape, parts, facts)


def _pairs(path: Path, members: dict[str, NpzArray]) -> dict[str, tuple[NpzArray, NpzArray]]:
    """Find images and labels of every part by their names.

    Raises:
        DataError: there is none, or images without their labels.
    """

    def named(words: tuple[str, ...], parts: tuple[str, ...]) -> NpzArray | None:
        for word in words:
            for part in parts:
                for name in (f"{word}_{part}", f"{part}_{word}", f"{part}{word}", f"{word}{part}"):
                    if name.strip("_") in members:
                        return members[name.strip("_")]
        return None

    found = {}
    for part, spellings in _PARTS.items():
        images, labels = named(_IMAGES, spellings), named(_LABELS, spellings)
        if images is not None and labels is not None:
            found[part] = (images, labels)
        elif images is not None:
            raise DataError(f"{images.where}: there are no labels beside it; {_there(members)}")
    if "train" not in found:
        raise DataError(
            f"{path}: expected arrays x and y, or x_train, y_train, x_test and y_test; "
            f"{_there(members)}"
        )
    for images, labels in found.values():
        if not images.shape or not labels.shape or images.shape[0] != labels.shape[0]:
            raise DataError(
                f"{images.where}: it has the shape {images.shape} and its labels {labels.shape}; "
                "expected as many images as labels"
            )
        if not 0 < images.shape[0] <= MAX_SAMPLES:
            raise DataError(f"{images.where}: {images.shape[0]:,} images")
    return found


def _there(members: dict[str, NpzArray]) -> str:
    names = [printable(name, 30) for name in members]
    more = ", ..." if len(names) > 10 else ""
    return f"there are {', '.join(names[:10])}{more}" if names else "it holds no arrays"


def _layout(member: NpzArray, options: ImportOptions) -> tuple[str, tuple[int, int, int]]:
    """The order of the axes, and (C, H, W).

    Raises:
        DataError: they are no images.
        ConfigError: flat rows are not of the size that was given.
    """
    shape = member.shape
    if len(shape) == 2:
        return "flat", flat_shape(member.where, shape[1], options)
    if len(shape) == 3:
        order, found = "NHW", (1, shape[1], shape[2])
    elif len(shape) == 4 and shape[3] in (1, 3):
        order, found = "NHWC", (shape[3], shape[1], shape[2])
    elif len(shape) == 4 and shape[1] in (1, 3):
        order, found = "NCHW", (shape[1], shape[2], shape[3])
    else:
        raise DataError(
            f"{member.where}: images of shape {shape}, expected (N, H, W), (N, H, W, C), "
            "(N, C, H, W) or flat (N, pixels), with 1 or 3 channels"
        )
    if not (1 <= found[1] <= MAX_SIDE and 1 <= found[2] <= MAX_SIDE):
        raise DataError(f"{member.where}: images of {found[1]}x{found[2]}, more than {MAX_SIDE}")
    return order, found


def _labels(
    pairs: dict[str, tuple[NpzArray, NpzArray]], options: ImportOptions
) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    """Classes over all parts, and the indices of each."""
    members = {part: labels for part, (_, labels) in pairs.items()}
    arrays = [member.read() for member in members.values()]
    if len({array.shape[1:] for array in arrays}) > 1:
        raise DataError(f"{members['train'].where}: the labels of its parts differ in shape")
    ends = np.cumsum([len(array) for array in arrays])

    def place(i: int) -> str:
        part = int(np.searchsorted(ends, i, side="right"))
        member = list(members.values())[part]
        return f"{member.where}[{i - (ends[part - 1] if part else 0)}]"

    classes, indices = labels_of.from_array(np.concatenate(arrays), options.classes, place)
    split = np.split(indices, ends[:-1])
    return classes, dict(zip(members, split, strict=True))


def _pixels(
    members: list[NpzArray], order: str, shape: tuple[int, int, int], scale: int, watch: Watch
) -> np.ndarray:
    """Read images into a temporary file, uint8, (N, C, H, W)."""
    channels, height, width = shape
    total = sum(member.shape[0] for member in members)
    interleaved = order in ("NHWC", "flat")
    with PixelFile((height, width, channels) if interleaved else shape) as pixels:
        for member in members:
            for block in member.rows(_rows_of(member)):
                values = block.reshape(len(block), *pixels.image_shape)
                if values.dtype != np.uint8 or scale > 1:
                    values = np.rint(values.astype(np.float32) * np.float32(scale))
                pixels.append(values.astype(np.uint8, copy=False))
                watch.report("reading arrays", pixels.count, total)
        images = pixels.map()
    return images.transpose(0, 3, 1, 2) if interleaved else images


def _rows_of(member: NpzArray) -> int:
    return max(1, BLOCK_BYTES // max(1, member.dtype.itemsize * math.prod(member.shape[1:])))


def _scale(member: NpzArray, watch: Watch) -> int:
    """What the values are multiplied by: 255 for those from 0 to 1, 1 for those from 0 to 255.

    Raises:
        DataError: they are beyond 255, below 0, not finite, or no numbers.
    """
    kind = member.dtype.kind
    if kind not in "biuf":
        raise DataError(f"{member.where}: images of type {member.dtype}, expected uint8 or floats")
    lowest, highest = math.inf, -math.inf
    for block in member.rows(_rows_of(member)):
        watch.check()
        if kind == "f" and not np.isfinite(block).all():
            raise DataError(f"{member.where}: it has pixels that are not finite")
        if member.dtype == np.uint8 and block.max() > 1:
            return 1  # nothing can be wrong with the others
        lowest, highest = min(lowest, float(block.min())), max(highest, float(block.max()))
    if lowest < 0 or highest > 255:
        raise DataError(
            f"{member.where}: pixels of type {member.dtype} from {lowest:g} to {highest:g}, "
            "expected 0 to 255, or 0 to 1; scale them, and do not normalise them"
        )
    return 255 if highest <= 1 else 1
