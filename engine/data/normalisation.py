"""Normalisation of pixels: the same for samples to train on and for images to be classified."""

import numpy as np


class Normalisation:
    """``(p / 255 - mean) / std`` for each channel, as one multiplication and one addition.

    Args:
        mean: per channel, of pixels divided by 255.
        std: per channel, of pixels divided by 255.
    """

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        mean64, std64 = (np.array(v, np.float64).reshape(-1, 1, 1) for v in (mean, std))
        self._scale = (1 / (255 * std64)).astype(np.float32)
        self._offset = (-mean64 / std64).astype(np.float32)

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Normalise pixels from 0 to 255, (N, C, H, W) of any dtype, as float32."""
        x = pixels.astype(np.float32)
        x *= self._scale
        x += self._offset
        return x
