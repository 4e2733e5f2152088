"""The textbook's kernels and the geometry of windows, against plain loops."""

from collections.abc import Callable

import numpy as np
import pytest

from engine.kernels.im2col import col2im, im2col
from engine.kernels.window import Window, make_window
from engine.layers import Conv2D
from tests.support.kernel_checks import GEOMETRY_CHECKS, IM2COL_CHECKS, POOL_CHECKS

CHECKS = IM2COL_CHECKS | GEOMETRY_CHECKS | POOL_CHECKS


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS.keys())
def test_plain_loops_agree(check: Callable[[], None]) -> None:
    check()


def test_the_example_of_the_docstring() -> None:
    x = np.arange(16.0).reshape(1, 1, 4, 4)
    assert im2col(x, Window((3, 3))).shape == (4, 9)


@pytest.mark.parametrize("stride", [1, 2, (2, 1)])
@pytest.mark.parametrize("padding", [0, 1, "same"])
def test_the_fast_convolution_is_the_textbook_s(
    stride: int | tuple[int, int], padding: int | str, rng: np.random.Generator
) -> None:
    """Forward and all three gradients, with the products that the textbook writes."""
    layer = Conv2D(3, 5, (3, 2), stride, padding).initialise(rng, np.float64)  # type: ignore[arg-type]
    window = make_window((3, 2), stride, padding)  # type: ignore[arg-type]
    x = rng.standard_normal((4, 3, 9, 8))
    cols, weight = im2col(x, window), layer.params["weight"].reshape(5, -1)
    out_h, out_w = window.output_size(9, 8)
    out = (cols @ weight.T + layer.params["bias"]).reshape(4, out_h, out_w, 5)
    np.testing.assert_allclose(layer.forward(x), out.transpose(0, 3, 1, 2), rtol=1e-11, atol=1e-12)
    dout = rng.standard_normal((4, 5, out_h, out_w))
    rows = dout.transpose(0, 2, 3, 1).reshape(-1, 5)
    dx = col2im(rows @ weight, x.shape, window)
    found = layer.backward(dout)
    assert found is not None
    np.testing.assert_allclose(found, dx, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(
        layer.grads["weight"].reshape(5, -1), rows.T @ cols, rtol=1e-11, atol=1e-12
    )
    np.testing.assert_allclose(layer.grads["bias"], rows.sum(axis=0), rtol=1e-11)
