"""A drawing."""

import numpy as np

from engine.arrays import Array
from engine.images.ink import centred

_RADIUS = 1.7
"""Of the brush, in pixels: about as thick as the strokes of MNIST are."""


class Drawing:
    """Ink on a grid of pixels.

    Attributes:
        ink: (height, width) from 0 to 1.

    Args:
        height, width: in pixels.
    """

    def __init__(self, height: int, width: int) -> None:
        self.ink = np.zeros((height, width), np.float32)

    @property
    def is_empty(self) -> bool:
        return not self.ink.any()

    def clear(self) -> None:
        """Clear."""
        self.ink[:] = 0

    def stroke(
        self, start: tuple[float, float], end: tuple[float, float], *, erase: bool = False
    ) -> None:
        """Draw or erase along a line.

        Args:
            start, end: row and column; pixels have whole numbers.
            erase: whether to erase.
        """
        rows, columns = np.indices(self.ink.shape)
        (a, b), (c, d) = start, end
        length = (c - a) ** 2 + (d - b) ** 2
        scale = 1 / length if length else 0.0
        along = np.clip(((rows - a) * (c - a) + (columns - b) * (d - b)) * scale, 0, 1)
        distance = np.hypot(rows - a - along * (c - a), columns - b - along * (d - b))
        ink = np.clip(_RADIUS - distance, 0, 1).astype(np.float32)
        self.ink[:] = self.ink * (1 - ink) if erase else np.maximum(self.ink, ink)

    def as_digit(self) -> Array:
        """The ink in the form of MNIST's digits: scaled into a box, its mass in the centre."""
        return centred(self.ink, self.ink.shape)
