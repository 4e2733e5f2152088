"""A plan of every layer, and of every preset, computes what the network computes."""

from typing import Any

import numpy as np
import pytest

from engine.layers import Layer
from engine.models import PRESETS, build, preset
from tests.engine.models.test_plan import WAYS, check, go, moved
from tests.support.cases import Case
from tests.support.conformance import CASES
from tests.support.proofs import rest_as_proofs

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


def behind(case: Case, name: str) -> list[Layer]:
    """Layers behind a case's layer; none where they cannot take its output."""
    shape = case.make().output_shape(case.shape[1:])
    if not BEHIND[name] or len(shape) != 3 or min(shape[1:]) < 2:
        return []
    rng = np.random.default_rng(0)
    return moved(build(BEHIND[name], shape).initialise(rng, np.float32)).layers


@pytest.mark.parametrize("case", rest_as_proofs(CASES, every=2), ids=str)
@pytest.mark.parametrize("way", list(WAYS)[:3])
def test_a_plan_of_a_layer_computes_the_layer(
    case: Case, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(way, monkeypatch)
    for name in BEHIND:
        layers = [case.make(np.float32).eval(), *behind(case, name)]
        check(layers, case.input(np.float32), 1e-5)


@pytest.mark.parametrize("n", rest_as_proofs([5, 1, 2, 16, 33]))
@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_plan_of_a_preset_computes_the_preset(name: str, n: int) -> None:
    model = moved(build(preset(name, 10), (3, 32, 32)).initialise(np.random.default_rng(0)))
    x = np.random.default_rng(1).standard_normal((n, 3, 32, 32), np.float32)
    check(model.layers, x, 1e-5)


def random_row(rng: np.random.Generator, channels: int, depth: int) -> list[Any]:
    """Layers that keep the shape of an image, residual blocks in each other among them."""

    def conv(kernel: Any, padding: Any) -> dict[str, Any]:
        sizes = {"out_channels": channels, "kernel_size": kernel, "padding": padding}
        return {"Conv2D": {**sizes, "bias": bool(rng.integers(2))}}

    found: list[Any] = []
    for _ in range(rng.integers(1, 4)):
        some: list[Any] = ["ReLU", "BatchNorm2D", "Dropout", "LeakyReLU"]
        some += [conv(3, 1), conv([1, 3], [0, 1]), conv([4, 1], "same")]
        some.append({"MaxPool2D": {"kernel_size": 3, "stride": 1, "padding": 1}})
        if depth:
            parts = {name: random_row(rng, channels, depth - 1) for name in ("body", "shortcut")}
            some += [{"Residual": parts}, {"Residual": {"body": parts["body"]}}]
        found.append(some[rng.integers(len(some))])
    return found


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seed", rest_as_proofs(list(range(40))))
def test_a_plan_of_a_random_network(seed: int, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    go(way, monkeypatch)
    rng = np.random.default_rng(seed)
    for _ in range(4):
        shape = (int(rng.integers(1, 4)), int(rng.integers(6, 14)), int(rng.integers(6, 14)))
        specs = [*random_row(rng, shape[0], 2), *random_row(rng, shape[0], 2), "Flatten"]
        model = moved(build(specs, shape).initialise(rng, np.float64))
        check(model.layers, rng.standard_normal((int(rng.integers(1, 4)), *shape)), 1e-11)
