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

All transforms are products, left to BLAS. Along a column of tiles each is a product of a small
matrix with whole image rows: BLAS makes all outputs in one run over the inputs, where sums of rows
would take twenty runs through memory. Along a row of tiles the same small matrix is repeated in a
band, a block for each tile, four columns further right; the band times the pixels of an image row,
which lie together in memory, transforms a few tiles at once. Nothing is gathered or scattered, and
at the edges of an image the band is cut instead of the image padded. That the band is mostly zeros
costs less than copying pixels would.

Source: Winograd, 'Arithmetic complexity of computations', 1980; Lavin and Gray, 'Fast algorithms
for convolutional neural networks', 2016, section 4.3; for the points, Barabasz et al., 'Error
analysis and improving the accuracy of Winograd convolution for deep neural networks', 2020.

Index letters: i j row and column of a 6x6 (or 4x4) tile, t = (i, j), y x tile row and column,
p = (x, n); n, c, o as in ``conv``. Lines are rows of tiles in the order (i, c, j, p): i outermost
for products along a column, and (j, x, n) innermost for those along a row.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from engine.arrays import Array
from engine.kernels.gemm import row_parts, small_parts
from engine.kernels.partition import equal_parts, parts_of_at_most
from engine.kernels.scratch import scratch
from engine.kernels.window import Window

