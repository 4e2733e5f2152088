"""The set that ships with the project."""

from pathlib import Path

import numpy as np

from engine.data import load, locate, verify

ROOT = Path(__file__).parents[3]


def test_the_bundled_digits_are_whole_and_need_no_root(tmp_path: Path) -> None:
    assert [file.state for file in verify("mnist_mini", tmp_path)] == ["ok"] * 4
    dataset = load("mnist_mini", tmp_path)
    assert dataset.name == "mnist_mini"
    assert dataset.image_shape == (1, 28, 28)
    assert np.bincount(dataset.train.labels).tolist() == [400] * 10
    assert np.bincount(dataset.test.labels).tolist() == [100] * 10


def test_the_bundled_digits_are_digits() -> None:
    dataset = load("mnist_mini")
    pixels = dataset.train.images / 255
    assert abs(pixels.mean() - dataset.mean[0]) < 0.01
    assert abs(pixels.std() - dataset.std[0]) < 0.01
    # The nearest mean image of a class tells four digits in five.
    flat = pixels.reshape(len(pixels), -1)
    centres = np.stack([flat[dataset.train.labels == c].mean(axis=0) for c in range(10)])
    test = (dataset.test.images / 255).reshape(len(dataset.test), -1)
    distances = ((test[:, None] - centres) ** 2).sum(axis=2)
    assert np.mean(distances.argmin(axis=1) == dataset.test.labels) > 0.75


def test_the_bundled_digits_are_mixed_and_none_is_in_both_parts() -> None:
    dataset = load("mnist_mini")
    assert len(set(dataset.train.labels[:100].tolist())) == 10
    train, test = ({image.tobytes() for image in s.images} for s in (dataset.train, dataset.test))
    assert len(train) == 4000
    assert len(test) == 1000
    assert not train & test


def test_the_bundled_digits_are_small() -> None:
    place = locate("mnist_mini")
    assert place == ROOT / "data" / "mnist_mini"
    assert sum(path.stat().st_size for path in place.iterdir()) < 2_000_000
