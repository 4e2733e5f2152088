"""The textbook's im2col and col2im against plain loops, as functions that raise."""

from collections.abc import Callable

import numpy as np
from oracles import conv2d, pads, pair, taps

from engine.kernels.geometry import Window, make_window
from engine.kernels.im2col import col2im, im2col

WINDOWS: list[tuple[tuple[int, ...], Window]] = [
    ((2, 3, 5, 6), make_window(3)),
    ((1, 2, 6, 5), make_window((3, 2), (2, 1))),
    ((3, 1, 7, 8), make_window((2, 3), (1, 3), (1, 2))),
    ((2, 2, 7, 6), make_window(3, 2, "same", (1, 2))),
    ((2, 3, 6, 7), make_window((4, 2), 1, "same")),
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
        expected = conv2d(
            padded, weight, None, stride=window.stride, dilation=window.dilation
        )
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
            for padding in (0, 1, (0, 2), "same"):
                for dilation in (1, 2, (1, 2)):
                    window = make_window(kernel, stride, padding, dilation)
                    assert window.kernel == pair(kernel)
                    assert window.stride == pair(stride)
                    assert window.dilation == pair(dilation)
                    assert window.pads == pads(padding, pair(kernel), pair(dilation))
                    assert window.is_padded == (window.pads != ((0, 0), (0, 0)))
                    met = taps((9, 8), window.kernel, window.stride, window.pads, window.dilation)
                    assert window.output_size(9, 8) == (max(met)[0] + 1, max(met)[1] + 1)


def windows_that_do_not_fit() -> None:
    """An output of no rows, not an error: the layers say what is wrong."""
    assert make_window(3).output_size(2, 5) == (0, 3)
    assert make_window((2, 5), 2).output_size(3, 2)[1] <= 0
    assert make_window(3, 1, 0, 2).output_size(4, 5) == (0, 1)


def transposed_is_the_adjoint() -> None:
    """Correlating dout with the flipped kernel in the transposed window gives dx."""
    for kernel, padding, dilation in (
        (3, 1, 1), ((3, 2), "same", 1), ((2, 3), 0, (2, 1)), (1, 0, 3), ((4, 3), (1, 2), (1, 2)),
    ):  # fmt: skip
        window = make_window(kernel, 1, padding, dilation)
        transposed = window.transposed()
        assert transposed is not None
        rng = np.random.default_rng(3)
        x, weight = rng.standard_normal((1, 2, 9, 8)), rng.standard_normal((3, 2, *window.kernel))
        out = _correlate(x, weight, window)
        dout = rng.standard_normal(out.shape)
        dx = _correlate(dout, weight[:, :, ::-1, ::-1].transpose(1, 0, 2, 3), transposed)
        assert dx.shape == x.shape
        np.testing.assert_allclose((out * dout).sum(), (x * dx).sum(), rtol=1e-11)
    assert make_window(3, 2, 1).transposed() is None
    assert make_window(3, (1, 2), 1).transposed() is None
    assert make_window(2, 1, (0, 2)).transposed() is None
    assert make_window(2, 1, (2, 0)).transposed() is None


def _correlate(x: np.ndarray, weight: np.ndarray, window: Window) -> np.ndarray:
    padded = np.pad(x, ((0, 0), (0, 0), *window.pads))
    return conv2d(padded, weight, None, stride=window.stride, dilation=window.dilation)


GEOMETRY_CHECKS: dict[str, Callable[[], None]] = {
    check.__name__: check
    for check in (sizes_and_pads, windows_that_do_not_fit, transposed_is_the_adjoint)
}
