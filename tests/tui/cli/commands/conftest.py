"""A run that is trained once for the tests of a module."""

from pathlib import Path

import pytest

from engine.checkpoints import checkpoint
from engine.data import DATASETS, describe
from tests.support.command_runs import run


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its folder."""
    return run(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def elsewhere(tmp_path: Path, trained: Path) -> Path:
    """The weights, as if they had been trained on another data set."""
    saved = checkpoint.load(trained / "weights.npz")
    path = tmp_path / "fashion.npz"
    meta = saved.meta | {
        "dataset": "fashion_mnist",
        "data_set": describe(DATASETS["fashion_mnist"]),
    }
    checkpoint.save(path, saved.arrays, meta)
    return path
