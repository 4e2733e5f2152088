"""A data set in numbers, its samples by class, and an image as it is trained on."""

from pathlib import Path

import numpy as np
import pytest

from engine import data
from engine.config import loads
from engine.data import Batches
from engine.data.mixing import Mix
from engine.errors import ConfigError, DataError
from engine.parallel.workers import Workers
from engine.services.datasets import as_trained_on, overview, samples_of_classes
from engine.train import factory
from engine.train.trainer import Trainer
from tests.support.imported_sets import make_set

CONFIG = """
dataset: pets
layers: [Flatten, {Dense: {out_features: 3}}]
data: {root: %s, validation: 0.2, augment: {shift: 2, flip: true, cutout: 3}}
train: {epochs: 3, batch_size: 16}
"""


def test_an_overview_counts_the_images_of_every_class(tmp_path: Path) -> None:
    make_set(tmp_path, train=61, test=12)
    found = overview("pets", tmp_path)
    assert found.train.tolist() == [21, 20, 20]
    assert found.test.tolist() == [4, 4, 4]
    assert found.imbalance == 21 / 20
    assert found.place == tmp_path / "processed" / "pets"
    assert found.source == {"kind": "made up"}


def test_a_class_without_training_images_is_infinitely_smaller(tmp_path: Path) -> None:
    make_set(tmp_path, train=2, test=3)
    found = overview("pets", tmp_path)
    assert found.train.tolist() == [1, 1, 0]
    assert found.imbalance == float("inf")


def test_a_set_that_ships_has_no_source() -> None:
    found = overview("mnist_mini")
    assert found.source == {}
    assert found.train.sum() == 4000
    assert len(found.train) == 10


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cnn-tui data fetch mnist"):
        overview("mnist", tmp_path)
    with pytest.raises(ConfigError, match="unknown data set 'pests'"):
        overview("pests", tmp_path)


def test_samples_are_the_first_ones_of_their_class() -> None:
    labels = np.array([2, 0, 0, 3, 0, 2])
    found = [one.tolist() for one in samples_of_classes(labels, 5, 2)]
    assert found == [[1, 2], [], [0, 5], [3], []]
    among = np.array([2, 3, 4, 5])
    found = [one.tolist() for one in samples_of_classes(labels, 5, 2, among)]
    assert found == [[2, 4], [], [5], [3], []]


def test_an_image_is_shown_as_the_run_sees_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_set(tmp_path)
    overrides = ["train.micro_batch=3", "data.augment.mixup=1.0"]
    config = loads(CONFIG % tmp_path, "pets.yaml", overrides)
    dataset = data.load("pets", tmp_path)
    batches, held_out = factory.training_batches(config, dataset)
    sample = int(batches.indices[7])
    shown = as_trained_on(config, dataset, sample, 3)
    assert len({image.tobytes() for image in shown}) == 3, "another one every epoch"
    load = Batches.load_mixed
    seen: list[np.ndarray] = []

    def watched(
        self: Batches, indices: np.ndarray, rng: np.random.Generator | None, epoch: int
    ) -> tuple[np.ndarray, np.ndarray, Mix | None]:
        images, labels, mix = load(self, indices, rng, epoch)
        seen.extend(image for image, index in zip(images, indices, strict=True) if index == sample)
        return images, labels, mix

    monkeypatch.setattr(Batches, "load_mixed", watched)
    model, optimizer = factory.make_model(config), factory.make_optimizer(config)
    with Workers(1) as workers:
        trainer = Trainer(
            model, factory.make_loss(config), optimizer, seed=config.seed, workers=workers
        )
        for epoch in range(3):
            for step in range(batches.steps_per_epoch):
                trainer.step(batches, epoch, step)
    (mean,), (std,) = dataset.mean, dataset.std
    assert np.abs(shown - (np.stack(seen) * std + mean)).max() < 1e-6
    with pytest.raises(IndexError, match="in no batch"):
        as_trained_on(config, dataset, int(held_out[0]), 1)
