"""Convolution as a matrix product, in its textbook form.

``im2col`` lays every placement of the kernel out as one row; a convolution is then *one* matrix
product of those rows with the flattened weights, and ``col2im``, its adjoint, carries gradients
back. (Chellapilla, Puri and Simard, 'High performance convolutional neural networks for document
processing', 2006; CS231n, 'Convolutional networks', section 'Implementation as matrix
multiplication'.)

    >>> x = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> im2col(x, Window((3, 3))).shape       # four placements of nine taps
    (4, 9)

These two are here to be read and to test the fast kernels of ``conv`` against; they hold the
columns of the whole batch at once, nine times the memory of x for a 3x3 kernel.
"""

import numpy as np

from engine.kernels.window import Window


def _placements(window: Window, height: int, width: int) -> list[tuple[int, int, slice, slice]]:
    """For each tap (i, j) of the kernel, the padded rows and columns that it visits."""
    out_h, out_w = window.output_size(height, width)
    (stride_h, stride_w), (dilation_h, dilation_w) = window.stride, window.dilation
    return [
        (
            i,
            j,
            slice(i * dilation_h, i * dilation_h + stride_h * (out_h - 1) + 1, stride_h),
            slice(j * dilation_w, j * dilation_w + stride_w * (out_w - 1) + 1, stride_w),
        )
        for i in range(window.kernel[0])
        for j in range(window.kernel[1])
    ]


def im2col(x: np.ndarray, window: Window) -> np.ndarray:
    """Every placement of the kernel as a row.

    Args:
        x: images (N, C, H, W).
        window: kernel, stride, padding and dilation.

    Returns:
        Columns (N·H_out·W_out, C·KH·KW): row (n, y, x), column (c, i, j).
    """
    n, c, h, w = x.shape
    (kh, kw), (out_h, out_w) = window.kernel, window.output_size(h, w)
    padded = np.pad(x, ((0, 0), (0, 0), *window.pads))
    cols = np.empty((n, c, kh, kw, out_h, out_w), x.dtype)
    for i, j, rows, columns in _placements(window, h, w):
        cols[:, :, i, j] = padded[:, :, rows, columns]
    # n c i j y x -> (n y x) (c i j)
    return cols.transpose(0, 4, 5, 1, 2, 3).reshape(n * out_h * out_w, c * kh * kw)


def col2im(cols: np.ndarray, image_shape: tuple[int, int, int, int], window: Window) -> np.ndarray:
    """The adjoint of ``im2col``: every column is *added* back to the pixel that it came from.

    Where windows overlap a pixel was copied several times, so its gradient is a sum. A loop over
    the kernel's taps adds whole slices; ``np.add.at`` would give the same numbers far slower.

    Args:
        cols: (N·H_out·W_out, C·KH·KW), as ``im2col`` makes them.
        image_shape: (N, C, H, W) of the images.
        window: the window that made the columns.

    Returns:
        Images (N, C, H, W).
    """
    n, c, h, w = image_shape
    (kh, kw), (out_h, out_w) = window.kernel, window.output_size(h, w)
    (top, bottom), (left, right) = window.pads
    padded = np.zeros((n, c, h + top + bottom, w + left + right), cols.dtype)
    taps = cols.reshape(n, out_h, out_w, c, kh, kw).transpose(0, 3, 4, 5, 1, 2)
    for i, j, rows, columns in _placements(window, h, w):
        padded[:, :, rows, columns] += taps[:, :, i, j]
    return padded[:, :, top : top + h, left : left + w]
