"""A small network to export."""

import numpy as np
import pytest

from engine.export import Architecture
from engine.layers import Sequential
from engine.models import LayerSpec, build

SPECS: list[LayerSpec] = [
    {"Conv2D": {"out_channels": 2, "kernel_size": [3, 1], "padding": "same"}},
    "BatchNorm2D",
    {"Residual": {"body": [{"Conv2D": {"out_channels": 2, "kernel_size": 1}}]}},
    "Flatten",
    {"Dense": {"out_features": 3}},
]


@pytest.fixture
def model() -> Sequential:
    return build(SPECS, (1, 5, 5)).initialise(np.random.default_rng(0))


@pytest.fixture
def architecture(model: Sequential) -> Architecture:
    return Architecture(model.spec(), (1, 5, 5), ("a", "b", "ü"), (0.1,), (0.3,))
