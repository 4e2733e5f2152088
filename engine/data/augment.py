"""Data augmentation: random changes to training images."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from engine.data.warp import Mode, pad, warp
from engine.errors import ConfigError


@dataclass(frozen=True)
class Augmentation:
    """Augmentation of a batch: shift, rotation, zoom, flip, cutout, erasing, mixing, in this order.

    Shift and flip: Krizhevsky, Sutskever, Hinton 2012, section 4.1; with zero padding as in
    He et al. 2016, section 4.2. Cutout: DeVries and Taylor 2017. Rotation and zoom: Simard,
    Steinkraus and Platt 2003, section 2. Erasing: Zhong et al. 2020. Alternating
    flip: Jordan 2024, section 3.6.

    Attributes:
        shift: pad with this many zeros on every side, then crop to the old size at random.
        flip: mirror left and right, with probability 1/2.
        cutout: side of a square that is painted over with the mean. Its centre is anywhere in
            the image, so that part of it may be outside.
        border: what a shift, a rotation or a zoom fetches from outside: black, or the image
            reflected at its edge.
        alternate: mirror by epoch: half of the images in even epochs, the others in odd ones.
        rotate: turn about the centre by up to this many degrees.
        zoom: make larger or smaller by up to this share. With a rotation or a zoom, the shift is
            by fractions of a pixel too: by any number that rounds to at most ``shift``.
        erase: probability that a rectangle of 2 % to 40 % of the image, from 0.3 to 3.3 times as
            high as wide, is painted over with random pixels.
        mixup: α of ``engine.data.mixing.mixed``, for normalised images; 0 mixes none.
    """

    shift: int = 0
    flip: bool = False
    cutout: int = 0
    border: str = "black"
    alternate: bool = False
    rotate: float = 0.0
    zoom: float = 0.0
    erase: float = 0.0
    mixup: float = 0.0

    def check(self, image_shape: tuple[int, int, int]) -> None:
        """Check that images of shape (C, H, W) are large enough; raise ConfigError if not."""
        side = min(image_shape[1:])
        for name, value in (("shift", self.shift), ("cutout", self.cutout)):
            if not 0 <= value < side:
                raise ConfigError(
                    f"augment.{name}: got {value}, expected 0 to {side - 1} "
                    f"for images of {image_shape[1]}×{image_shape[2]}"
                )

    def apply(
        self,
        images: np.ndarray,
        rng: np.random.Generator,
        fill: np.ndarray,
        mirrored: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return an augmented copy of the images, uint8 (N, C, H, W), not mixed yet.

        Args:
            images: uint8, (N, C, H, W).
            rng: the generator of all random choices.
            fill: uint8, (C, 1, 1), what cutout paints with.
            mirrored: bool, (N,), which images a flip mirrors; None draws it.
        """
        n, _, height, width = images.shape
        each = np.arange(n)
        mode: Mode = "reflect" if self.border == "reflect" else "constant"
        if self.rotate or self.zoom:
            reach = self.shift + 0.5 if self.shift else 0.0
            images = warp(
                images,
                turns=np.deg2rad(rng.uniform(-self.rotate, self.rotate, n)),
                sizes=rng.uniform(1 - self.zoom, 1 + self.zoom, (n,)),
                moves=rng.uniform(-reach, reach, (2, n)),
                mode=mode,
            )
        elif self.shift:
            s = self.shift
            padded = pad(images, s, mode)
            top, left = rng.integers(0, 2 * s + 1, n), rng.integers(0, 2 * s + 1, n)
            crops = sliding_window_view(padded, (height, width), axis=(2, 3))
            images = crops[each, :, top, left]
        else:
            images = images.copy()
        if self.flip:
            chosen = np.flatnonzero(rng.random(n) < 0.5 if mirrored is None else mirrored)
            images[chosen] = images[chosen, :, :, ::-1]
        if self.cutout:
            y = rng.integers(0, height, size=(n,))
            x = rng.integers(0, width, size=(n,))
            inside = _band(y, self.cutout, height)[:, None, :, None]
            inside = inside & _band(x, self.cutout, width)[:, None, None, :]
            np.copyto(images, fill, where=inside)
        if self.erase:
            for i in np.flatnonzero(rng.random(n) < self.erase):
                _erase(images[i], rng)
        return images


AREAS, RATIO = (0.02, 0.4), 0.3
"""Of an erased rectangle: its share of the image, and the least height for a width (or width for
a height), as in the paper."""


def _erase(image: np.ndarray, rng: np.random.Generator) -> None:
    """Paint a random rectangle over with noise, in place; it is cut to fit into the image."""
    channels, height, width = image.shape
    area = rng.uniform(*AREAS) * height * width
    ratio = np.exp(rng.uniform(np.log(RATIO), -np.log(RATIO)))
    high = min(max(round(np.sqrt(area * ratio)), 1), height)
    wide = min(max(round(np.sqrt(area / ratio)), 1), width)
    top = rng.integers(0, height - high + 1)
    left = rng.integers(0, width - wide + 1)
    noise = rng.integers(0, 256, (channels, high, wide), np.uint8)
    image[:, top : top + high, left : left + wide] = noise


def _band(centres: np.ndarray, size: int, length: int) -> np.ndarray:
    """Mask of shape (N, length): true in a band of ``size`` around each centre."""
    distance = np.arange(length) - (centres[:, None] - size // 2)
    return (distance >= 0) & (distance < size)
