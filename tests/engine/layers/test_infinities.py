"""Activations and max-pooling at ±∞, at large numbers and at NaN: PyTorch's values, written down.

Where PyTorch gives NaN (∞·0 in the formula), so do we: a network that got there has diverged.
"""

from typing import Any

import numpy as np
import pytest

from engine.arrays import Array
from engine.layers import LAYERS, Layer, LeakyReLU, MaxPool2D

INF, NAN = np.inf, np.nan
LARGE = 1e30  # its square is no float32

ROWS: list[tuple[str, dict[str, Any], list[float], list[float], list[float]]] = [
    ("ReLU", {}, [-INF, -LARGE, LARGE, INF], [0, 0, LARGE, INF], [0, 0, 1, 1]),
    (
        "LeakyReLU",
        {"negative_slope": 0.5},
        [-INF, -LARGE, LARGE, INF],
        [-INF, -LARGE / 2, LARGE, INF],
        [0.5, 0.5, 1, 1],
    ),
    (
        "LeakyReLU",
        {"negative_slope": 0},
        [-INF, -LARGE, -2, 0, 2, LARGE, INF, NAN],
        [NAN, 0, 0, 0, 2, LARGE, INF, NAN],
        [0, 0, 0, 0, 1, 1, 1, 0],
    ),
    (
        "LeakyReLU",
        {"negative_slope": 1e-60},  # 0 in float32
        [-LARGE, -2, 2, INF],
        [0, 0, 2, INF],
        [0, 0, 1, 1],
    ),
    (
        "LeakyReLU",
        {"negative_slope": 1},
        [-INF, -2, 2, INF],
        [-INF, -2, 2, INF],
        [1, 1, 1, 1],
    ),
    ("ELU", {"alpha": 2}, [-INF, -LARGE, LARGE, INF], [-2, -2, LARGE, INF], [0, 0, 1, 1]),
    ("ELU", {"alpha": 0}, [-INF, -LARGE, LARGE, INF], [0, 0, LARGE, INF], [0, 0, 1, 1]),
    ("GELU", {}, [-100, 100], [0, 100], [0, 1]),
    ("GELU", {}, [-INF, INF], [NAN, INF], [NAN, NAN]),
    ("GELU", {"approximate": "none"}, [-100, 100], [0, 100], [0, 1]),
    ("SiLU", {}, [-100, 100], [0, 100], [0, 1]),
    ("SiLU", {}, [-INF, INF], [NAN, INF], [NAN, NAN]),
    ("Sigmoid", {}, [-INF, -LARGE, LARGE, INF], [0, 0, 1, 1], [0, 0, 0, 0]),
    ("Tanh", {}, [-INF, -LARGE, LARGE, INF], [-1, -1, 1, 1], [0, 0, 0, 0]),
    ("Softmax", {}, [-LARGE, 0, LARGE], [0, 0, 1], [0, 0, 0]),
    ("Softmax", {}, [-INF, 2, 2], [0, 0.5, 0.5], [0, 0, 0]),
    ("Softmax", {}, [0, INF, 0], [NAN, NAN, NAN], [NAN, NAN, NAN]),
]


@pytest.mark.parametrize(("name", "arguments", "x", "y", "dx"), ROWS)
def test_activations(
    name: str, arguments: dict[str, Any], x: list[float], y: list[float], dx: list[float]
) -> None:
    layer = LAYERS[name](**arguments)
    with np.errstate(over="ignore", invalid="ignore"):
        out, gradient = _run(layer, np.array([x], np.float32))
    np.testing.assert_array_equal(out[0], np.array(y, np.float32))
    np.testing.assert_array_equal(gradient[0], np.array(dx, np.float32))
    low, high = layer.output_range(-INF, INF)
    numbers = out[~np.isnan(out)]
    assert ((low <= numbers) & (numbers <= high)).all()


@pytest.mark.parametrize("slope", [0, 1e-60])
def test_a_product_that_is_not_used_raises_no_warning(slope: float) -> None:
    with np.errstate(all="raise", under="ignore"):
        LeakyReLU(slope).forward(np.array([[INF, 1]], np.float32))


POOLS: list[tuple[dict[str, Any], list[list[float]], list[list[float]], list[list[float]]]] = [
    ({"kernel_size": 2}, [[-INF, -INF], [-INF, -INF]], [[-INF]], [[1, 0], [0, 0]]),
    ({"kernel_size": 2}, [[-INF, -INF], [-5, -INF]], [[-5]], [[0, 0], [1, 0]]),
    ({"kernel_size": 2}, [[1, INF], [INF, 2]], [[INF]], [[0, 1], [0, 0]]),
    ({"kernel_size": 2}, [[1, NAN], [3, 2]], [[NAN]], [[0, 1], [0, 0]]),
    ({"kernel_size": 2}, [[NAN, 1], [NAN, 2]], [[NAN]], [[0, 0], [1, 0]]),
    ({"kernel_size": 2}, [[INF, 1], [2, NAN]], [[NAN]], [[0, 0], [0, 1]]),
    (
        {"kernel_size": 2, "padding": 1},
        [[-INF, -INF], [-INF, -INF]],
        [[-INF, -INF], [-INF, -INF]],
        [[1, 1], [1, 1]],
    ),
    (
        {"kernel_size": 2, "stride": 1, "padding": 1},
        [[-INF, 4], [NAN, -INF]],
        [[-INF, 4, 4], [NAN, NAN, 4], [NAN, NAN, -INF]],
        [[1, 3], [4, 1]],
    ),
]


@pytest.mark.parametrize(("arguments", "x", "y", "dx"), POOLS)
def test_every_window_keeps_its_gradient(
    arguments: dict[str, Any],
    x: list[list[float]],
    y: list[list[float]],
    dx: list[list[float]],
) -> None:
    out, gradient = _run(MaxPool2D(**arguments), np.array([[x]], np.float32))
    np.testing.assert_array_equal(out[0, 0], y)
    np.testing.assert_array_equal(gradient[0, 0], dx)


@pytest.mark.torch
def test_the_values_written_here_are_pytorchs() -> None:
    import torch

    from tests.support.torch_twins import module_of

    images = [(MaxPool2D(**row[0]), [[row[1]]], [[row[2]]], [[row[3]]]) for row in POOLS]
    vectors = [(LAYERS[row[0]](**row[1]), *([part] for part in row[2:])) for row in ROWS]
    rows: tuple[Any, ...] = (*images, *vectors)
    for layer, x, y, dx in rows:
        given = torch.tensor(x, dtype=torch.float32, requires_grad=True)
        out = module_of(layer)(given)
        out.backward(torch.ones_like(out))
        assert given.grad is not None
        np.testing.assert_array_equal(out.detach().numpy(), np.array(y, np.float32), repr(layer))
        np.testing.assert_array_equal(given.grad.numpy(), np.array(dx, np.float32), repr(layer))


def _run(layer: Layer, x: Array) -> tuple[Array, Array]:
    out = layer.forward(x)
    dx = layer.backward(np.ones_like(out))
    assert dx is not None
    return out, dx
