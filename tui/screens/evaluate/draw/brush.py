"""A drawing, and its preparation as input of a network."""

import numpy as np

from engine.arrays import Array

_RADIUS = 1.7
"""Of the brush, in pixels: about as thick as the strokes of MNIST are."""
_BOX, _SIDE = 20, 28
"""MNIST's digits fill a box of 20 in images of 28 (LeCun et al. 1998, section III)."""


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
        """The ink as MNIST's digits were prepared: filling a box of 20, its mass in the centre.

        Images of other sizes than 28 by 28 are left as they are.
        """
        if self.is_empty or self.ink.shape != (_SIDE, _SIDE):
            return self.ink
        rows, columns = (np.flatnonzero(self.ink.any(axis=axis)) for axis in (1, 0))
        cut = self.ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        longest = max(cut.shape)
        height, width = (max(1, round(side * _BOX / longest)) for side in cut.shape)
        digit = _resized(cut, height, width)
        mass = digit.sum()
        centre = [
            int(np.rint((digit.sum(axis=1 - axis) * np.arange(digit.shape[axis])).sum() / mass))
            for axis in (0, 1)
        ]
        image = np.zeros_like(self.ink)
        top, left = (
            min(max(_SIDE // 2 - place, 0), _SIDE - side)
            for place, side in zip(centre, digit.shape, strict=True)
        )
        image[top : top + height, left : left + width] = digit
        return image


def _resized(image: Array, height: int, width: int) -> Array:
    """Each pixel the mean of four samples between the pixels around it."""
    places = [
        np.clip((np.arange(2 * new) + 0.5) * old / (2 * new) - 0.5, 0, old - 1)
        for new, old in zip((height, width), image.shape, strict=True)
    ]
    for axis, place in enumerate(places):
        low = np.floor(place).astype(np.int64)
        high = np.minimum(low + 1, image.shape[axis] - 1)
        part = (place - low).astype(np.float32).reshape((-1, 1) if axis == 0 else (1, -1))
        image = image.take(low, axis) * (1 - part) + image.take(high, axis) * part
    return image.reshape(height, 2, width, 2).mean(axis=(1, 3))
