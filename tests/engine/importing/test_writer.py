"""The writer of an imported data set."""

import json
from pathlib import Path

import numpy as np
import pytest

from engine.data import ImportedDataset
from engine.data.imported import MANIFEST
from engine.images import AS_IT_IS
from engine.importing.writer import DatasetWriter

SHAPE = (3, 4, 5)
CLASSES = ("a", "b", "c")
LABELS = {"train": [2, 0, 2, 1, 2, 1, 0], "test": [1, 1, 0]}


@pytest.fixture
def images() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    made = {
        part: rng.integers(0, 256, (len(labels), *SHAPE), dtype=np.uint8)
        for part, labels in LABELS.items()
    }
    made["train"][:, 2] //= 2  # each channel has a mean and std of its own
    return made


def write(folder: Path, images: dict[str, np.ndarray]) -> ImportedDataset:
    with DatasetWriter(folder, SHAPE) as writer:
        for first in (0, 2, 5):  # in pieces of different lengths
            for part, labels in LABELS.items():
                piece = slice(first, {0: 2, 2: 5, 5: None}[first])
                if labels[piece]:
                    writer.add(part, images[part][piece], np.array(labels[piece]))
        return writer.finish(title="t", classes=CLASSES, preparation=AS_IT_IS, source={})


def test_what_is_written_is_what_was_added(tmp_path: Path, images: dict[str, np.ndarray]) -> None:
    info = write(tmp_path / "made", images)
    for part, labels in LABELS.items():
        assert (np.load(tmp_path / "made" / f"{part}-images.npy") == images[part]).all()
        assert np.load(tmp_path / "made" / f"{part}-labels.npy").tolist() == labels
    assert (info.train_size, info.test_size, info.image_shape) == (7, 3, SHAPE)


def test_mean_and_std_are_those_of_the_training_pixels(
    tmp_path: Path, images: dict[str, np.ndarray]
) -> None:
    info = write(tmp_path / "made", images)
    pixels = images["train"].astype(np.float64) / 255
    assert info.mean == tuple(pixels.mean((0, 2, 3)).round(4).tolist())
    assert info.std == tuple(pixels.std((0, 2, 3)).round(4).tolist())


def test_pixels_that_are_all_the_same_have_the_std_1(
    tmp_path: Path, images: dict[str, np.ndarray]
) -> None:
    images["train"][:, 1] = 51
    info = write(tmp_path / "made", images)
    assert (info.mean[1], info.std[1]) == (0.2, 1.0)


def test_the_manifest_counts_the_images_of_every_class(
    tmp_path: Path, images: dict[str, np.ndarray]
) -> None:
    write(tmp_path / "made", images)
    content = json.loads((tmp_path / "made" / MANIFEST).read_text())
    assert content["counts"] == {"train": [2, 2, 3], "test": [1, 2, 0]}


def test_nothing_is_left_of_a_set_that_is_not_finished(
    tmp_path: Path, images: dict[str, np.ndarray]
) -> None:
    with DatasetWriter(tmp_path / "made", SHAPE) as writer:
        writer.add("train", images["train"], np.array(LABELS["train"]))
    assert list(tmp_path.iterdir()) == []
