"""Pixels of a source that does not hold them as they are imported: kept in a temporary file."""

import math
import mmap
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType

import numpy as np
from PIL import Image

from engine.data.imported import MAX_SIDE
from engine.data.mapped import release
from engine.errors import ConfigError, DataError
from engine.images import AS_IT_IS, Preparation
from engine.images.reading import resized, to_array
from engine.importing.source import BLOCK_BYTES, Block, ImportOptions, Part


class PixelFile:
    """Images in a temporary file without a name, so that they may be more than the memory holds.

    Leaving the ``with`` closes it; what was mapped stays.

    Args:
        image_shape: (C, H, W).

    Raises:
        DataError: the file cannot be made.
    """

    def __init__(self, image_shape: tuple[int, int, int]) -> None:
        self.image_shape = image_shape
        self.count = 0
        try:
            self._file = tempfile.TemporaryFile(prefix="cnn-tui-import-")  # noqa: SIM115
        except OSError as error:
            raise _failed(error) from None

    def __enter__(self) -> "PixelFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._file.close()

    def append(self, images: np.ndarray) -> None:
        """Append images, uint8, (n, C, H, W).

        Raises:
            DataError: the disk is full.
        """
        try:
            self._file.write(np.ascontiguousarray(images, np.uint8).data)
        except OSError as error:
            raise _failed(error) from None
        self.count += len(images)

    def map(self) -> np.ndarray:
        """Map all images, (N, C, H, W); what is written to them is kept for as long as they are."""
        try:
            self._file.flush()
            content = mmap.mmap(self._file.fileno(), 0)
        except OSError as error:
            raise _failed(error) from None
        return np.frombuffer(content, np.uint8).reshape(self.count, *self.image_shape)


def _failed(error: OSError) -> DataError:
    return DataError(
        f"{tempfile.gettempdir()}: cannot write the pixels there: {error.strerror or error}; name "
        "a folder with more room in $TMPDIR"
    )


class ArrayPart(Part):
    """Samples whose images are an array, in memory or mapped.

    Args:
        images: uint8, (N, C, H, W), in any layout of memory.
        labels: int64, (N,).
        shape: (C, H, W) of the images that are given.
        how: what becomes of another aspect.
        place: a sample's place in the source; None numbers them.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        shape: tuple[int, int, int],
        how: Preparation = AS_IT_IS,
        place: Callable[[int], str] | None = None,
    ) -> None:
        self.labels = labels
        self._place = place
        self._images = images
        self._shape = shape
        self._preparation = how

    def blocks(self, indices: np.ndarray) -> Iterator[Block]:
        channels, height, width = self._shape
        count = max(1, BLOCK_BYTES // (channels * height * width))
        for first in range(0, len(indices), count):
            chosen = indices[first : first + count]
            images = self._images[chosen]
            if images.shape[1:] != self._shape:
                images = np.stack(
                    [converted(one, self._shape, self._preparation) for one in images]
                )
            yield Block(np.ascontiguousarray(images), self.labels[chosen])
            release(self._images)

    def where(self, index: int) -> str:
        return f"sample {index + 1}" if self._place is None else self._place(index)


def shape_asked_for(shape: tuple[int, ...], options: ImportOptions) -> tuple[int, int, int]:
    """The (C, H, W) of the images that come out, of what a source has and what is asked for."""
    channels, height, width = shape
    return (options.channels or channels, *(options.size or (height, width)))


def converted(image: np.ndarray, shape: tuple[int, int, int], how: Preparation) -> np.ndarray:
    """Bring an image, uint8, (C, H, W), to another size or between grey and colour."""
    if image.shape[0] == 1:
        picture = Image.fromarray(np.ascontiguousarray(image[0]))
    else:
        picture = Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0)))
    channels, height, width = shape
    mode = "L" if channels == 1 else "RGB"
    if picture.mode != mode:
        picture = picture.convert(mode)
    return to_array(resized(picture, (width, height), how))


def flat_shape(where: str, columns: int, options: ImportOptions) -> tuple[int, int, int]:
    """Shape (C, H, W) of images that are rows of pixels, by the size and channels given.

    Without a size they are square.

    Raises:
        ConfigError: what was given does not fit.
        DataError: it is the number of no square image.
    """
    counts = (options.channels,) if options.channels else (1, 3)
    for channels in counts:
        if options.size is not None:
            if channels * math.prod(options.size) == columns:
                return (channels, *options.size)
        elif columns and columns % channels == 0:
            side = math.isqrt(columns // channels)
            if side * side * channels == columns and side <= MAX_SIDE:
                return channels, side, side
    if options.size is not None or options.channels is not None:
        size = "x".join(map(str, options.size or ("?", "?")))
        kind = {1: " in grey", 3: " in colour", None: ""}[options.channels]
        raise ConfigError(
            f"{where}: it has {columns:,} columns of pixels, which are no images of {size}{kind}; "
            "--size and --channels say what the table holds"
        )
    raise DataError(
        f"{where}: it has {columns:,} columns of pixels, which make no square image in grey or "
        "colour; give their --size, and name the column of labels with --label"
    )
