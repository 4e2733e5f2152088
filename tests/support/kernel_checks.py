"""The kernels against plain loops, as functions that raise; convolution goes through its layer."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from engine.kernels import pooling
from engine.kernels.im2col import col2im, im2col
from engine.kernels.window import Window, make_window
from tests.support.oracles import conv2d, pads, pair, taps

WINDOWS: list[tuple[tuple[int, ...], Window]] = [
    ((2, 3, 5, 6), make_window(3)),
    ((1, 2, 6, 5), make_window((3, 2), (2, 1))),
    ((3, 1, 7, 8), make_window((2, 3), (1, 3), (1, 2))),
    ((2, 2, 7, 6), make_window(3, 2, "same", (1, 2))),
    ((2, 3, 6, 7), make_window((4, 2), 1, "same")),
    ((1, 2, 8, 6), make_window(2, (2, 1), 1, (3, 2))),
    ((2, 1, 3, 4), make_window(1)),
]


def rows_are_placements() -> None:
    """Row (n, y, x), column (c, i, j): the pixel under tap (i, j), or 0 in the border."""
    for shape, window in WINDOWS:
        x = np.random.default_rng(0).standard_normal(shape)
        out_h, out_w = window.output_size(*shape[2:])
        rows = im2col(x, window).reshape(shape[0], out_h, out_w, shape[1], *window.kernel)
        expected = np.zeros_like(rows)
        met = taps(shape[2:], window.kernel, window.stride, window.pads, window.dilation)  # type: ignore[arg-type]
        for (p, q), pixels in met.items():
            for (i, j), (u, v) in pixels:
                expected[:, p, q, :, i, j] = x[:, :, u, v]
        np.testing.assert_array_equal(rows, expected)
        assert len(met) == out_h * out_w


def col2im_is_the_adjoint() -> None:
    """⟨im2col(x), c⟩ = ⟨x, col2im(c)⟩ for all x and c; and every single pixel's sum."""
    for shape, window in WINDOWS:
        rng = np.random.default_rng(1)
        x = rng.standard_normal(shape)
        rows = im2col(x, window)
        other = rng.standard_normal(rows.shape)
        back = col2im(other, shape, window)  # type: ignore[arg-type]
        assert back.shape == shape
        np.testing.assert_allclose((rows * other).sum(), (x * back).sum(), rtol=1e-11)
        counts = col2im(np.ones_like(rows), shape, window)  # type: ignore[arg-type]
        expected = np.zeros(shape)
        met = taps(shape[2:], window.kernel, window.stride, window.pads, window.dilation)  # type: ignore[arg-type]
        for pixels in met.values():
            for _, (u, v) in pixels:
                expected[:, :, u, v] += 1
        np.testing.assert_array_equal(counts, expected)


def a_convolution_is_a_product() -> None:
    """im2col(x) times the flattened weights is the convolution of plain loops."""
    for shape, window in WINDOWS:
        rng = np.random.default_rng(2)
        x, weight = rng.standard_normal(shape), rng.standard_normal((4, shape[1], *window.kernel))
        out_h, out_w = window.output_size(*shape[2:])
        out = im2col(x, window) @ weight.reshape(4, -1).T
        padded = np.pad(x, ((0, 0), (0, 0), *window.pads))
        expected = conv2d(padded, weight, None, stride=window.stride, dilation=window.dilation)
        np.testing.assert_allclose(
            out.reshape(shape[0], out_h, out_w, 4).transpose(0, 3, 1, 2), expected, rtol=1e-11
        )


def dtype_stays() -> None:
    for shape, window in WINDOWS:
        rows = im2col(np.ones(shape, np.float32), window)
        assert rows.dtype == np.float32
        assert col2im(rows, shape, window).dtype == np.float32  # type: ignore[arg-type]


IM2COL_CHECKS: dict[str, Callable[[], None]] = {
    check.__name__: check
    for check in (
        rows_are_placements,
        col2im_is_the_adjoint,
        a_convolution_is_a_product,
        dtype_stays,
    )
}


