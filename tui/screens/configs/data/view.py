"""What the data view shows, read and computed in background jobs."""

import math
from dataclasses import dataclass

import numpy as np

from engine.arrays import Array
from engine.config import Config
from engine.data import Dataset
from engine.images.thumbnails import thumbnail
from engine.services.datasets import Overview, as_trained_on, overview, samples_of_classes
from engine.train import factory
from tui.state.selection import find_dataset
from tui.state.training import Training

EPOCHS = 8
"""Augmented versions of an image: those of the first epochs."""

SAMPLES = 50
"""Images of a class to choose from, at most."""

_LONGEST = 96
_PIXELS = 1 << 19
"""Of a side, and of all pictures that are shown together."""


@dataclass(frozen=True, eq=False)
class DataView:
    """A data set as a config trains on it.

    Attributes:
        overview: its counts.
        samples: for every class the indices of some images to train on.
    """

    overview: Overview
    samples: list[np.ndarray]

    @classmethod
    def read(cls, config: Config, training: Training) -> "DataView | None":
        """Read the data set of a config; None if it is not on this machine.

        Raises:
            DataError: it is damaged.
            ConfigError: it has too few images for this config.
        """
        dataset = find_dataset(config, training)
        if dataset is None:
            return None
        found = overview(config.dataset, config.data.root, dataset=dataset)
        batches, _ = factory.training_batches(config, dataset)
        labels, classes = dataset.train.labels, len(dataset.classes)
        return cls(found, samples_of_classes(labels, classes, SAMPLES, batches.indices))

    @property
    def dataset(self) -> Dataset:
        """The data set."""
        return self.overview.dataset

    def sample(self, label: int, turn: int) -> int | None:
        """The index of an image of a class; None if the config trains on none.

        Args:
            label: which class.
            turn: 0 is the first image, and so on; the first one follows the last.
        """
        samples = self.samples[label]
        return int(samples[turn % len(samples)]) if len(samples) else None

    def pictures(self, turn: int) -> Array:
        """An image of every class, as ``Tiles`` takes them; black where there is none.

        Raises:
            DataError: the file cannot be read any more.
        """
        train = self.dataset.train
        side = _side(len(self.samples), train.images.shape[1])
        chosen = [self.sample(label, turn) for label in range(len(self.samples))]
        blank = np.zeros(train.images.shape[1:], np.uint8)
        return _as_pictures(
            [thumbnail(blank if one is None else self._image(one), side) for one in chosen]
        )

    def augmented(self, config: Config, sample: int) -> Array:
        """An image to train on as it is, then as the run sees it in its first epochs."""
        seen = as_trained_on(config, self.dataset, sample, EPOCHS)
        versions = np.rint(255 * seen).clip(0, 255).astype(np.uint8)
        images = [self._image(sample), *versions]
        side = _side(len(images), len(images[0]))
        return _as_pictures([thumbnail(image, side) for image in images])

    def _image(self, sample: int) -> np.ndarray:
        """A training image, uint8 (C, H, W)."""
        return self.dataset.train.take(np.array([sample]))[0]


def _side(count: int, channels: int) -> int:
    """The longest side that pictures may have, so that all of them are few enough pixels."""
    return max(1, min(_LONGEST, math.isqrt(_PIXELS // (count * channels))))


def _as_pictures(images: list[np.ndarray]) -> Array:
    """Images, uint8 (C, h, w), as ``Tiles`` shows them: from 0 to 1."""
    scaled = np.stack(images).astype(np.float32) / 255
    return scaled[:, 0] if scaled.shape[1] == 1 else np.moveaxis(scaled, 1, 3)
