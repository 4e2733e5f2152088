"""What a network was made for: how arrays become its input, and which classes its scores are of."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.data import DatasetInfo, Split
from engine.data.imported import ImportedDataset
from engine.data.normalisation import statistics
from engine.errors import DataError, DTypeError, ShapeError
from engine.sanitize import printable

NAME = "arrays"
"""Of the data set of arrays, in messages and in saved weights."""

WHITE = 255.0


@dataclass(frozen=True, eq=False)
class FloatSplit(Split):
    """Samples whose pixels are no whole numbers: float32 from 0 to 255."""

    def __post_init__(self) -> None:
        """Nothing: ``Encoding.split`` has checked them."""


@dataclass(frozen=True, eq=False)
class Encoding:
    """How arrays are turned into what a network takes, the same in training and afterwards.

    Attributes:
        image_shape: (C, H, W).
        classes: the labels that ``y`` has, in the order of the scores: int64 or str, (classes,).
        low, high: the numbers in ``x`` that are black and white.
        mean, std: per channel, of pixels divided by 255, see ``engine.data.Normalisation``.
    """

    image_shape: tuple[int, int, int]
    classes: np.ndarray
    low: float
    high: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, x: Any, y: Any) -> "Encoding":
        """The encoding that training samples ask for.

        uint8 is taken as it is: 0 is black, 255 is white. Of other numbers, the smallest in ``x``
        is black and the largest white. Mean and std are measured as ``cnn-tui data import`` does.

        Raises:
            ShapeError, DTypeError, DataError: they cannot be learnt from.
        """
        images, labels = images_of(x), labels_of(y)
        _expect_as_many(images, labels)
        classes = np.unique(labels)
        if len(classes) < 2:
            raise DataError(f"y: expected two classes or more, got only {classes[0]!r}")
        low, high = (0.0, WHITE) if images.dtype == np.uint8 else _range(images)
        pixels = _scaled(images, low, high)
        mean, std = statistics(
            pixels.sum(axis=(0, 2, 3), dtype=np.int64 if _is_whole(pixels) else np.float64),
            _squares(pixels),
            pixels[:, 0].size,
        )
        channels, height, width = images.shape[1:]
        return cls((channels, height, width), classes, low, high, mean, std)

    @classmethod
    def plain(cls, image_shape: tuple[int, int, int], classes: int) -> "Encoding":
        """The encoding of a network that has seen nothing: pixels to 255, classes 0, 1, 2."""
        channels = image_shape[0]
        zeros, ones = (0.0,) * channels, (1.0,) * channels
        return cls(image_shape, np.arange(classes), 0.0, WHITE, zeros, ones)

    @property
    def names(self) -> tuple[str, ...]:
        """The classes as text."""
        return tuple(map(str, self.classes.tolist()))

    @property
    def takes_pixels(self) -> bool:
        """Whether its numbers go from 0 to 255, as those of image files."""
        return (self.low, self.high) == (0.0, WHITE)

    def pixels(self, x: Any) -> np.ndarray:
        """Images as pixels from 0 to 255, C-contiguous, (N, C, H, W): uint8 or float32.

        Raises:
            ShapeError, DTypeError, DataError: they are not such images as it was trained on.
        """
        images = images_of(x)
        if images.shape[1:] != self.image_shape:
            raise ShapeError(
                f"x: got images of shape {images.shape[1:]}, expected {self.image_shape}, as the "
                "network was made for; resize them, or make a new Sequential"
            )
        peak = float(images.max())
        if self.takes_pixels and images.dtype != np.uint8 and 0 < peak <= 1:
            raise DataError(
                "x: got numbers up to 1, but the network knows pixels from 0 to 255; give 255 * x"
            )
        if images.dtype == np.uint8 and self.high <= 1 < peak:
            raise DataError(
                f"x: got uint8 up to {peak:g}, but the network knows numbers from {self.low:g} to "
                f"{self.high:g}; scale x as in training, such as x / 255"
            )
        return np.ascontiguousarray(_scaled(images, self.low, self.high))

    def labels(self, y: Any) -> np.ndarray:
        """Labels as indices of the classes, int64, (N,).

        Where the classes have names, whole numbers are taken as the indices themselves, as
        ``engine.data`` has them.

        Raises:
            DataError: one is no class of the network.
            ShapeError, DTypeError: they are no labels.
        """
        labels = labels_of(y)
        count = len(self.classes)
        if labels.dtype.kind == "i" and self.classes.dtype.kind == "U":
            indices = labels.clip(0, count - 1)
            wrong = indices != labels
        else:
            order = np.argsort(self.classes)
            places = np.searchsorted(self.classes, labels, sorter=order).clip(max=count - 1)
            indices = order[places]
            wrong = self.classes[indices] != labels
        if wrong.any():
            raise DataError(
                f"y: {printable(repr(labels[wrong][0].item()), 40)} is none of the {count} classes "
                f"that the network knows: {printable(', '.join(self.names[:10]), 100)}"
                f"{', ...' if count > 10 else ''}"
            )
        return indices.astype(np.int64)

    def split(self, x: Any, y: Any) -> Split:
        """Samples to train on or to measure with.

        Raises:
            ShapeError, DTypeError, DataError: as ``pixels`` and ``labels``, or one is longer.
        """
        pixels, labels = self.pixels(x), self.labels(y)
        _expect_as_many(pixels, labels)
        return (Split if pixels.dtype == np.uint8 else FloatSplit)(pixels, labels)

    def info(self, train: int, test: int) -> DatasetInfo:
        """The description of a data set of so many samples, for configs and saved weights."""
        return ImportedDataset(
            name=NAME,
            title="arrays given in Python",
            classes=self.names,
            image_shape=self.image_shape,
            train_size=train,
            test_size=test,
            mean=self.mean,
            std=self.std,
        )


def images_of(x: Any) -> np.ndarray:
    """Images as (N, C, H, W), uint8 or a float type, without a change of their values.

    Args:
        x: (N, C, H, W), or (N, H, W) in grey.

    Raises:
        ShapeError: they have another shape; the message says how to get there.
        DTypeError: they are no real numbers.
        DataError: a number is not finite.
    """
    images = np.asarray(x)
    if images.dtype.kind not in "uifb":
        raise DTypeError(f"x: got an array of {images.dtype}; expected numbers, uint8 or float")
    if images.ndim == 3:
        images = images[:, None]
    if images.ndim != 4 or not images.size:
        hint = {
            1: "",
            2: "; for rows of features use x.reshape(-1, 1, height, width), for one image x[None]",
        }.get(images.ndim, "")
        raise ShapeError(f"x: got shape {images.shape}; expected (N, C, H, W) or (N, H, W){hint}")
    if images.shape[3] in (1, 3) and images.shape[1] > 4 and images.shape[2] > 4:
        raise ShapeError(
            f"x: got shape {images.shape}, with the channels last; expected (N, C, H, W): give "
            "x.transpose(0, 3, 1, 2)"
        )
    if images.dtype.kind in "iu" and images.dtype != np.uint8:
        small = images.min() >= 0 and images.max() <= WHITE
        images = images.astype(np.uint8 if small else np.float64)
    if images.dtype.kind == "f" and not np.isfinite(images).all():
        raise DataError("x: some numbers are NaN or infinite; expected finite ones")
    return images


def labels_of(y: Any) -> np.ndarray:
    """Labels as int64 or str, (N,).

    Raises:
        ShapeError: it is no list of labels, but perhaps one-hot rows.
        DTypeError: they are neither whole numbers nor text.
    """
    labels = np.asarray(y)
    if labels.ndim != 1:
        hint = "; for one-hot rows give y.argmax(axis=1)" if labels.ndim == 2 else ""
        raise ShapeError(
            f"y: got shape {labels.shape}; expected (N,), a label for each image{hint}"
        )
    if labels.dtype == object and all(isinstance(one, str) for one in labels):
        labels = labels.astype(str)
    if labels.dtype.kind == "f" and (labels == np.floor(labels)).all():
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "iubU":
        raise DTypeError(f"y: got an array of {labels.dtype}; expected whole numbers or names")
    return labels if labels.dtype.kind == "U" else labels.astype(np.int64)


def _expect_as_many(images: np.ndarray, labels: np.ndarray) -> None:
    if len(images) != len(labels):
        raise ShapeError(f"y: got {len(labels)} labels for {len(images)} images; expected as many")


def _range(images: np.ndarray) -> tuple[float, float]:
    low, high = float(images.min()), float(images.max())
    if low == high:
        raise DataError(f"x: all numbers are {low:g}, so that there is nothing to learn")
    return low, high


def _scaled(images: np.ndarray, low: float, high: float) -> np.ndarray:
    """Images with black at 0 and white at 255; those that are so already stay as they are."""
    if (low, high) == (0.0, WHITE):
        return images if images.dtype == np.uint8 else images.astype(np.float32)
    return ((images.astype(np.float64) - low) * (WHITE / (high - low))).astype(np.float32)


def _is_whole(pixels: np.ndarray) -> bool:
    return pixels.dtype == np.uint8


def _squares(pixels: np.ndarray) -> np.ndarray:
    """The sum of the squares of each channel, (C,), block by block to save memory."""
    kind = np.int64 if _is_whole(pixels) else np.float64
    total = np.zeros(pixels.shape[1], kind)
    for first in range(0, len(pixels), 1024):
        block = pixels[first : first + 1024].astype(kind)
        total += (block * block).sum(axis=(0, 2, 3))
    return total
