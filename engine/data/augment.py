"""Data augmentation: random shift, flip and cutout of training images."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from engine.errors import ConfigError


@dataclass(frozen=True)
class Augmentation:
    """Augmentation of a batch: shift, flip, cutout, in this order.

    Shift and flip: Krizhevsky, Sutskever, Hinton 2012, section 4.1; with zero padding as in
    He et al. 2016, section 4.2. Cutout: DeVries and Taylor 2017.

    Attributes:
        shift: pad with this many zeros on every side, then crop to the old size at random.
        flip: mirror left and right, with probability 1/2.
        cutout: side of a square that is painted over with the mean. Its centre is anywhere in
            the image, so that part of it may be outside.
    """

    shift: int = 0
    flip: bool = False
    cutout: int = 0

    def check(self, image_shape: tuple[int, int, int]) -> None:
        """Check that images of shape (C, H, W) are large enough; raise ConfigError if not."""
        side = min(image_shape[1:])
        for name, value in (("shift", self.shift), ("cutout", self.cutout)):
            if not 0 <= value < side:
                raise ConfigError(
                    f"augment.{name}: got {value}, expected 0 to {side - 1} "
                    f"for images of {image_shape[1]}×{image_shape[2]}"
                )

    def apply(self, images: np.ndarray, rng: np.random.Generator, fill: np.ndarray) -> np.ndarray:
        """Return an augmented copy of the images, uint8 (N, C, H, W).

        Args:
            images: uint8, (N, C, H, W).
            rng: the generator of all random choices.
            fill: uint8, (C, 1, 1), what cutout paints with.
        """
        n, channels, height, width = images.shape
        each = np.arange(n)
        if self.shift:
            s = self.shift
            padded = np.zeros((n, channels, height + 2 * s, width + 2 * s), images.dtype)
            padded[:, :, s:-s, s:-s] = images
            top, left = rng.integers(0, 2 * s + 1, n), rng.integers(0, 2 * s + 1, n)
            crops = sliding_window_view(padded, (height, width), axis=(2, 3))
            images = crops[each, :, top, left]
        else:
            images = images.copy()
        if self.flip:
            mirrored = np.flatnonzero(rng.random(n) < 0.5)
            images[mirrored] = images[mirrored, :, :, ::-1]
        if self.cutout:
            y = rng.integers(0, height, size=(n,))
            x = rng.integers(0, width, size=(n,))
            inside = _band(y, self.cutout, height)[:, None, :, None]
            inside = inside & _band(x, self.cutout, width)[:, None, None, :]
            np.copyto(images, fill, where=inside)
        return images


def _band(centres: np.ndarray, size: int, length: int) -> np.ndarray:
    """Mask of shape (N, length): true in a band of ``size`` around each centre."""
    distance = np.arange(length) - (centres[:, None] - size // 2)
    return (distance >= 0) & (distance < size)
