"""The import of a source, whatever its form, as a data set of our own."""

import math
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from engine import __version__
from engine.data import DATASETS, ImportedDataset, get, processed_folder
from engine.data.imported import MAX_CLASSES, MAX_SIDE, NAME_PATTERN, PARTS, read_manifest
from engine.data.safe_read import check_labels
from engine.errors import ConfigError, DataError
from engine.images import Preparation
from engine.images.ink import is_strokes
from engine.importing.duplicates import Digests
from engine.importing.opening import open_source
from engine.importing.source import Block, ImportOptions, Part, Source, Unreadable, Watch
from engine.importing.splitting import split_test
from engine.importing.two_sources import with_test
from engine.importing.writer import DatasetWriter, check_place
from engine.numbers import size
from engine.resources import shipped
from engine.sanitize import literal, printable, visible

LISTED = 10
"""Unreadable samples, and duplicates, that are named one by one."""

_LOOKED_AT = 200
"""Images of a block that are looked at for strokes, about."""

_MOST = 0.95
"""Share of them that makes it a set of strokes."""

T = TypeVar("T")


@dataclass(frozen=True)
class Found(Generic[T]):
    """How many there are of something, and the first few of them."""

    count: int
    first: tuple[T, ...]


@dataclass(frozen=True)
class Duplicate:
    """A test sample whose pixels are those of a training sample: the place of either."""

    train: str
    test: str


@dataclass(frozen=True)
class Imported:
    """A finished import.

    Attributes:
        info: the data set.
        place: its folder.
        counts: images a class, of each part.
        unreadable: what was skipped.
        duplicates: test samples that are among the training samples too.
        source: where it came from and how it was imported, as the manifest has it.
        seconds: that it took.
    """

    info: ImportedDataset
    place: Path
    counts: Mapping[str, tuple[int, ...]]
    unreadable: Found[Unreadable]
    duplicates: Found[Duplicate]
    source: Mapping[str, Any]
    seconds: float

    def warnings(self) -> list[str]:
        """What is likely to be a mistake in the test images, a line each."""
        found = []
        if self.duplicates.count:
            one = self.duplicates.first[0]
            found.append(
                f"{self.duplicates.count:,} of the {self.info.test_size:,} test images are among "
                f"the training images too, so that the test is too easy: {one.test} is {one.train}"
            )
        counted = zip(self.info.classes, self.counts["test"], strict=True)
        absent = [name for name, count in counted if not count]
        if absent:
            more = f" and {len(absent) - 1:,} more" if len(absent) > 1 else ""
            found.append(f"no test images of {printable(absent[0], 40)}{more}")
        return found


