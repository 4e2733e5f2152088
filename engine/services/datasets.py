"""Look at a data set: its counts, samples of its classes, and what augmentation makes of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine import data
from engine.config import Config
from engine.data import Dataset, DatasetInfo, ImportedDataset, default_root
from engine.data.imported import read_manifest
from engine.rng import Purpose, stream
from engine.train import factory


@dataclass(frozen=True, eq=False)
class Overview:
    """A data set in numbers.

    Attributes:
        info: its description.
        place: the folder or archive that it is in.
        source: where an imported set came from; empty for any other.
        dataset: its images and labels.
        train, test: images of each class, int64, (number of classes,).
    """

    info: DatasetInfo
    place: Path
    source: Mapping[str, Any]
    dataset: Dataset
    train: np.ndarray
    test: np.ndarray

    @property
    def imbalance(self) -> float:
        """How many times the largest class is as large as the smallest, in the training set."""
        smallest = int(self.train.min())
        return int(self.train.max()) / smallest if smallest else float("inf")


def overview(name: str, root: Path | None = None, *, dataset: Dataset | None = None) -> Overview:
    """Count the images of a data set; those of an imported one are not read.

    Args:
        name: the name in configs.
        root: the folder of the data sets; default ``$CNN_TUI_DATA``, else ``data/raw``.
        dataset: the data set, where it has been read already.

    Raises:
        ConfigError: there is no data set of that name.
        DataError: it is missing or damaged.
    """
    info = data.get(name, root)
    dataset = dataset or data.load(name, root)
    folder = info.folder(root or default_root())
    counts = (
        np.bincount(split.labels, minlength=len(info.classes))
        for split in (dataset.train, dataset.test)
    )
    source = read_manifest(folder).source if isinstance(info, ImportedDataset) else {}
    return Overview(info, data.locate(name, root) or folder, source, dataset, *counts)


def samples_of_classes(
    labels: np.ndarray, classes: int, most: int, among: np.ndarray | None = None
) -> list[np.ndarray]:
    """The first samples of every class.

    Args:
        labels: of all samples, (N,).
        classes: how many there are.
        most: samples of a class, at most.
        among: indices of the samples that are looked at, ascending; None for all.

    Returns:
        For every class the indices of its samples, ascending; none where it has none.
    """
    indices = np.arange(len(labels)) if among is None else among
    order = np.argsort(labels[indices], kind="stable")
    starts = np.searchsorted(labels[indices][order], np.arange(classes + 1))
    return [
        indices[order[first : min(first + most, end)]]
        for first, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)
    ]


def as_trained_on(config: Config, dataset: Dataset, sample: int, epochs: int) -> np.ndarray:
    """A training image as a run sees it in its first epochs, with the run's own random numbers.

    Args:
        config: that of the run.
        dataset: its data set.
        sample: index of one of the samples to train on.
        epochs: how many.

    Returns:
        Pixels divided by 255, float32, (epochs, C, H, W).

    Raises:
        ConfigError: there are too few samples.
        IndexError: the sample is not trained on.
    """
    batches, _ = factory.training_batches(config, dataset)
    mean, std = (np.reshape(v, (-1, 1, 1)).astype(np.float32) for v in (dataset.mean, dataset.std))
    seen = []
    for epoch in range(epochs):
        step = batches.step_of(sample, epoch)
        batch = batches.batch_indices(epoch, step)
        place = int(np.flatnonzero(batch == sample)[0])
        parts = batches.pieces(len(batch))
        i = next(i for i, part in enumerate(parts) if part.start <= place < part.stop)
        rng = stream(Purpose.AUGMENT, config.seed, epoch, step, i)
        images, _ = batches.load(batch[parts[i]], rng, epoch)
        seen.append(images[place - parts[i].start] * std + mean)
    return np.stack(seen)
