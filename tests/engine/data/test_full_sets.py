"""The full data sets, where they are: counts, checksums and statistics."""

from pathlib import Path

import numpy as np
import pytest

from engine.data import DATASETS, load, locate, verify
from engine.data.sets.medmnist import MedMnistDataset

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
    if name != "mnist" and not isinstance(info, MedMnistDataset):  # those differ in size
        for split in (dataset.train, dataset.test):
            assert set(np.bincount(split.labels).tolist()) == {len(split) // len(info.classes)}
    if isinstance(info, MedMnistDataset):
        return  # normalised by other values
    for c, (mean, std) in enumerate(zip(info.mean, info.std, strict=True)):
        channel = dataset.train.images[:, c].astype(np.float32)
        # Not to the last digit: the copy of CIFAR-10 may have been re-encoded.
        assert channel.mean() / 255 == pytest.approx(mean, abs=2e-3)
        assert channel.std() / 255 == pytest.approx(std, abs=2e-3)
