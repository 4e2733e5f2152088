"""The full data sets, where they are: counts, checksums and statistics."""

from pathlib import Path

import numpy as np
import pytest

from engine.data import DATASETS, load, locate, verify

pytestmark = pytest.mark.dataset


@pytest.mark.parametrize("name", [name for name, info in DATASETS.items() if info.downloads])
def test_counts_checksums_and_statistics(name: str, data_root: Path) -> None:
    if locate(name, data_root) is None:
        pytest.skip(f"{name} is not in {data_root}")
    assert {file.state for file in verify(name, data_root)} == {"ok"}
    info, dataset = DATASETS[name], load(name, data_root)
    assert dataset.image_shape == info.image_shape
    assert (len(dataset.train), len(dataset.test)) == (info.train_size, info.test_size)
    assert set(dataset.train.labels.tolist()) == set(range(len(info.classes)))
    if name != "mnist":  # its classes are not of one size
        assert np.bincount(dataset.train.labels).tolist() == [info.train_size // 10] * 10
        assert np.bincount(dataset.test.labels).tolist() == [info.test_size // 10] * 10
    for c, (mean, std) in enumerate(zip(info.mean, info.std, strict=True)):
        channel = dataset.train.images[:, c].astype(np.float32)
        # Not to the last digit: the copy of CIFAR-10 may have been re-encoded.
        assert channel.mean() / 255 == pytest.approx(mean, abs=2e-3)
        assert channel.std() / 255 == pytest.approx(std, abs=2e-3)
