"""Every layer on a few numbers that a reader can redo: output, gradients, by hand."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from engine.layers import (
    ELU,
    GELU,
    AvgPool2D,
    BatchNorm1D,
    BatchNorm2D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    Layer,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Residual,
    Sigmoid,
    Softmax,
    Tanh,
)

LN2, LN3, LN4 = math.log(2), math.log(3), math.log(4)


@dataclass
class Example:
    """Two samples of three features, or one image of two rows and three columns.

    Attributes:
        layer: any layer without parameters.
        x, y: input and output.
        dy, dx: the gradient at the output, and at the input.
    """

    layer: Layer
    x: Any
    y: Any
    dy: Any
    dx: Any

    def __str__(self) -> str:
        return repr(self.layer)


EXAMPLES = [
    Example(ReLU(), [[-1, 0, 2], [3, -4, 5]], [[0, 0, 2], [3, 0, 5]],
            dy=[[1, 2, 3], [4, 5, 6]], dx=[[0, 0, 3], [4, 0, 6]]),
    Example(LeakyReLU(0.5), [[-1, 0, 2], [3, -4, 5]], [[-0.5, 0, 2], [3, -2, 5]],
            dy=[[1, 2, 3], [4, 5, 6]], dx=[[0.5, 1, 3], [4, 2.5, 6]]),
    # 2·(1/2 − 1) = −1 with the slope 2·1/2; 2·(1/4 − 1) = −1.5 with the slope 2·1/4.
    Example(ELU(2), [[-LN2, 0, 1], [2, -LN4, 3]], [[-1, 0, 1], [2, -1.5, 3]],
            dy=[[1, 2, 3], [4, 5, 6]], dx=[[1, 4, 3], [4, 2.5, 6]]),
    # Φ is 1 far above 0, 0 far below, and 1/2 at 0.
    Example(GELU(), [[0, 10, -10], [20, -20, 0]], [[0, 10, 0], [20, 0, 0]],
            dy=[[2, 2, 2], [4, 4, 4]], dx=[[1, 2, 0], [4, 0, 2]]),
    # 1/(1 + 1/3) = 3/4 with the slope 3/4·1/4; 1/(1 + 1/4) = 4/5 with the slope 4/5·1/5.
    Example(Sigmoid(), [[0, LN3, -LN3], [LN4, -LN4, 0]], [[1 / 2, 3 / 4, 1 / 4], [0.8, 0.2, 0.5]],
            dy=[[4, 16, 16], [25, 25, 4]], dx=[[1, 3, 3], [4, 4, 1]]),
    # (2 − 1/2)/(2 + 1/2) = 3/5 with the slope 1 − 9/25.
    Example(Tanh(), [[0, LN2, -LN2], [LN3 / 2, 0, -LN3 / 2]], [[0, 0.6, -0.6], [0.5, 0, -0.5]],
            dy=[[1, 25, 25], [4, 1, 4]], dx=[[1, 16, 16], [3, 1, 3]]),
    # Σ dy·y is 1/6 and 2: dx = y·(dy − 1/6), y·(dy − 2).
    Example(Softmax(), [[0, LN2, LN3], [0, 0, LN2]], [[1 / 6, 2 / 6, 3 / 6], [1 / 4, 1 / 4, 1 / 2]],
            dy=[[1, 0, 0], [0, 0, 4]], dx=[[5 / 36, -2 / 36, -3 / 36], [-1 / 2, -1 / 2, 1]]),
    Example(Residual([ReLU()]), [[-1, 0, 2], [3, -4, 5]], [[-1, 0, 4], [6, -4, 10]],
            dy=[[1, 2, 3], [4, 5, 6]], dx=[[1, 2, 6], [8, 5, 12]]),
    Example(Flatten(), [[[[1, 2, 3], [4, 5, 6]]]], [[1, 2, 3, 4, 5, 6]],
            dy=[[6, 5, 4, 3, 2, 1]], dx=[[[[6, 5, 4], [3, 2, 1]]]]),
    Example(GlobalAvgPool2D(), [[[[1, 2, 3], [4, 5, 9]]]], [[4]],
            dy=[[6]], dx=[[[[1, 1, 1], [1, 1, 1]]]]),
    # Windows of two pixels side by side.
    Example(MaxPool2D((1, 2), 1), [[[[1, 3, 2], [6, 5, 4]]]], [[[[3, 3], [6, 5]]]],
            dy=[[[[1, 2], [3, 4]]]], dx=[[[[0, 3, 0], [3, 4, 0]]]]),
    Example(AvgPool2D((1, 2), 1), [[[[1, 3, 2], [6, 4, 4]]]], [[[[2, 2.5], [5, 4]]]],
            dy=[[[[2, 4], [6, 8]]]], dx=[[[[1, 3, 2], [3, 7, 4]]]]),
]  # fmt: skip


def run(layer: Layer, x: Any, dy: Any) -> tuple[np.ndarray, np.ndarray]:
    out = layer.forward(np.array(x, np.float64))
    dx = layer.backward(np.array(dy, np.float64))
    assert dx is not None
    return out, dx


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_layer_without_parameters(example: Example) -> None:
    out, dx = run(example.layer, example.x, example.dy)
    np.testing.assert_allclose(out, example.y, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(dx, example.dx, rtol=1e-12, atol=1e-12)


def test_dense(rng: np.random.Generator) -> None:
    """y = x·wᵀ + b, dw = dyᵀ·x, db = Σ dy, dx = dy·w."""
    layer = Dense(3, 2).initialise(rng, np.float64)
    layer.params["weight"][...] = [[1, 2, 3], [0, 1, -1]]
    layer.params["bias"][...] = [10, 20]
    out, dx = run(layer, [[1, 0, 2], [3, 1, 0]], dy=[[1, 2], [3, 4]])
    assert out.tolist() == [[17, 18], [15, 21]]
    assert layer.grads["weight"].tolist() == [[10, 3, 2], [14, 4, 4]]
    assert layer.grads["bias"].tolist() == [4, 6]
    assert dx.tolist() == [[1, 4, 1], [3, 10, 5]]


def test_conv2d(rng: np.random.Generator) -> None:
    """One filter of one row and two columns: 10·left + right + 100."""
    layer = Conv2D(1, 1, (1, 2)).initialise(rng, np.float64)
    layer.params["weight"][...] = [[[[10, 1]]]]
    layer.params["bias"][...] = [100]
    out, dx = run(layer, [[[[1, 2, 3], [4, 5, 6]]]], dy=[[[[1, 2], [3, 4]]]])
    assert out.tolist() == [[[[112, 123], [145, 156]]]]
    left, right = 1 * 1 + 2 * 2 + 3 * 4 + 4 * 5, 1 * 2 + 2 * 3 + 3 * 5 + 4 * 6
    assert layer.grads["weight"].tolist() == [[[[left, right]]]]
    assert layer.grads["bias"].tolist() == [1 + 2 + 3 + 4]
    assert dx.tolist() == [[[[10, 1 + 20, 2], [30, 3 + 40, 4]]]]


def test_batch_norm_1d(rng: np.random.Generator) -> None:
    """Means (2, 2), deviations (1, 2): both samples are at −1 and +1."""
    layer = BatchNorm1D(2, eps=1e-12).initialise(rng, np.float64)
    layer.params["weight"][...] = [1, 2]
    layer.params["bias"][...] = [10, 20]
    out, dx = run(layer, [[1, 0], [3, 4]], dy=[[1, 2], [3, 5]])
    np.testing.assert_allclose(out, [[9, 18], [11, 22]])
    np.testing.assert_allclose(layer.grads["bias"], [4, 7])
    np.testing.assert_allclose(layer.grads["weight"], [2, 3])
    # Two samples are always at −1 and +1, whatever they are: nothing reaches x.
    np.testing.assert_allclose(dx, np.zeros((2, 2)), atol=1e-9)
    # A tenth of the mean, and of the variance of a sample: 2/1 and 8/1.
    np.testing.assert_allclose(layer.buffers["running_mean"], [0.2, 0.2])
    np.testing.assert_allclose(layer.buffers["running_var"], [0.9 + 0.2, 0.9 + 0.8])


def test_batch_norm_2d(rng: np.random.Generator) -> None:
    """Mean 2, deviation 1; dx = γ/σ·(dy − dβ/6 − x̂·dγ/6) with dβ = 6 and dγ = −6."""
    layer = BatchNorm2D(1, eps=1e-12).initialise(rng, np.float64)
    layer.params["weight"][...] = 2
    layer.params["bias"][...] = 5
    out, dx = run(layer, [[[[1, 1, 1], [3, 3, 3]]]], dy=[[[[6, 0, 0], [0, 0, 0]]]])
    np.testing.assert_allclose(out, [[[[3, 3, 3], [7, 7, 7]]]])
    np.testing.assert_allclose(layer.grads["bias"], [6])
    np.testing.assert_allclose(layer.grads["weight"], [-6])
    np.testing.assert_allclose(dx, [[[[8, -4, -4], [0, 0, 0]]]], atol=1e-9)


def test_dropout() -> None:
    """Of every number the half is kept, twice as large."""

    class Draws:
        def random(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
            return np.array([[0.1, 0.9], [0.6, 0.4], [0.5, 0.2]], dtype)  # feature by sample

    layer = Dropout(0.5)
    layer.use_rng(Draws())  # type: ignore[arg-type]
    out, dx = run(layer, [[1, 2, 3], [4, 5, 6]], dy=[[1, 1, 1], [2, 2, 2]])
    assert out.tolist() == [[0, 4, 6], [8, 0, 0]]
    assert dx.tolist() == [[0, 2, 2], [4, 0, 0]]
    layer.eval()
    assert layer.forward(np.ones((1, 3))).tolist() == [[1, 1, 1]]
