"""Samples that are image files: measured by their headers, and decoded as they are needed."""

import os
import statistics
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import numpy as np

from engine.data.imported import MAX_SIDE
from engine.errors import ConfigError, DataError
from engine.images.preparation import Preparation
from engine.images.reading import Header, content_of, read_header, read_image
from engine.importing.source import BLOCK_BYTES, Block, ImportOptions, Part, Unreadable, Watch
from engine.importing.tree import ImageFile
from engine.sanitize import printable

_AHEAD = 1024  # images that are read before they are needed, however small they are
_BLOCK = 100  # images of a block at most: what is done is told after each
_CHUNK = 16  # images that a thread takes at a time
_LONG = 4e-4  # seconds that an image takes, from which on threads are worth it
_SIDES = (64, 48, 32, 28, 16)  # that are proposed, the largest that the images have first

T = TypeVar("T")
R = TypeVar("R")


class ImagePart(Part):
    """A part whose samples are image files.

    Args:
        files: a file each.
        labels: int64, (N,).
        shape: (C, H, W) to bring them to.
        how: what becomes of images of another aspect.
        watch: may cancel.
    """

    def __init__(
        self,
        files: Sequence[ImageFile],
        labels: np.ndarray,
        shape: tuple[int, int, int],
        how: Preparation,
        watch: Watch,
    ) -> None:
        self.labels = labels
        self._files, self._shape, self._how, self._watch = files, shape, how, watch

    def where(self, index: int) -> str:
        return self._files[index].where

    def blocks(self, indices: np.ndarray) -> Iterator[Block]:
        fits = max(BLOCK_BYTES // int(np.prod(self._shape)), 1)
        size = min(fits, _BLOCK)
        wanted = indices.tolist()
        read = _results(self._read, wanted, self._watch, ahead=min(fits, _AHEAD))
        for first in range(0, len(wanted), size):
            images, labels, unreadable = [], [], []
            for index in wanted[first : first + size]:
                found = next(read)
                if isinstance(found, str):
                    unreadable.append(Unreadable(self.where(index), found))
                else:
                    images.append(found)
                    labels.append(self.labels[index])
            pixels = np.stack(images) if images else np.empty((0, *self._shape), np.uint8)
            yield Block(pixels, np.array(labels, np.int64), tuple(unreadable))

    def _read(self, index: int) -> np.ndarray | str:
        """The pixels of a sample, or why there are none."""
        try:
            with self._files[index].open() as file:
                content = content_of(file)
            return read_image(content, self._shape, self._how)
        except Exception as error:
            return _why(error)


def _results(
    function: Callable[[T], R], items: Sequence[T], watch: Watch, *, ahead: int
) -> Iterator[R]:
    """Results of a function in the order of the items, by several threads if they take long.

    Decoders and disks let go of Python's lock, but where they are quick, threads only wait for it.
    At most so many results are ``ahead`` of their use.
    """
    took = []
    for item in items[:_CHUNK]:
        began = time.perf_counter()
        result = function(item)
        took.append(time.perf_counter() - began)
        yield result
    rest = items[_CHUNK:]
    if took and statistics.median(took) > _LONG:
        yield from _in_threads(function, rest, watch, ahead)
        return
    for number, item in enumerate(rest):
        if number % _CHUNK == 0:
            watch.check()
        yield function(item)


def _in_threads(
    function: Callable[[T], R], items: Sequence[T], watch: Watch, ahead: int
) -> Iterator[R]:
    chunks = (items[first : first + _CHUNK] for first in range(0, len(items), _CHUNK))
    pool = ThreadPoolExecutor(min(os.cpu_count() or 1, 8), "cnn-tui-decode")
    try:
        running: deque[Future[list[R]]] = deque()

        def start(count: int) -> None:
            for chunk in islice(chunks, count):
                running.append(pool.submit(lambda some: [function(one) for one in some], chunk))

        start(max(ahead // _CHUNK, 2))
        while running:
            yield from running.popleft().result()
            watch.check()
            start(1)
    finally:
        pool.shutdown(cancel_futures=True)


def shape_of(
    files: Sequence[ImageFile], options: ImportOptions, watch: Watch
) -> tuple[int, int, int]:
    """Shape (C, H, W) that images get: what the options say, else what all of them have.

    Raises:
        ConfigError: they have sizes that differ, and none was given; or ink has colours.
        DataError: none of them can be read.
        Cancelled: the watch cancelled.
    """
    channels = options.channels or (1 if options.preparation.ink else None)
    if options.size is not None and channels is not None:
        return (channels, *options.size)
    sizes: Counter[tuple[int, int]] = Counter()
    grey, problem = True, ""
    headers = _results(_header, files, watch, ahead=_AHEAD)
    for done, (file, header) in enumerate(zip(files, headers, strict=True)):
        if done % _BLOCK == 0:
            watch.report("measuring images", done, len(files))
        if isinstance(header, str):
            problem = problem or f"{file.where}: {header}"
            continue
        sizes[header.height, header.width] += 1
        grey = grey and header.grey
        if options.size is not None and not grey:
            break
    if not sizes:
        raise DataError(f"none of the images can be read: {problem}")
    return (channels or (1 if grey else 3), *(options.size or _common(sizes)))


def _header(file: ImageFile) -> Header | str:
    try:
        with file.open() as content:
            return read_header(content)
    except Exception as error:
        return _why(error)


def _why(error: Exception) -> str:
    """Why a file cannot be read; archives raise whatever a damaged one leads them to."""
    if isinstance(error, DataError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return f"it is damaged: {printable(str(error), 200) or type(error).__name__}"


def _common(sizes: Counter[tuple[int, int]]) -> tuple[int, int]:
    """The size that all images have.

    Raises:
        ConfigError: they have several, or it is too large.
    """
    low, high = (tuple(fold(one) for one in zip(*sizes, strict=True)) for fold in (min, max))
    if len(sizes) == 1 and max(high) <= MAX_SIDE:
        return next(iter(sizes))
    sides = sorted(min(one) for one in sizes.elements())
    usual = sides[len(sides) // 2]
    proposed = next((side for side in _SIDES if side <= usual), usual)
    found = (
        f"{low[0]}x{low[1]} to {high[0]}x{high[1]}" if len(sizes) > 1 else f"{high[0]}x{high[1]}"
    )
    what = "different sizes" if len(sizes) > 1 else f"more than {MAX_SIDE} pixels a side"
    raise ConfigError(
        f"the images have {what} (height x width {found}); say to which one they are to be "
        f"brought, e.g. --size {proposed}"
    )
