"""Test samples from a source of their own, beside the one to train on."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from engine.errors import ConfigError
from engine.importing.opening import open_source
from engine.importing.source import Block, ImportOptions, Part, Source, Watch
from engine.sanitize import printable


class _Relabelled(Part):
    """A part whose labels count the classes of another source.

    Args:
        part: the part.
        labels: the new label of each of its classes.
    """

    def __init__(self, part: Part, labels: np.ndarray) -> None:
        self._part, self._new = part, labels
        self.labels = labels[part.labels]

    def blocks(self, indices: np.ndarray) -> Iterator[Block]:
        for block in self._part.blocks(indices):
            yield replace(block, labels=self._new[block.labels])

    def where(self, index: int) -> str:
        return self._part.where(index)


def with_test(source: Source, options: ImportOptions, watch: Watch) -> Source:
    """Add the samples of ``options.test_source`` to a source, as its test part.

    Args:
        source: what to train on. It is still the caller's to close.
        options: of the import; the test images get the shape of the source's.
        watch: sees the progress, and may cancel.

    Returns:
        Both; closing it closes what was opened here.

    Raises:
        ConfigError: the test source cannot be opened, or does not fit.
        DataError: it cannot be read.
        Cancelled: the watch cancelled.
    """
    assert options.test_source is not None
    name = printable(str(options.test_source), 200)
    if len(source.parts) > 1:
        raise ConfigError(f"--test-source {name}: the source has test images already; leave it out")
    channels, height, width = source.image_shape
    asked = replace(
        options, size=(height, width), channels=1 if channels == 1 else 3, test_source=None
    )
    test = open_source(options.test_source, asked, watch)
    try:
        part = _fitting(test, source, name)
    except BaseException:
        test.close()
        raise
    return replace(
        source,
        parts={"train": source.parts["train"], "test": part},
        unreadable=source.unreadable + test.unreadable,
        close=test.close,
    )


def _fitting(test: Source, source: Source, name: str) -> Part:
    """The only part of a test source, with the labels of the source to train on."""
    if len(test.parts) > 1:
        raise ConfigError(f"--test-source {name}: it has two parts itself; name one of them")
    if test.image_shape != source.image_shape:
        found, expected = ("×".join(map(str, one.image_shape)) for one in (test, source))
        raise ConfigError(f"--test-source {name}: its images are {found}, expected {expected}")
    labels = {one: label for label, one in enumerate(source.classes)}
    for one in test.classes:
        if one not in labels:
            known = printable(", ".join(source.classes), 200)
            raise ConfigError(f"--test-source {name}: {one} is no class of the source ({known})")
    (part,) = test.parts.values()
    return _Relabelled(part, np.array([labels[one] for one in test.classes], np.int64))
