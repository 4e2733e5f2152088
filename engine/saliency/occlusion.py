"""Occlusion: what the network loses when a part of the image is covered."""

import numpy as np

from engine.arrays import Array
from engine.layers import Sequential
from engine.saliency.heat_map import HeatMap, method, score_of

_PARTS = 7
"""The side of the image divided by the side of the patch."""
_AT_ONCE = 64


@method("occlusion", title="occlusion", about="how far the score falls where it is covered")
def occlusion(model: Sequential, x: Array, target: int) -> HeatMap:
    """The fall of the class's logit with a patch of the mean image over each place.

    A patch of a seventh of the image moves by half of itself; a pixel's value is the mean over
    the patches that cover it. No gradient is used.

    Source: Zeiler and Fergus, 'Visualizing and understanding convolutional networks', 2014,
    section 4.2.
    """
    height, width = x.shape[2:]
    side = max(1, round(max(height, width) / _PARTS))
    boxes = [
        (slice(top, top + side), slice(left, left + side))
        for top in _starts(height, side)
        for left in _starts(width, side)
    ]
    score = score_of(model, x, target)
    total, count = np.zeros((height, width)), np.zeros((height, width))
    for start in range(0, len(boxes), _AT_ONCE):
        some = boxes[start : start + _AT_ONCE]
        covered = np.repeat(x, len(some), axis=0)
        for image, (rows, columns) in zip(covered, some, strict=True):
            image[:, rows, columns] = 0
        falls = score - model.forward(covered)[:, target].astype(np.float64)
        for fall, (rows, columns) in zip(falls, some, strict=True):
            total[rows, columns] += fall
            count[rows, columns] += 1
    return HeatMap(total / count, target, score)


def _starts(size: int, side: int) -> list[int]:
    """Where patches begin, half a patch apart; the last ends with the image."""
    return sorted({*range(0, size - side, max(side // 2, 1)), max(size - side, 0)})