def sizes_and_pads() -> None:
    """``make_window`` pads as PyTorch does, and ``output_size`` counts the placements."""
    for kernel in (1, 2, 3, (3, 2), (1, 4)):
        for stride in (1, 2, (2, 1)):
            paddings: tuple[Any, ...] = (0, 1, (0, 2), "same")
            for padding in paddings:
                for dilation in (1, 2, (1, 2)):
                    window = make_window(kernel, stride, padding, dilation)
                    assert window.kernel == pair(kernel)
                    assert window.stride == pair(stride)
                    assert window.dilation == pair(dilation)
                    assert window.pads == pads(padding, pair(kernel), pair(dilation))
                    assert window.is_padded == (window.pads != ((0, 0), (0, 0)))
                    met = taps((9, 8), window.kernel, window.stride, window.pads, window.dilation)
                    assert window.output_size(9, 8) == (max(met)[0] + 1, max(met)[1] + 1)
                    padded = np.pad(np.zeros((9, 8)), window.pads).size
                    assert window.padded_size(9, 8) == (padded if window.is_padded else 0)


def windows_that_do_not_fit() -> None:
    """An output of no rows, not an error: the layers say what is wrong."""
    assert make_window(3).output_size(2, 5) == (0, 3)
    assert make_window((2, 5), 2).output_size(3, 2)[1] <= 0
    assert make_window(3, 1, 0, 2).output_size(4, 5) == (0, 1)


