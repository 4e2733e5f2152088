"""Normalisation of pixels: the same for samples to train on and for images to be classified."""

import math

import numpy as np

_DECIMALS = 4
"""Of mean and std, as they are published for MNIST and CIFAR-10."""


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


def statistics(
    sums: np.ndarray, squares: np.ndarray, pixels: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std per channel of pixels divided by 255; 1 where all pixels are the same.

    Args:
        sums: of the pixels from 0 to 255, of each channel, (C,).
        squares: the sums of their squares, (C,).
        pixels: how many there are of each channel.
    """
    means, spreads = [], []
    for total, square in zip(sums.tolist(), squares.tolist(), strict=True):
        means.append(round(total / pixels / 255, _DECIMALS))
        # Whole numbers until here, so that nothing is cancelled.
        variance = (square * pixels - total * total) / pixels**2
        spreads.append(round(math.sqrt(max(variance, 0)) / 255, _DECIMALS) or 1.0)
    return tuple(means), tuple(spreads)
