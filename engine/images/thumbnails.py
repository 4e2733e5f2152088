"""Small pictures of images, for terminals."""

import numpy as np
from PIL import Image


def thumbnail(image: np.ndarray, side: int) -> np.ndarray:
    """An image that is shrunk until neither side is longer than ``side``; the aspect stays.

    Args:
        image: uint8, (C, H, W); C is 1 or 3.
        side: in pixels.

    Returns:
        uint8, (C, h, w).
    """
    longest = max(image.shape[1:])
    if longest <= side:
        return image
    height, width = (max(1, round(length * side / longest)) for length in image.shape[1:])
    channels = [
        Image.fromarray(channel).resize((width, height), Image.Resampling.BOX) for channel in image
    ]
    return np.stack([np.asarray(channel) for channel in channels])
