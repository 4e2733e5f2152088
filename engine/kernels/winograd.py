"""Winograd's convolution F(4x4, 3x3): 36 multiplications where the definition takes 144.

Four neighbouring outputs of a 3-tap filter need 12 products by the definition, and 6 by

    y = Aᵀ [ (G g) ⊙ (Bᵀ d) ],   d: 6 inputs, g: 3 taps, y: 4 outputs

Both factors are polynomials, evaluated at the points 0, 1, −1, 1/2, −2 and at infinity; y is the
product's, interpolated. With these points, of those tried, the rounding errors are the smallest:
about ten times those of the definition, relative to the largest output. They were measured to be
harmless in training (docs/benchmarks.md).

In two dimensions Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A for a tile of 6x6 inputs and 4x4 outputs. Summed
over input channels, ⊙ becomes 36 matrix products: M_t = U_t (O, C) @ V_t (C, tiles).

Y is linear in g and in d, so the gradients are the transposed maps: with Z = A dY Aᵀ,

    dU_t = Z_t Vᵀ_t,  dg = Gᵀ dU G;   and dx is F(4x4, 3x3) of dY with the flipped kernel.

All transforms are products of a small matrix with whole rows, left to BLAS: it makes all outputs
in one run over the inputs, where sums of rows would take twenty runs through memory.

Source: Winograd, 'Arithmetic complexity of computations', 1980; Lavin and Gray, 'Fast algorithms
for convolutional neural networks', 2016, section 4.3; for the points, Barabasz et al., 'Error
analysis and improving the accuracy of Winograd convolution for deep neural networks', 2020.

Index letters: i j row and column of a 6x6 (or 4x4) tile, t = (i, j), y x tile row and column,
p = (x, n); n, c, o as in ``conv``.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from engine.arrays import Array
from engine.kernels.gemm import row_parts, small_parts
from engine.kernels.layout import pixels
from engine.kernels.partition import equal_parts
from engine.kernels.scratch import scratch
from engine.kernels.window import Window

# Below these the products are too thin to make up for the transforms around them.
FEWEST_CHANNELS = 24
LEAST_WORK = 500_000  # C · O · W_out · N
# V of this size leaves room for M, of about the same, in a core's second-level cache.
BLOCK_BYTES = 1024 * 1024
# Sums over fewer, longer products: each goes through all of dU in memory.
WEIGHT_BLOCK_BYTES = 5 * 512 * 1024
TILE = 4

# A column for each point: its powers, for the four outputs.
A = np.array(
    [
        [1, 1, 1, 1, 1, 0],
        [0, 1, -1, 1 / 2, -2, 0],
        [0, 1, 1, 1 / 4, 4, 0],
        [0, 1, -1, 1 / 8, -8, 1],
    ]
).T
# A row for each point: the polynomial that is 0 at all others, its constant term first.
B = np.array(
    [
        [1, -3 / 2, -2, 3 / 2, 1, 0],
        [0, -1, 1 / 2, 5 / 2, 1, 0],
        [0, 1, -5 / 2, 1 / 2, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 1 / 2, -1, -1 / 2, 1, 0],
        [0, 1, -3 / 2, -2, 3 / 2, 1],
    ]
).T
# A row for each point: its powers, for the three taps, divided by that polynomial's value there.
G = np.array(
    [
        [1, 0, 0],
        [1 / 3, 1 / 3, 1 / 3],
        [-1 / 3, 1 / 3, -1 / 3],
        [-16 / 15, -8 / 15, -4 / 15],
        [1 / 15, -2 / 15, 4 / 15],
        [0, 0, 1],
    ]
)


def suits(window: Window, c_in: int, c_out: int, out_w: int, n: int) -> bool:
    """Whether this is the fastest way to convolve: 3x3, stride 1, and enough channels."""
    return (
        window.kernel == (3, 3)
        and window.stride == window.dilation == (1, 1)
        and min(c_in, c_out) >= FEWEST_CHANNELS
        and c_in * c_out * out_w * n >= LEAST_WORK
    )


def correlate(memory: Array, weight: Array, bias: Array | None, window: Window, out: Array) -> None:
    """out (H_out, O, W_out, N) = weight (O, C, 3, 3) * memory (H, C, W, N) + bias (O,)."""
    a, _, g = matrices(out.dtype)
    (c_out, c_in), n = weight.shape[:2], out.shape[3]
    taps = np.ascontiguousarray(weight.transpose(2, 3, 0, 1))  # ocij -> ijoc
    u = _both_ways(g, taps, "winograd.u").reshape(36, c_out, c_in)
    for v, tiles in _blocks(memory, window, out.shape, BLOCK_BYTES):
        m = scratch("winograd.m", (36, c_out, tiles.across * n), out.dtype)
        for o, p in small_parts(c_out, c_in, m.shape[2]):
            np.matmul(u[:, o], v[:, :, p], out=m[:, o, p])  # toc, tcp -> top
        y = _both_ways(a.T, m.reshape(6, 6, c_out, tiles.across, n), "winograd.y")
        for j, columns, whole in tiles.columns():
            if bias is None:
                pixels(out)[tiles.rows, :, columns] = pixels(y)[: tiles.height, j, :, :whole]
            else:
                np.add(
                    y[: tiles.height, j, :, :whole],
                    bias[:, None, None],
                    out=out[tiles.rows, :, columns],
                )


def correlate_weight(memory: Array, dout: Array, window: Window, dweight: Array) -> None:
    """dweight (O, C, 3, 3) = the sum over tiles of memory's times dout's (H_out, O, W_out, N)."""
    a, _, g = matrices(dout.dtype)
    (c_out, c_in), n = dweight.shape[:2], dout.shape[3]
    parts = row_parts(c_in, c_out)
    sums = [np.zeros((36, c.stop - c.start, c_out), dout.dtype) for c in parts]
    for v, tiles in _blocks(memory, window, dout.shape, WEIGHT_BLOCK_BYTES):
        dy = scratch("winograd.dy", (TILE, TILE, c_out, tiles.across, n), dout.dtype)
        dy[tiles.height :] = 0
        if TILE * (tiles.first + tiles.across) > tiles.width:
            dy[:, :, :, -1] = 0
        for j, columns, whole in tiles.columns():
            pixels(dy)[: tiles.height, j, :, :whole] = pixels(dout)[tiles.rows, :, columns]
        z = _both_ways(a, dy, "winograd.z").reshape(36, c_out, -1).transpose(0, 2, 1)
        for c, total in zip(parts, sums, strict=True):
            product = scratch("winograd.du", total.shape, total.dtype)
            total += np.matmul(v[:, c], z, out=product)  # tcp, tpo -> tco
    du = np.concatenate(sums, axis=1)
    taps = _both_ways(g.T, du.reshape(6, 6, c_in, c_out), "winograd.taps")
    dweight[...] = taps.transpose(3, 2, 0, 1)  # ijco -> ocij


class _Tiles(NamedTuple):
    """Neighbouring tiles of a row of tiles.

    Attributes:
        rows: their rows of the output; fewer than four at the edge of other heights.
        first: the first of them.
        across: how many.
        width: columns of the output.
    """

    rows: slice
    first: int
    across: int
    width: int

    @property
    def height(self) -> int:
        """How many rows these are."""
        return self.rows.stop - self.rows.start

    def columns(self) -> Iterator[tuple[int, slice, int]]:
        """For each column j of a tile: its columns of the output, and how many tiles have it."""
        for j in range(TILE):
            start = TILE * self.first + j
            stop = min(self.width, TILE * (self.first + self.across))
            yield j, slice(start, stop, TILE), -(-(stop - start) // TILE)


def _blocks(
    memory: Array, window: Window, out_shape: tuple[int, ...], size: int
) -> Iterator[tuple[Array, _Tiles]]:
    """V (36, C, p) = Bᵀ d B of some tiles of a row at a time, of about ``size`` bytes."""
    b = matrices(memory.dtype)[1]
    height, _, width, n = out_shape
    c = memory.shape[1]
    across = -(-width // TILE)
    blocks = -(-36 * c * across * n * memory.itemsize // size)
    for part in equal_parts(across, min(blocks, across)):
        first, count = part.start, part.stop - part.start
        # Bᵀ d of the six image rows under a row of tiles; the last two are the next one's first.
        lines = scratch("winograd.lines", (6, 6, c * count * n), memory.dtype)
        v = scratch("winograd.v", (36, c, count * n), memory.dtype)
        for y in range(0, height, TILE):
            known = 2 if y else 0
            lines[:known] = lines[TILE : TILE + known]
            _transform_columns(memory, window, y + known, first, count, lines[known:])
            np.matmul(b.T, lines.reshape(6, -1), out=v.reshape(6, -1))
            yield v, _Tiles(slice(y, min(y + TILE, height)), first, count, width)


def _transform_columns(
    memory: Array, window: Window, y: int, first: int, count: int, lines: Array
) -> None:
    """lines (rows, 6, c·x·n) = Bᵀ of six neighbouring columns, from row y of the padded image."""
    b = matrices(memory.dtype)[1]
    (top, _), (left, _) = window.pads
    height, c, width, n = memory.shape
    start = min(max(y - top, 0), height)
    stop = max(start, min(y - top + len(lines), height))
    inside = slice(start - (y - top), stop - (y - top))
    lines[: inside.start] = 0
    lines[inside.stop :] = 0
    if start == stop:
        return
    d = scratch("winograd.d", (stop - start, 6, c, count, n), memory.dtype)
    for j in range(6):
        column = TILE * first + j - left  # of the first tile; beyond the edge there are zeros
        fewest = max(0, -(column // TILE))
        most = max(fewest, min(count, -(-(width - column) // TILE)))
        d[:, j, :, :fewest] = 0
        d[:, j, :, most:] = 0
        columns = slice(column + TILE * fewest, max(0, column + TILE * (most - 1) + 1), TILE)
        pixels(d)[:, j, :, fewest:most] = pixels(memory)[start:stop, :, columns]
    np.matmul(b.T, d.reshape(len(d), 6, -1), out=lines[inside])


def _both_ways(matrix: Array, tiles: Array, name: str) -> Array:
    """matrix (k, l) @ tile (l, l) @ matrixᵀ, for contiguous tiles (l, l, ...) -> (k, k, ...).

    The result is in the scratch memory of that name.
    """
    before, after, rest = len(tiles), len(matrix), tiles.shape[2:]
    half = scratch("winograd.half", (after, tiles.size // before), tiles.dtype)
    whole = scratch(name, (after, after, *rest), tiles.dtype)
    np.matmul(matrix, tiles.reshape(before, -1), out=half)
    np.matmul(matrix, half.reshape(after, before, -1), out=whole.reshape(after, after, -1))
    return whole


def matrices(dtype: np.dtype) -> tuple[Array, Array, Array]:
    """A (6, 4), B (6, 6) and G (6, 3)."""
    return A.astype(dtype), B.astype(dtype), G.astype(dtype)
