"""A run that is trained once for the tests of a module."""

from pathlib import Path

import pytest

from engine.checkpoints import checkpoint
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
    checkpoint.save(path, saved.arrays, saved.meta | {"dataset": "fashion_mnist"})
    return path
