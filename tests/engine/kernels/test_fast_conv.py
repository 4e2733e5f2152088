"""Every way of the fast convolution against the textbook's, at shapes that take that way."""

import numpy as np
import pytest

from engine.gradcheck import check_layer
from engine.kernels import conv, winograd
from engine.kernels.im2col import col2im, im2col
from engine.kernels.window import Window, make_window
from engine.layers import Conv2D
from tests.support.proofs import rest_as_proofs

# way, (N, C, H, W), C_out, kernel, stride, padding, dilation
CASES = [
    ("winograd", (32, 24, 4, 28), 24, 3, 1, 1, 1),
    ("winograd", (32, 25, 7, 25), 28, 3, 1, "same", 1),
    ("winograd", (30, 24, 7, 29), 26, 3, 1, 0, 1),
    ("winograd", (30, 24, 4, 27), 25, 3, 1, 2, 1),
    ("winograd", (64, 24, 3, 17), 24, 3, 1, 0, 1),
    ("winograd", (13, 40, 32, 31), 32, 3, 1, 1, 1),
    ("winograd", (32, 64, 6, 4), 64, 3, 1, 1, 1),
    ("winograd", (32, 32, 5, 18), 32, 3, 1, 1, 1),
    ("winograd", (32, 24, 9, 32), 28, 3, 1, (2, 0), 1),
    ("winograd", (8, 256, 7, 7), 256, 3, 1, 1, 1),
    ("taps", (32, 20, 8, 9), 8, 3, 1, 1, 1),
    ("taps", (33, 30, 9, 8), 17, (3, 2), 1, (1, 0), 1),
    ("taps", (32, 12, 10, 9), 16, 5, 1, "same", 1),
    ("taps", (32, 24, 9, 8), 16, 3, (2, 1), 1, 1),
    ("taps", (32, 20, 9, 12), 16, 3, 1, 0, (1, 2)),
    ("taps", (32, 64, 6, 6), 8, 1, 1, 0, 1),
    ("taps", (64, 48, 5, 64), 40, 5, 1, 2, 1),
    ("windows", (32, 1, 12, 11), 6, 5, 1, 2, 1),
    ("windows", (32, 3, 9, 9), 32, 3, 1, 1, 1),
    ("windows", (32, 20, 9, 9), 24, 3, 2, 1, 1),
    ("windows", (64, 16, 9, 12), 8, 1, 2, 0, 1),
    ("windows", (32, 8, 10, 11), 5, (2, 3), (3, 2), (0, 1), (1, 2)),
    ("windows", (64, 32, 20, 64), 16, 3, (1, 2), 1, 1),
    ("taps", (1, 16, 12, 12), 16, 3, 1, 1, 1),
    ("windows", (1, 8, 3, 3), 4, 3, 1, 1, 1),
    ("windows", (1, 16, 8, 8), 4, 1, 2, 0, 1),
    ("columns", (1, 16, 12, 12), 16, 3, 1, 1, 2),
    ("columns", (2, 3, 13, 13), 4, 5, 2, 2, (2, 1)),
    ("columns", (32, 16, 11, 10), 16, 3, 1, 2, 2),
    ("columns", (1, 64, 40, 40), 8, 3, 1, 1, (2, 1)),
]


ROUNDING = {"float32": 3e-6, "float64": 1e-12}
WINOGRADS_ROUNDING = {"float32": 1e-5, "float64": 1e-12}
"""Largest errors, relative to the largest value."""


def way_of(shape: tuple[int, ...], c_out: int, window: Window) -> str:
    n, c_in, height, width = shape
    out_w = window.output_size(height, width)[1]
    if winograd.suits(window, c_in, c_out, out_w, n):
        return "winograd"
    return conv._choose(c_in, window).__name__.strip("_")


@pytest.mark.parametrize("dtype", rest_as_proofs(["float32", "float64"]))
@pytest.mark.parametrize("case", rest_as_proofs(CASES, every=2), ids=str)
def test_the_textbook_gives_the_same(case: tuple, dtype: str, rng: np.random.Generator) -> None:
    way, shape, c_out, kernel, stride, padding, dilation = case
    window = make_window(kernel, stride, padding, dilation)
    assert way_of(shape, c_out, window) == way
    tolerance = (WINOGRADS_ROUNDING if way == "winograd" else ROUNDING)[dtype]
    x = rng.standard_normal(shape).astype(dtype)
    weight = rng.standard_normal((c_out, shape[1], *window.kernel)).astype(dtype)
    bias = rng.standard_normal(c_out).astype(dtype)
    flat = weight.reshape(c_out, -1).astype("float64")
    columns = im2col(x.astype("float64"), window)
    out_h, out_w = window.output_size(*shape[2:])

    y = conv.forward(x, weight, bias, window, 1)
    rows = columns @ flat.T + bias.astype("float64")
    expected = rows.reshape(shape[0], out_h, out_w, c_out).transpose(0, 3, 1, 2)
    assert_close(y, expected, tolerance)

    dout = rng.standard_normal(y.shape).astype(dtype)
    drows = dout.transpose(0, 2, 3, 1).reshape(-1, c_out).astype("float64")
    dweight = np.empty_like(weight)
    conv.backward_weight(dout, x, dweight, window, 1)
    assert_close(dweight, (drows.T @ columns).reshape(weight.shape), tolerance)

    dx = conv.backward_input(dout, weight, window, 1, shape)
    assert_close(dx, col2im(drows @ flat, shape, window), tolerance)


def assert_close(actual: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).max() <= tolerance * np.abs(expected).max()


@pytest.mark.parametrize(
    "case", rest_as_proofs([c for c in CASES if np.prod(c[1]) < 100_000], every=3), ids=str
)
def test_numerical_gradients_agree(case: tuple, rng: np.random.Generator) -> None:
    _, shape, c_out, kernel, stride, padding, dilation = case
    layer = Conv2D(shape[1], c_out, kernel, stride, padding, dilation)
    layer.initialise(rng, "float64")
    report = check_layer(layer, rng.standard_normal(shape), rng=rng, samples_per_tensor=20)
    assert report.passed, report
