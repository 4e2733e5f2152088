"""Pictures like photographs of handwriting, made from digits of a data set."""

import numpy as np
from PIL import Image, ImageFilter

Rng = np.random.Generator


def photograph(
    digit: np.ndarray,
    rng: Rng,
    *,
    side: int = 400,
    light_ink: bool = False,
    shadow: bool = False,
    thin: bool = False,
) -> np.ndarray:
    """A digit on paper: large, turned a little, off the centre, under a light from one side.

    Args:
        digit: light on black, uint8 (28, 28).
        rng: decides about place, size, angle, brightness, grain and noise.
        side: pixels of the shorter side of the picture; the longer has up to half more.
        light_ink: chalk on slate, instead of a pen on paper.
        shadow: the soft shadow of something over a corner.
        thin: the strokes of a ballpoint pen, a third as thick.

    Returns:
        Grey, uint8 (H, W).
    """
    height, width = side + rng.integers(0, side // 2, 2)
    large = int(side * rng.uniform(0.45, 0.9))
    image = Image.fromarray(digit).resize((large, large), Image.Resampling.BICUBIC)
    if thin:
        image = image.filter(ImageFilter.MinFilter(2 * (large // 80) + 1))
    image = image.rotate(rng.uniform(-8, 8), Image.Resampling.BICUBIC)
    ink = np.zeros((height, width))
    top, left = rng.integers(0, height - large), rng.integers(0, width - large)
    ink[top : top + large, left : left + large] = np.asarray(image) / 255

    rows, columns = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    light = 1 + rng.uniform(0.1, 0.35) * (np.cos(angle) * (rows - 0.5) + np.sin(angle) * columns)
    if shadow:
        edge = rng.uniform(0.3, 0.8) + rng.uniform(-0.5, 0.5) * rows - columns
        light *= 1 - rng.uniform(0.15, 0.35) / (1 + np.exp(edge / 0.03))
    paper = np.full((height, width), rng.uniform(*((30, 70) if light_ink else (130, 210))))
    pen = rng.uniform(*((150, 220) if light_ink else (20, 80)))
    for grain in (2, 6, 30):
        cells = rng.normal(0, 1, (height // grain + 2, width // grain + 2))
        layer = Image.fromarray(cells.astype(np.float32)).resize((width, height))
        paper += 3 * np.asarray(layer)
    picture = (paper * (1 - ink) + pen * ink) * light + rng.normal(0, 4, (height, width))
    return picture.clip(0, 255).astype(np.uint8)
