"""Small data sets under the names of the real ones."""

from pathlib import Path

import numpy as np
import pytest

from engine.data import DATASETS
from tests.support.data_files import small_cifar, small_mnist, write_mnist


@pytest.fixture
def mnist_arrays(monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """'mnist' is a set of 200 + 30 images; these are its arrays, nothing is on disk."""
    info, arrays = small_mnist()
    monkeypatch.setitem(DATASETS, "mnist", info)
    return arrays


@pytest.fixture
def mnist_folder(tmp_path: Path, mnist_arrays: dict[str, np.ndarray]) -> Path:
    """The small set on disk, gzipped, in ``tmp_path / "mnist"``."""
    write_mnist(tmp_path / "mnist", mnist_arrays)
    return tmp_path / "mnist"


@pytest.fixture
def cifar_contents(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """'cifar10' is a set of 30 + 8 images; these are its files, nothing is on disk."""
    info, contents = small_cifar()
    monkeypatch.setitem(DATASETS, "cifar10", info)
    return contents