def phases_are_the_adjoint() -> None:
    """Correlating what reaches each phase of the pixels with its taps in reverse gives dx."""
    cases: tuple[Any, ...] = (
        (3, 1, 1, 1), ((3, 2), 1, "same", 1), ((2, 3), 1, 0, (2, 1)), ((4, 3), 1, (1, 2), (1, 2)),
        (3, 2, 1, 1), (1, 2, 0, 1), ((5, 2), (3, 2), (2, 1), 1), (2, 1, 2, 1), (2, (1, 3), 3, 1),
        (3, 2, 2, 2), ((3, 4), (4, 3), 1, (2, 3)), (2, 4, 0, 3), (3, (2, 5), "same", (3, 1)),
    )  # fmt: skip
    for kernel, stride, padding, dilation in cases:
        window = make_window(kernel, stride, padding, dilation)
        rng = np.random.default_rng(3)
        x, weight = rng.standard_normal((1, 2, 9, 8)), rng.standard_normal((3, 2, *window.kernel))
        dout = rng.standard_normal(_correlate(x, weight, window).shape)
        dx = np.zeros_like(x)
        for rows, columns in itertools.product(window.phases(0, 9), window.phases(1, 8)):
            part = weight[:, :, rows.taps, columns.taps][:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
            reach = Window(
                (part.shape[2], part.shape[3]),
                (1, 1),
                (rows.pads, columns.pads),
                (rows.dilation, columns.dilation),
            )
            dx[:, :, rows.pixels, columns.pixels] = _correlate(
                dout[:, :, rows.kept, columns.kept], part, reach
            )
        ones = np.eye(x.size).reshape(-1, *x.shape[1:])
        expected = (_correlate(ones, weight, window) * dout).sum(axis=(1, 2, 3))
        np.testing.assert_allclose(dx.ravel(), expected, rtol=1e-11, atol=1e-12)


def _correlate(x: np.ndarray, weight: np.ndarray, window: Window) -> np.ndarray:
    padded = np.pad(x, ((0, 0), (0, 0), *window.pads))
    return conv2d(padded, weight, None, stride=window.stride, dilation=window.dilation)


POOL_WINDOWS = [
    *WINDOWS,
    ((2, 3, 6, 8), make_window(2, 2)),
    ((2, 3, 7, 8), make_window(2, 2)),
    ((2, 3, 6, 9), make_window(2, 2)),
    ((3, 2, 6, 6), make_window((2, 3), (2, 3))),
    ((2, 2, 6, 6), make_window(2, 2, 1)),
    ((2, 2, 6, 6), make_window(3, 2)),  # out times kernel is the size, but windows overlap
    ((2, 2, 9, 10), make_window(2, 2, 0, 2)),
    ((2, 2, 8, 10), make_window(2, 2, 0, (1, 3))),
]


BORDERED = [
    ((2, 2, 9, 10), make_window((3, 3), (2, 1), (3, 1), (2, 3))),
    ((2, 2, 10, 9), make_window((3, 3), (1, 2), (1, 3), (3, 2))),
    ((2, 2, 9, 9), make_window((4, 4), (2, 2), (3, 3), (2, 2))),
]
"""Windows whose first taps lie in the border, some of them not by a whole step."""


def pools_are_plain_loops() -> None:
    """Maximum and mean of the pixels of every window, dilated windows too, and their adjoints."""
    for shape, window in POOL_WINDOWS:
        rng = np.random.default_rng(4)
        x = rng.permutation(math.prod(shape)).reshape(shape).astype(float) - 20
        met = taps(shape[2:], window.kernel, window.stride, window.pads, window.dilation)  # type: ignore[arg-type]
        size = window.kernel[0] * window.kernel[1]
        largest, winner = pooling.max_forward(x, window)
        mean = pooling.average_forward(x, window, np.array(float(size)))
        dout = rng.standard_normal(largest.shape)
        dx_largest, dx_mean = np.zeros(shape), np.zeros(shape)
        for (p, q), pixels in met.items():
            values = np.array([x[:, :, u, v] for _, (u, v) in pixels])
            np.testing.assert_array_equal(largest[:, :, p, q], values.max(axis=0))
            np.testing.assert_allclose(mean[:, :, p, q], values.sum(axis=0) / size, atol=1e-12)
            for value, (_, (u, v)) in zip(values, pixels, strict=True):
                won = value == values.max(axis=0)
                dx_largest[:, :, u, v] += dout[:, :, p, q] * won
                dx_mean[:, :, u, v] += dout[:, :, p, q] / size
        found = pooling.max_backward(dout, winner, shape, window)
        np.testing.assert_allclose(found, dx_largest, atol=1e-12)
        found = pooling.average_backward(dout, shape, window, np.array(float(size)))
        np.testing.assert_allclose(found, dx_mean, atol=1e-12)


def a_pixel_of_the_image_wins() -> None:
    """In a window of −∞ the first pixel wins, in a window of NaN the last; the border never."""
    for shape, window in [*POOL_WINDOWS, *BORDERED]:
        met = taps(shape[2:], window.kernel, window.stride, window.pads, window.dilation)  # type: ignore[arg-type]
        for value, which in ((-np.inf, 0), (np.nan, -1)):
            out, winner = pooling.max_forward(np.full(shape, value), window)
            dout = np.random.default_rng(5).standard_normal(out.shape)
            expected = np.zeros(shape)
            for (p, q), pixels in met.items():
                _, (u, v) = pixels[which]
                expected[:, :, u, v] += dout[:, :, p, q]
            found = pooling.max_backward(dout, winner, shape, window)
            np.testing.assert_allclose(found, expected, atol=1e-12)


def counts_are_those_of_the_image() -> None:
    """How many pixels of a window are no border."""
    for shape, window in POOL_WINDOWS:
        met = taps(shape[2:], window.kernel, window.stride, window.pads, window.dilation)  # type: ignore[arg-type]
        height, width = shape[2:]
        counts = pooling.window_counts(window, height, width, np.dtype(np.float64))
        expected = [len(pixels) for pixels in met.values()]
        np.testing.assert_array_equal(counts.ravel(), expected)


def many_taps_have_many_numbers() -> None:
    """The last of 257 taps wins: its number does not fit into a byte."""
    for size, across in itertools.product((255, 256, 257, 258), (True, False)):
        x = np.arange(size + 1.0).reshape((1, 1, 1, -1) if across else (1, 1, -1, 1))
        window = make_window((1, size) if across else (size, 1))
        out, winner = pooling.max_forward(x, window)
        np.testing.assert_array_equal(out.ravel(), [size - 1, size])
        dx = pooling.max_backward(np.ones(out.shape), winner, x.shape, window)
        np.testing.assert_array_equal(np.flatnonzero(dx), [size - 1, size])


POOL_CHECKS: dict[str, Callable[[], None]] = {
    check.__name__: check
    for check in (
        pools_are_plain_loops,
        a_pixel_of_the_image_wins,
        counts_are_those_of_the_image,
        many_taps_have_many_numbers,
    )
}

GEOMETRY_CHECKS: dict[str, Callable[[], None]] = {
    check.__name__: check
    for check in (sizes_and_pads, windows_that_do_not_fit, phases_are_the_adjoint)
}
