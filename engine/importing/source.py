"""What an import reads: samples in a fixed order, whose labels are known before any image is."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np

from engine.errors import Cancelled
from engine.images import AS_IT_IS, Preparation

BLOCK_BYTES = 8 << 20
"""Images that are read before they are written; a block has at least one."""


@dataclass(frozen=True)
class ImportOptions:
    """How a source is imported.

    Attributes:
        name: of the data set.
        size: (H, W) of the images; None for that of the source, if all of it have one.
        channels: 1 for grey, 3 for colour; None for what the source has.
        preparation: what becomes of images of another aspect; kept with the set.
        test: the fraction of the samples that is kept for testing, where the source names none.
        test_source: where the test samples are; None if they are in the source.
        label: column of the labels in a table.
        classes: names of the classes, in the order of the labels; None for those of the source.
        unreadable: whether files that cannot be read are skipped or end the import.
        seed: of the split.
        replace: whether an imported set of that name is replaced.
        normalise_as: the data set whose mean and std are taken; None measures them.
        find_ink: whether ``preparation.ink`` is set where the images are found to be strokes on
            black; they stay as they are, and what is to be classified is made alike.
    """

    name: str
    size: tuple[int, int] | None = None
    channels: Literal[1, 3] | None = None
    preparation: Preparation = AS_IT_IS
    test: float = 0.2
    test_source: Path | None = None
    label: str | None = None
    classes: tuple[str, ...] | None = None
    unreadable: Literal["skip", "refuse"] = "refuse"
    seed: int = 42
    replace: bool = False
    normalise_as: str | None = None
    find_ink: bool = True


def _ignore(label: str, done: int, total: int) -> None:
    """Do nothing."""


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Watch:
    """Someone who sees the progress of an import, and may cancel it.

    Attributes:
        progress: called with what is being done, how much of it is done, and of how much.
        cancelled: polled; true cancels.
    """

    progress: Callable[[str, int, int], None] = _ignore
    cancelled: Callable[[], bool] = _never

    def report(self, label: str, done: int, total: int) -> None:
        """Report progress; to be called several times a second.

        Raises:
            Cancelled: the import was cancelled.
        """
        self.check()
        self.progress(label, done, total)

    def check(self) -> None:
        """Raise if the import was cancelled.

        Raises:
            Cancelled: it was.
        """
        if self.cancelled():
            raise Cancelled("the import was cancelled; nothing was imported")


NOBODY = Watch()
"""Watches nothing."""


@dataclass(frozen=True)
class Unreadable:
    """A sample that cannot be read, or something that no sample can be made of.

    Attributes:
        where: its place in the source, as ``Part.where`` has it, in printable characters.
        reason: why, in a few words.
    """

    where: str
    reason: str


@dataclass(frozen=True)
class Block:
    """Some samples.

    Attributes:
        images: uint8, (n, C, H, W).
        labels: int64, (n,).
        unreadable: those that were asked for and cannot be read; they are not among the images.
    """

    images: np.ndarray
    labels: np.ndarray
    unreadable: tuple[Unreadable, ...] = ()


class Part(ABC):
    """Samples of one part, train or test.

    Attributes:
        labels: int64, (N,).
    """

    labels: np.ndarray

    @abstractmethod
    def blocks(self, indices: np.ndarray) -> Iterator[Block]:
        """Read samples in the order of their indices, in blocks of about ``BLOCK_BYTES``.

        Args:
            indices: of the samples, int64, ascending.
        """

    def where(self, index: int) -> str:
        """A sample's place in the source, for people, in printable characters."""
        return f"sample {index + 1}"


def _nothing() -> None:
    """Close nothing."""


@dataclass(frozen=True)
class Source:
    """An opened source; leaving the ``with`` closes it.

    Attributes:
        kind: in words, for people: ``folder of images``.
        classes: their names, in the order of the labels.
        image_shape: (C, H, W) of all images that it gives.
        parts: ``train`` alone, to be split, or ``train`` and ``test``.
        facts: more about where it came from, for the manifest.
        unreadable: what was found to be so when it was opened; it is in no part.
        close: closes its files.
    """

    kind: str
    classes: tuple[str, ...]
    image_shape: tuple[int, int, int]
    parts: Mapping[str, Part]
    facts: Mapping[str, Any] = field(default_factory=dict)
    unreadable: tuple[Unreadable, ...] = ()
    close: Callable[[], None] = _nothing

    def __enter__(self) -> "Source":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
