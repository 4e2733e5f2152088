"""Views of test images: mirrored and shifted, for the mean of the scores of several."""

from dataclasses import dataclass

import numpy as np

from engine.data.warp import pad


@dataclass(frozen=True)
class View:
    """A fixed change to images.

    Attributes:
        move: pixels down and right, at most 1; what comes in is the image, reflected at its edge.
        mirrored: left and right exchanged, after that.
    """

    move: int = 0
    mirrored: bool = False

    def apply(self, images: np.ndarray) -> np.ndarray:
        """The view of images (N, C, H, W)."""
        if self.move:
            height, width = images.shape[2:]
            start = 1 - self.move
            images = pad(images, 1, "reflect")[:, :, start : start + height, start : start + width]
        return images[:, :, :, ::-1] if self.mirrored else images


PLAIN = View()

VIEWS: dict[str, dict[View, float]] = {
    "mirror": {PLAIN: 0.5, View(mirrored=True): 0.5},
    "shift": {PLAIN: 0.5, View(1): 0.25, View(-1): 0.25},
    "mirror_shift": {
        View(move, mirrored): share
        for move, share in ((0, 0.25), (1, 0.125), (-1, 0.125))
        for mirrored in (False, True)
    },
}
"""By its name in configs: the views that are looked at, and the share of each in the mean.

Half of the weight is on the image where it is (Jordan, '94 % on CIFAR-10 in 3.29 seconds', 2024,
section 3.5; mirror images: Krizhevsky, Sutskever and Hinton 2012, section 4.1).
"""