# Below these the products are too thin to make up for the transforms around them.
FEWEST_CHANNELS = 24
LEAST_WORK = 500_000  # C · O · W_out · N
# V of this size leaves room for M, of about the same, in a core's second-level cache. Where U
# leaves that anyway, V may be a part of U: products that are longer go through U less often.
BLOCK_BYTES = 1024 * 1024
PART_OF_U = 4
# Sums over fewer, longer products: each goes through all of dU in memory.
WEIGHT_BLOCK_BYTES = 5 * 512 * 1024
# Of a block's products, so much is computed and then added to dU, while it is in the cache.
PRODUCT_BYTES = 1024 * 1024
# Output channels at a time, so that M and Z are about as large as V, but at least so many.
FEWEST_OUTPUTS = 32
TILE = 4
# Tiles side by side in a band; of longer ones ever more are zeros.
MOST_ACROSS = 4

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
    a = matrices(out.dtype)[0]
    c_out, c_in = weight.shape[:2]
    u = scratch("winograd.u", (6, 6, c_out, c_in), out.dtype)
    # G g Gᵀ as one product; the two index letters of a tap are one: t (ij), (oc) (ij) -> t (oc)
    np.matmul(_kernel_transform(out.dtype), weight.reshape(-1, 9).T, out=u.reshape(36, -1))
    size = max(BLOCK_BYTES, u.nbytes // PART_OF_U)
    for v, tiles in _blocks(memory, window, out.shape, size):
        band = np.ascontiguousarray(tiles.band[:, : tiles.width].T)
        for o in _output_parts(c_out, c_in):
            m = tiles.lines("winograd.m", 6, o)
            products = m.transpose(0, 2, 1, 3)  # iojp -> ijop
            for k, p in small_parts(products.shape[2], c_in, products.shape[3]):
                np.matmul(u[:, :, o][:, :, k], v[..., p], out=products[:, :, k, p])  # ijoc, ijcp
            if bias is not None:
                m[1, :, 1] += bias[o, None]  # at the point 1, A is 1 for each output of a tile
            rows = tiles.lines("winograd.rows", TILE, o)
            np.matmul(a.T, m.reshape(6, -1), out=rows.reshape(TILE, -1))
            operand = tiles.side_by_side(rows)[: tiles.height]
            np.matmul(band, operand, out=out[tiles.rows, o, tiles.columns])  # yo(jx)n -> yoxn


def correlate_weight(memory: Array, dout: Array, window: Window, dweight: Array) -> None:
    """dweight (O, C, 3, 3) = the sum over tiles of memory's times dout's (H_out, O, W_out, N)."""
    a = matrices(dout.dtype)[0]
    c_out, c_in = dweight.shape[:2]
    du = np.empty((6, 6, c_out, c_in), dout.dtype)
    blocks = _blocks(memory, window, dout.shape, WEIGHT_BLOCK_BYTES)
    for number, (v, tiles) in enumerate(blocks):
        band = tiles.band[:, : tiles.width]
        for o in _output_parts(c_out, c_in):
            rows = tiles.lines("winograd.rows", TILE, o)
            if tiles.height < TILE:
                rows[...] = 0
            target = tiles.side_by_side(rows)[: tiles.height]
            np.matmul(band, dout[tiles.rows, o, tiles.columns], out=target)  # yoxn -> yo(jx)n
            z = tiles.lines("winograd.z", 6, o)
            np.matmul(a, rows.reshape(TILE, -1), out=z.reshape(6, -1))
            z, sums = z.transpose(0, 2, 1, 3), du[:, :, o]  # iojp -> ijop
            for k in row_parts(z.shape[2], c_in):
                factors = z[:, :, k], v.transpose(0, 1, 3, 2)  # ijop, ijpc
                if number == 0:
                    np.matmul(*factors, out=sums[:, :, k])  # ijoc
                else:
                    _add_product(*factors, sums[:, :, k])
    # Gᵀ dU G: (oc) t, t (ij) -> (oc) (ij)
    dweight[...] = (du.reshape(36, -1).T @ _kernel_transform(dout.dtype)).reshape(dweight.shape)


def _add_product(a: Array, b: Array, total: Array) -> None:
    """total += a @ b, stacks of matrices, in parts that are added while they are in the cache."""
    for i in equal_parts(len(total), -(-total.nbytes // PRODUCT_BYTES)):
        product = scratch("winograd.du", total[i].shape, total.dtype)
        total[i] += np.matmul(a[i], b[i], out=product)


class _Tiles(NamedTuple):
    """Neighbouring tiles of a row of tiles.

    Attributes:
        rows: their rows of the output; fewer than four at the edge of other heights.
        columns: their columns of the output; fewer at the edge of other widths.
        across: how many tiles.
        n: samples.
        band: A of all of them, ((j x), 4·across).
    """

    rows: slice
    columns: slice
    across: int
    n: int
    band: Array

    @property
    def height(self) -> int:
        """How many rows these are."""
        return self.rows.stop - self.rows.start

    @property
    def width(self) -> int:
        """How many columns these are."""
        return self.columns.stop - self.columns.start

    def lines(self, name: str, rows: int, channels: slice) -> Array:
        """Scratch memory (i, c, j, p) for so many rows of some channels."""
        count = channels.stop - channels.start
        return scratch(name, (rows, count, 6, self.across * self.n), self.band.dtype)

    def side_by_side(self, lines: Array) -> Array:
        """Lines (i, c, j, p) as (i, c, (j x), n), operands of products with a band."""
        return lines.reshape(*lines.shape[:2], 6 * self.across, self.n)


def _blocks(
    memory: Array, window: Window, out_shape: tuple[int, ...], size: int
) -> Iterator[tuple[Array, _Tiles]]:
    """V (6, 6, C, p) = Bᵀ d B of some tiles of a row at a time, of about ``size`` bytes."""
    a, b, _ = matrices(memory.dtype)
    height, _, width, n = out_shape
    channels = slice(0, memory.shape[1])
    across = -(-width // TILE)
    tile_bytes = 36 * channels.stop * n * memory.itemsize
    most = min(max(size // tile_bytes, 1), MOST_ACROSS)
    for part in parts_of_at_most(across, most):
        count = part.stop - part.start
        input_band, output_band = _band(b.T, count), _band(a, count)
        columns = slice(TILE * part.start, min(TILE * part.stop, width))
        for y in range(0, height, TILE):
            rows = slice(y, min(y + TILE, height))
            tiles = _Tiles(rows, columns, count, n, output_band)
            # d B of the six image rows under a row of tiles; the last two are the next one's first.
            lines = tiles.lines("winograd.lines", 6, channels)
            known = 2 if y else 0
            lines[:known] = lines[TILE : TILE + known]
            target = tiles.side_by_side(lines)[known:]
            corner = y + known, columns.start
            _transform_columns(memory, window, corner, input_band, target)
            v = tiles.lines("winograd.v", 6, channels)
            np.matmul(b.T, lines.reshape(6, -1), out=v.reshape(6, -1))
            yield v.transpose(0, 2, 1, 3), tiles  # icjp -> ijcp


def _transform_columns(
    memory: Array, window: Window, corner: tuple[int, int], band: Array, target: Array
) -> None:
    """target (rows, C, (j x), N) = band times the padded image, from a row and a column of it."""
    (top, _), (left, _) = window.pads
    height, _, width, _ = memory.shape
    y, x = corner[0] - top, corner[1] - left
    start = min(max(y, 0), height)
    stop = max(start, min(y + len(target), height))
    if stop - start < len(target):
        target[...] = 0
    # Beyond the edges there are zeros: of the band there remains what stands above the image.
    begin = min(max(x, 0), width)
    end = max(begin, min(x + band.shape[1], width))
    pixels = memory[start:stop, :, begin:end]
    np.matmul(band[:, begin - x : end - x], pixels, out=target[start - y : stop - y])


def _output_parts(c_out: int, c_in: int) -> list[slice]:
    return parts_of_at_most(c_out, max(c_in, FEWEST_OUTPUTS))


def _band(matrix: Array, across: int) -> Array:
    """A matrix (6, l) repeated, four columns further right each time: ((j x), 4·(across - 1) + l).

    With Bᵀ, of six neighbouring pixels, or A, of four, it transforms tiles that lie side by side.
    """
    length = matrix.shape[1]
    band = np.zeros((6, across, length + TILE * (across - 1)), matrix.dtype)
    for x in range(across):
        band[:, x, TILE * x : TILE * x + length] = matrix
    return band.reshape(6 * across, -1)


def _kernel_transform(dtype: np.dtype) -> Array:
    """G of both directions: (36, 9)."""
    g = matrices(dtype)[2]
    return np.kron(g, g)


def matrices(dtype: np.dtype) -> tuple[Array, Array, Array]:
    """A (6, 4), B (6, 6) and G (6, 3)."""
    return A.astype(dtype), B.astype(dtype), G.astype(dtype)
