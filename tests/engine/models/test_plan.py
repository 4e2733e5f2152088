"""A plan computes what the network computes in evaluation mode, whatever it is made of."""

from typing import Any

import numpy as np
import pytest

from engine.layers import Layer, ReLU, Sequential
from engine.models import PRESETS, build, plan_convolution, preset
from engine.models.inference import fold_batch_norms
from engine.models.plan import Plan
from tests.support.cases import Case
from tests.support.conformance import CASES
from tests.support.proofs import rest_as_proofs

SHAPE = (3, 11, 9)
BEHIND: dict[str, list[Any]] = {
    "alone": [],
    "relu": ["ReLU"],
    "relu and pool": ["ReLU", {"MaxPool2D": {"kernel_size": 2}}, "Flatten"],
    "pool and convolution": [
        {"MaxPool2D": {"kernel_size": [1, 2]}},
        "ReLU",
        {"Conv2D": {"out_channels": 3, "kernel_size": [3, 1], "padding": [1, 0]}},
        "LeakyReLU",  # has no rule, and keeps the size of rounding errors
    ],
    "residual": [{"Residual": {"body": ["ReLU", "BatchNorm2D", "ReLU"]}}, "ReLU", "Flatten"],
}


def moved(model: Sequential) -> Sequential:
    """The network with every parameter and statistic away from its first value."""
    rng = np.random.default_rng(3)
    for array in model.state_dict().values():
        array += rng.uniform(0.05, 0.5, array.shape).astype(array.dtype)
    return model


def check(layers: list[Layer], x: np.ndarray, tolerance: float = 1e-5) -> None:
    """Twice the same, and close to the network, which has another order of sums."""
    model = Sequential(layers)
    plan = Plan(fold_batch_norms(model), x.shape[1:], len(x), x.dtype)
    before = x.copy()
    other = plan(x[::-1] + 1)
    found = plan(x)
    expected = model.eval().forward(x)
    assert found.shape == expected.shape
    assert found.dtype == x.dtype
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())
    np.testing.assert_array_equal(plan(x[::-1] + 1), other)
    np.testing.assert_array_equal(x, before)


def behind(case: Case, name: str) -> list[Layer]:
    """Layers behind a case's layer; none where they cannot take its output."""
    shape = case.make().output_shape(case.shape[1:])
    if not BEHIND[name] or len(shape) != 3 or min(shape[1:]) < 2:
        return []
    rng = np.random.default_rng(0)
    return moved(build(BEHIND[name], shape).initialise(rng, np.float32)).layers


WAYS = {
    "winograd": {"FEWEST_CHANNELS": 1},
    "rows": {"FEWEST_CHANNELS": 1000, "LONG_ROW": 1},
    "columns": {"FEWEST_CHANNELS": 1000, "LONG_ROW": 1000},
    "winograd, a row of tiles at a time": {"FEWEST_CHANNELS": 1, "BLOCK_BYTES": 1},
    "rows, one at a time": {"FEWEST_CHANNELS": 1000, "LONG_ROW": 1, "BLOCK_BYTES": 1},
    "columns, a row at a time": {"FEWEST_CHANNELS": 1000, "LONG_ROW": 1000, "BLOCK_BYTES": 1},
}
"""Settings with which convolutions go each way."""


def go(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in WAYS[way].items():
        monkeypatch.setattr(plan_convolution, name, value)


@pytest.mark.parametrize("case", rest_as_proofs(CASES, every=2), ids=str)
@pytest.mark.parametrize("way", list(WAYS)[:3])
def test_a_plan_of_a_layer_computes_the_layer(
    case: Case, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(way, monkeypatch)
    for name in BEHIND:
        layers = [case.make(np.float32).eval(), *behind(case, name)]
        check(layers, case.input(np.float32))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("way", WAYS)
def test_convolutions_behind_each_other(
    way: str, dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(way, monkeypatch)
    specs: list[Any] = [
        {"Conv2D": {"out_channels": 4, "kernel_size": 3, "padding": "same"}},
        "ReLU",
        {"Conv2D": {"out_channels": 5, "kernel_size": [3, 2], "padding": [1, 0], "bias": False}},
        "BatchNorm2D",
        "ReLU",
        {"MaxPool2D": {"kernel_size": 3, "stride": 2, "padding": 1}},
        "ReLU",
        {"Conv2D": {"out_channels": 6, "kernel_size": 1, "bias": False}},
        "GlobalAvgPool2D",
        {"Dropout": {"p": 0.5}},
        {"Dense": {"out_features": 4}},
        "BatchNorm1D",
        "ReLU",
        {"Dense": {"out_features": 3, "bias": False}},
    ]
    model = moved(build(specs, SHAPE).initialise(np.random.default_rng(0), dtype))
    x = np.random.default_rng(1).standard_normal((5, *SHAPE)).astype(dtype)
    check(model.layers, x, 1e-5 if dtype is np.float32 else 1e-13)


@pytest.mark.parametrize("n", rest_as_proofs([5, 1, 2, 16, 33]))
@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_plan_of_a_preset_computes_the_preset(name: str, n: int) -> None:
    model = moved(build(preset(name, 10), (3, 32, 32)).initialise(np.random.default_rng(0)))
    x = np.random.default_rng(1).standard_normal((n, 3, 32, 32), np.float32)
    check(model.layers, x)


def test_a_layer_of_its_own_kind_runs_its_own_forward() -> None:
    class Doubled(ReLU):
        """What no rule may take for a ReLU."""

        def forward(self, x: np.ndarray) -> np.ndarray:
            return 2 * super().forward(x)

    x = np.random.default_rng(0).standard_normal((2, *SHAPE), np.float32)
    check([Doubled(), ReLU()], x)
