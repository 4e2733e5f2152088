"""Images moved, turned and zoomed: borders, and bilinear interpolation."""

from typing import Literal

import numpy as np

Mode = Literal["constant", "reflect"]


def pad(images: np.ndarray, margin: int, mode: Mode) -> np.ndarray:
    """Images (N, C, H, W) with a border of so many pixels: black, or the image reflected.

    A reflection leaves out the edge itself: next to it is what lies one pixel inside.
    """
    return np.pad(images, ((0, 0), (0, 0), (margin, margin), (margin, margin)), mode)


def warp(
    images: np.ndarray, *, turns: np.ndarray, sizes: np.ndarray, moves: np.ndarray, mode: Mode
) -> np.ndarray:
    """Images turned and zoomed about their centre, then moved.

    Pixel p of the result is what was at q, a fraction of a pixel included:

        p = size · R(turn) · q + move,    so    q = R(−turn) · (p − move) / size

    with p and q from the centre, down and right. The value at q is the mean of the four pixels
    around it, each weighted with how near it is (bilinear interpolation).

    Args:
        images: uint8, (N, C, H, W).
        turns: radians, (N,), clockwise as images are drawn.
        sizes: factors above 0, (N,).
        moves: pixels down and right, (2, N).
        mode: what is outside of an image, up to half of it; farther out, the last pixel of that.

    Returns:
        uint8, (N, C, H, W).
    """
    n, channels, height, width = images.shape
    margin = min(height, width) // 2  # what is farther out is as at this border
    padded = pad(images, margin, mode).reshape(n, channels, -1)
    high, wide = height + 2 * margin, width + 2 * margin
    centre_y, centre_x = (height - 1) / 2, (width - 1) / 2
    down, right = (each[:, None, None] for each in moves)
    y = np.arange(height)[:, None] - centre_y - down  # nyx
    x = np.arange(width) - centre_x - right
    cos, sin = (f(turns)[:, None, None] / sizes[:, None, None] for f in (np.cos, np.sin))
    v = np.clip(cos * y - sin * x + centre_y + margin, 0, high - 1)
    u = np.clip(sin * y + cos * x + centre_x + margin, 0, wide - 1)
    top = np.minimum(v.astype(np.int64), high - 2)
    left = np.minimum(u.astype(np.int64), wide - 2)
    below, beside = v - top, u - left
    first = (top * wide + left).reshape(n, 1, -1)
    out = np.zeros((n, channels, height * width), np.float32)
    for step, share in (
        (0, (1 - below) * (1 - beside)),
        (1, (1 - below) * beside),
        (wide, below * (1 - beside)),
        (wide + 1, below * beside),
    ):
        pixels = np.take_along_axis(padded, first + step, 2)
        out += pixels * share.reshape(n, 1, -1).astype(np.float32)
    return np.rint(out).astype(np.uint8).reshape(images.shape)
