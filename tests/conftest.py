"""Fixtures and skips that every test shares."""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest

DATA_ROOT = os.environ.get("CNN_TUI_DATA")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    has_torch = importlib.util.find_spec("torch") is not None
    has_data = DATA_ROOT is not None and Path(DATA_ROOT).is_dir()
    for item in items:
        if "torch" in item.keywords and not has_torch:
            item.add_marker(pytest.mark.skip(reason="PyTorch is not installed"))
        if "dataset" in item.keywords and not has_data:
            item.add_marker(pytest.mark.skip(reason="CNN_TUI_DATA names no folder of data sets"))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def data_root() -> Path:
    """The folder that holds ``mnist/`` and ``cifar-10-batches-bin/`` (tests marked dataset)."""
    assert DATA_ROOT is not None
    return Path(DATA_ROOT)
