"""Samples that are in two parts of a data set."""

import numpy as np


class Digests:
    """Digests of the pixels of a part, 16 bytes a sample.

    They are Python's own hashes of bytes, of 64 bits: among a million images, two that differ share
    one with a chance of 3e-8.

    Args:
        most: of the samples.
    """

    def __init__(self, most: int) -> None:
        self._digests = np.empty(most, np.int64)
        self._indices = np.empty(most, np.int64)
        self._count = 0

    def add(self, images: np.ndarray, indices: np.ndarray) -> None:
        """Add samples.

        Args:
            images: uint8, (n, C, H, W), C-contiguous.
            indices: what to call them, int64, (n,).
        """
        end = self._count + len(images)
        self._digests[self._count : end] = [hash(image.tobytes()) for image in images]
        self._indices[self._count : end] = indices
        self._count = end

    def found_in(self, other: "Digests") -> np.ndarray:
        """Find the samples that are in another part too.

        Returns:
            A row for each, in their order: its index, and that of the first like it in the other
            part; int64, (n, 2).
        """
        mine, theirs = self._digests[: self._count], other._digests[: other._count]
        order = np.argsort(theirs, kind="stable")
        at = np.searchsorted(theirs, mine, sorter=order)
        like = order[np.minimum(at, len(order) - 1)]
        found = theirs[like] == mine
        return np.stack([self._indices[: self._count][found], other._indices[like[found]]], axis=1)
