"""Folders of small image files to import."""

from pathlib import Path

import numpy as np
from PIL import Image

from engine.importing import ImportOptions


def pixels(seed: int, shape: tuple[int, int, int] = (1, 6, 5)) -> np.ndarray:
    """An image of noise, uint8, (C, H, W); the same for the same seed."""
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def write_image(path: Path, image: np.ndarray) -> Path:
    """Write an image, (C, H, W), into a file of the kind that its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shown = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
    Image.fromarray(np.ascontiguousarray(shown)).save(path)
    return path


def make_folder(
    folder: Path,
    classes: tuple[str, ...] = ("cat", "dog"),
    count: int = 5,
    *,
    shape: tuple[int, int, int] = (1, 6, 5),
    seed: int = 0,
) -> Path:
    """A folder a class with PNGs of noise, ``0.png`` and so on, no two the same."""
    for label, name in enumerate(classes):
        for i in range(count):
            write_image(folder / name / f"{i}.png", pixels(1000 * seed + count * label + i, shape))
    return folder


def as_pets(**options: object) -> ImportOptions:
    """Options of an import as ``pets``."""
    return ImportOptions("pets", **options)  # type: ignore[arg-type]
