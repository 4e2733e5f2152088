"""Colours for numbers: from blue over nothing to orange, which colour-blind people tell apart.

There are 23 colours, and no more: a picture of a few colours is a few runs of cells, and a
terminal over ssh gets kilobytes instead of hundreds of them.
"""

from functools import lru_cache

import numpy as np
from textual.color import Color

from engine.arrays import Array

ARM = 11
"""Colours on either side of zero."""
ZERO = ARM
STEPS = 2 * ARM + 1

_ENDS = {
    # negative, zero, positive
    "dark": ("#63bdff", "#1a2029", "#ffb04d"),
    "light": ("#0a4fa3", "#ecebe6", "#a84900"),
    "grey": ("#000000", "#777777", "#ffffff"),
}


@lru_cache(maxsize=8)
def diverging(kind: str) -> tuple[str, ...]:
    """The colours from the most negative to the most positive.

    Args:
        kind: ``dark`` or ``light``, as the theme is, or ``grey`` where there are no colours: there
            the lightness tells the sign.
    """
    negative, zero, positive = map(Color.parse, _ENDS[kind])
    down = [zero.blend(negative, i / ARM) for i in range(ARM, 0, -1)]
    up = [zero.blend(positive, i / ARM) for i in range(1, ARM + 1)]
    return tuple(colour.hex6 for colour in (*down, zero, *up))


def levels(values: Array, limit: float) -> Array:
    """Indices into ``diverging``: ``limit`` and beyond is the end, what is NaN counts as zero."""
    if not limit > 0:
        return np.full(values.shape, ZERO, np.int16)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = np.nan_to_num(values / limit, nan=0.0, posinf=1.0, neginf=-1.0)
    return (ZERO + np.rint(np.clip(scaled, -1.0, 1.0) * ARM)).astype(np.int16)


_GREYS = 24
_CUBE = 6


@lru_cache(maxsize=2)
def image_colours(coloured: bool) -> tuple[str, ...]:
    """The colours of images: 24 greys, or a cube of 6 reds, greens and blues."""
    if not coloured:
        return tuple(f"#{g:02x}{g:02x}{g:02x}" for g in np.linspace(8, 248, _GREYS).astype(int))
    steps = np.linspace(0, 255, _CUBE).astype(int).tolist()
    return tuple(f"#{r:02x}{g:02x}{b:02x}" for r in steps for g in steps for b in steps)


def image_levels(images: Array) -> Array:
    """Indices into ``image_colours``, from numbers between 0 and 1: (n, h, w) or (n, h, w, 3)."""
    if images.ndim == 3:
        return np.rint(images.clip(0, 1) * (_GREYS - 1)).astype(np.int16)
    red, green, blue = np.moveaxis(np.rint(images.clip(0, 1) * (_CUBE - 1)).astype(np.int16), 3, 0)
    return (red * _CUBE + green) * _CUBE + blue


def text_colour(background: str) -> str:
    """Black or white, whichever can be read on a colour."""
    return "#000000" if Color.parse(background).brightness > 0.45 else "#ffffff"
