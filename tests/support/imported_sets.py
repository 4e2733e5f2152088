"""Small imported data sets."""

from pathlib import Path

import numpy as np

from engine.data import ImportedDataset, processed_folder
from engine.images import AS_IT_IS, Preparation
from engine.importing.writer import DatasetWriter

CLASSES = ("cat", "dog", "a fox")


def make_set(
    root: Path,
    name: str = "pets",
    *,
    classes: tuple[str, ...] = CLASSES,
    shape: tuple[int, int, int] = (1, 8, 8),
    train: int = 60,
    test: int = 12,
    preparation: Preparation = AS_IT_IS,
) -> ImportedDataset:
    """Import images that can be told apart: class ``i`` has a bright row ``i``, and noise.

    Args:
        root: the folder of the data sets, as in ``data.root``.
        name: of the set.
        classes: their names.
        shape: (C, H, W).
        train, test: samples; the classes take turns.
        preparation: kept with the set.
    """
    rng = np.random.default_rng(0)
    with DatasetWriter(processed_folder(root) / name, shape) as writer:
        for part, count in (("train", train), ("test", test)):
            labels = np.arange(count) % len(classes)
            images = rng.integers(0, 80, (count, *shape), dtype=np.uint8)
            images[np.arange(count), :, labels % shape[1]] = 250
            writer.add(part, images, labels)
        return writer.finish(
            title="pets", classes=classes, preparation=preparation, source={"kind": "made up"}
        )