def import_data_set(
    source: Path,
    options: ImportOptions,
    root: Path | None = None,
    *,
    progress: Callable[[str, int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Imported:
    """Import images and labels; the data set is there in the end, or nothing is.

    Args:
        source: a file or a folder, of any form that there is an opener for.
        options: how it is imported.
        root: the folder of the data sets; default ``$CNN_TUI_DATA``, else ``data/raw``.
        progress: called with what is being done, how much of it is done, and of how much.
        cancelled: polled; true cancels the import.

    Raises:
        ConfigError: the source or an option is none that can be imported.
        DataError: something cannot be read or written.
        Cancelled: ``cancelled`` returned true.
    """
    began = time.monotonic()
    given: dict[str, Any] = {"progress": progress, "cancelled": cancelled}
    watch = Watch(**{name: one for name, one in given.items() if one is not None})
    place = processed_folder(root) / options.name
    _check_name(options.name)
    _check_options(options)
    check_place(place, replace=options.replace)
    like = None if options.normalise_as is None else get(options.normalise_as, root)
    with ExitStack() as stack:
        opened = stack.enter_context(open_source(source, options, watch))
        if options.test_source is not None:
            opened = stack.enter_context(with_test(opened, options, watch))
        _check_source(opened)
        if like is not None and len(like.mean) != opened.image_shape[0]:
            raise ConfigError(
                f"--normalise-as {like.name}: its images have {len(like.mean)} channels, those of "
                f"{options.name} have {opened.image_shape[0]}"
            )
        work = _Work(opened, options, watch)
        work.check_room(place)
        with DatasetWriter(place, opened.image_shape, replace=options.replace) as writer:
            work.write(writer)
            facts = _facts(source, opened, options, work.skipped)
            info = writer.finish(
                title=options.name,
                classes=opened.classes,
                preparation=work.preparation(),
                source=facts,
                like=None if like is None else (like.mean, like.std),
            )
        return Imported(
            info=info,
            place=place,
            counts=read_manifest(place).counts,
            unreadable=Found(work.skipped, tuple(work.unreadable)),
            duplicates=work.duplicates(),
            source=facts,
            seconds=time.monotonic() - began,
        )


def _check_name(name: str) -> None:
    if re.fullmatch(NAME_PATTERN, name) is None:
        raise ConfigError(
            f"--name: expected 1 to 64 letters, digits, '-', '_' and '.', of which the first is a "
            f"letter or a digit; got {literal(name, 80)}"
        )
    if name in DATASETS:
        raise ConfigError(f"--name: {name} is a data set that comes with cnn-tui; choose another")
    if (shipped("configs") / f"{name}.yaml").is_file():  # 'train NAME' would be that one
        raise ConfigError(f"--name: {name} is a config that comes with cnn-tui; choose another")


def _check_options(options: ImportOptions) -> None:
    if options.size is not None and not all(1 <= side <= MAX_SIDE for side in options.size):
        given = "x".join(map(str, options.size))
        raise ConfigError(f"--size: expected 1 to {MAX_SIDE} pixels a side, got {given}")
    if not 0 < options.test < 1:
        raise ConfigError(f"--test: expected a fraction above 0 and below 1, got {options.test:g}")
    if options.preparation.ink and options.channels == 3:
        raise ConfigError("--ink: strokes on black are grey; leave out --channels 3")


def _check_source(source: Source) -> None:
    """Check what every source has to be, whatever its form.

    Raises:
        ConfigError: it has too few or too many classes, or a class without training images.
        DataError: it contradicts itself.
    """
    classes = source.classes
    if len(classes) < 2:
        found = f"one, {classes[0]}" if classes else "none"
        raise ConfigError(f"expected two classes or more, found {found}")
    if len(classes) > MAX_CLASSES:
        raise ConfigError(f"expected at most {MAX_CLASSES:,} classes, found {len(classes):,}")
    if len(set(classes)) < len(classes):
        twice = next(name for i, name in enumerate(classes) if name in classes[:i])
        raise ConfigError(f"{twice}: there are two classes of that name")
    for name, part in source.parts.items():
        if len(part.labels) == 0:
            raise ConfigError(f"there are no images in the part {name}")
        try:
            check_labels(part.labels, len(classes))
        except ValueError as error:
            raise DataError(f"{name}: {error}") from None
    counts = np.bincount(source.parts["train"].labels, minlength=len(classes))
    if not counts.all():
        raise ConfigError(
            f"{classes[int(counts.argmin())]}: there are no images of this class to train on; "
            "add some, or leave the class out of --classes"
        )


class _Work:
    """The samples of a source on their way into a writer.

    Args:
        source: the opened source.
        options: how it is imported.
        watch: sees the progress, and may cancel.

    Attributes:
        skipped: how much was skipped so far.
        unreadable: the first of it.

    Raises:
        ConfigError: the samples cannot be split.
    """

    def __init__(self, source: Source, options: ImportOptions, watch: Watch) -> None:
        self._source, self._options, self._watch = source, options, watch
        parts = dict(source.parts)
        if len(parts) > 1:
            self._pieces = {name: (parts[name], _all_of(parts[name])) for name in PARTS}
        else:
            (part,) = parts.values()
            chosen = split_test(part.labels, options.test, options.seed, source.classes)
            self._pieces = {name: (part, one) for name, one in zip(PARTS, chosen, strict=True)}
        self._digests = {name: Digests(len(indices)) for name, (_, indices) in self._pieces.items()}
        self._looked_at = self._strokes = 0
        self.skipped = 0
        self.unreadable: list[Unreadable] = []

    def check_room(self, place: Path) -> None:
        """Check that the disk has room for the images, before hours are spent on them.

        Raises:
            DataError: it has not.
        """
        samples = sum(len(indices) for _, indices in self._pieces.values())
        needed = samples * (math.prod(self._source.image_shape) + np.dtype(np.int64).itemsize)
        folder = place.parent
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        try:
            free = shutil.disk_usage(folder).free
        except OSError:
            return  # the first write says what is wrong
        if needed > free:
            raise DataError(
                f"{place}: no room for {size(needed)} of images, {size(free)} are free; nothing "
                "was imported"
            )

    def write(self, writer: DatasetWriter) -> None:
        """Read all samples and write them.

        Raises:
            DataError: one cannot be read, or written; or those of a class cannot be read.
            Cancelled: the watch cancelled.
        """
        self._skip(self._source.unreadable)
        for name, (part, indices) in self._pieces.items():
            counts = np.zeros(len(self._source.classes), np.int64)
            done = 0
            self._watch.report(f"{name} images", 0, len(indices))
            for block in part.blocks(indices):
                asked = indices[done : done + len(block.labels) + len(block.unreadable)]
                done += len(asked)
                self._skip(block.unreadable)
                if len(block.labels):
                    writer.add(name, block.images, block.labels)
                    self._look_at(block.images)
                    self._digests[name].add(block.images, _kept(part, asked, block))
                    counts += np.bincount(block.labels, minlength=len(counts))
                self._watch.report(f"{name} images", done, len(indices))
            if not (counts.all() if name == "train" else counts.any()):
                what = self._source.classes[int(counts.argmin())] if name == "train" else name
                raise DataError(f"{what}: none of its {name} images can be read")

    def _look_at(self, images: np.ndarray) -> None:
        """Count, of some of the images, those that are strokes."""
        if self._options.find_ink and images.shape[1] == 1:
            some = images[:: max(1, len(images) // _LOOKED_AT), 0]
            self._looked_at += len(some)
            self._strokes += sum(map(is_strokes, some))

    def preparation(self) -> Preparation:
        """What an image to be classified goes through, by what the images are."""
        given = self._options.preparation
        found = self._looked_at > 0 and self._strokes >= _MOST * self._looked_at
        return given.model_copy(update={"ink": given.ink or found})

    def _skip(self, unreadable: tuple[Unreadable, ...]) -> None:
        if unreadable and self._options.unreadable == "refuse":
            raise DataError(
                f"{unreadable[0].where}: {unreadable[0].reason}; mend or remove it, or skip what "
                "cannot be read with --unreadable skip"
            )
        self.skipped += len(unreadable)
        self.unreadable += unreadable[: LISTED - len(self.unreadable)]

    def duplicates(self) -> Found[Duplicate]:
        """The test samples that are among the training samples too."""
        train, test = (self._digests[name] for name in PARTS)
        pairs = test.found_in(train)
        first = tuple(
            Duplicate(self._pieces["train"][0].where(one), self._pieces["test"][0].where(other))
            for other, one in pairs[:LISTED].tolist()
        )
        return Found(len(pairs), first)


def _all_of(part: Part) -> np.ndarray:
    return np.arange(len(part.labels))


def _kept(part: Part, asked: np.ndarray, block: Block) -> np.ndarray:
    """Indices of the samples of a block that could be read."""
    if not block.unreadable:
        return asked
    skipped = Counter(one.where for one in block.unreadable)
    kept = []
    for index in asked.tolist():
        where = part.where(index)
        if skipped[where] > 0:  # two places may look alike in printable characters
            skipped[where] -= 1
        else:
            kept.append(index)
    return np.array(kept[: len(block.labels)], np.int64)


def _facts(
    path: Path, source: Source, options: ImportOptions, unreadable: int
) -> dict[str, str | int | float | bool | None]:
    """What the manifest says of where a set came from."""
    given = {key: value for key, value in asdict(options).items() if value is not None}
    for key in ("name", "replace", "preparation", "find_ink"):
        del given[key]
    if len(source.parts) > 1:  # it has test images
        del given["test"]
    given |= options.preparation.model_dump()
    if options.size is not None:
        given["size"] = "x".join(map(str, options.size))
    if options.classes is not None:
        given["classes"] = ",".join(options.classes)
    if options.test_source is not None:
        given["test_source"] = visible(str(options.test_source.absolute()))
    return {
        "kind": source.kind,
        "path": visible(str(path.absolute())),
        **source.facts,
        "options": given,
        "skipped": unreadable,
        "version": __version__,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }
