"""Winograd's convolution F(2x2, 3x3): 16 multiplications where the definition takes 36.

Two neighbouring outputs of a 3-tap filter need 6 products by the definition, and 4 by

    y = Aᵀ [ (G g) ⊙ (Bᵀ d) ],   d: 4 inputs, g: 3 taps, y: 2 outputs

         ⎡1  0 −1  0⎤       ⎡ 1   0   0 ⎤
    Bᵀ = ⎢0  1  1  0⎥   G = ⎢1/2 1/2 1/2⎥   Aᵀ = ⎡1 1  1  0⎤
         ⎢0 −1  1  0⎥       ⎢1/2−1/2 1/2⎥        ⎣0 1 −1 −1⎦
         ⎣0  1  0 −1⎦       ⎣ 0   0   1 ⎦

and in two dimensions Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A for a tile of 4x4 inputs and 2x2 outputs.
Summed over input channels, ⊙ becomes 16 matrix products: M_t = U_t (O, C) @ V_t (C, tiles).

Y is linear in g and in d, so the gradients are the transposed maps: with Z = A dY Aᵀ,

    dU_t = Z_t Vᵀ_t,  dg = Gᵀ dU G;   and dx is F(2x2, 3x3) of dY with the flipped kernel.

Everything but the products is sums of whole rows. To keep those rows in one piece, even and odd
columns of the padded image are stored apart: the four inputs of neighbouring tiles are then
neighbours too. Rounding errors are about those of the definition: all constants are 0, 1, 1/2.

Source: Winograd, 'Arithmetic complexity of computations', 1980; Lavin and Gray, 'Fast algorithms
for convolutional neural networks', 2016, section 4.1.

Index letters: t = (4·row + column) of a 4x4 tile, y x tile row and column, p = (x, n), e o even
and odd columns; n, c, o as in ``conv``.
"""

from collections.abc import Iterator

import numpy as np

from engine.arrays import Array
from engine.kernels.gemm import long_parts, row_parts
from engine.kernels.layout import pixels
from engine.kernels.scratch import scratch
from engine.kernels.window import Window

# Below these the products are too thin to make up for the sums around them.
FEWEST_CHANNELS = 24
LEAST_WORK = 500_000  # C · O · W_out · N
# V of this size leaves room for M, of about the same, in a core's second-level cache.
BLOCK_BYTES = 1024 * 1024


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
    u = _transform_weight(weight)  # t o c
    c_out, n = len(weight), out.shape[3]
    for v, target in _blocks(memory, window, out):
        count, _, width, _ = target.shape
        m = scratch("winograd.m", (4, 4, c_out, v.shape[2] // n, n), out.dtype)
        flat_m = m.reshape(16, c_out, -1)
        for p in long_parts(v.shape[2], *u.shape[1:]):
            np.matmul(u, v[:, :, p], out=flat_m[:, :, p])  # toc, tcp -> top
        s = scratch("winograd.s", (2, *m.shape[1:]), out.dtype)
        np.add(m[0], m[1], out=s[0])
        s[0] += m[2]
        np.subtract(m[1], m[2], out=s[1])
        s[1] -= m[3]
        first, second, third, fourth = s[:count].transpose(1, 0, 2, 3, 4)
        first += second
        np.add(first, third, out=target[:, :, 0::2])
        second -= third
        odd = width // 2  # the last column of an odd width has no partner
        np.subtract(second[:, :, :odd], fourth[:, :, :odd], out=target[:, :, 1::2])
        if bias is not None:
            target += bias[:, None, None]


def correlate_weight(memory: Array, dout: Array, window: Window, dweight: Array) -> None:
    """dweight (O, C, 3, 3) = the sum over tiles of memory's times dout's (H_out, O, W_out, N)."""
    (c_out, c_in), n = dweight.shape[:2], dout.shape[3]
    du = np.zeros((16, c_in, c_out), dout.dtype)
    for v, gradient in _blocks(memory, window, dout):
        z = scratch("winograd.z", (4, 4, c_out, v.shape[2] // n, n), dout.dtype)
        _transform_output_gradient(gradient, z)
        flat_z = z.reshape(16, c_out, -1).transpose(0, 2, 1)
        for c in row_parts(c_in, c_out):
            du[:, c] += np.matmul(v[:, c], flat_z)  # tcp, tpo -> tco
    _gather_weight_gradient(du.reshape(4, 4, c_in, c_out), dweight)


def _blocks(memory: Array, window: Window, out: Array) -> Iterator[tuple[Array, Array]]:
    """V (16, C, tiles·N) of some tiles of a row at a time, with the part of ``out`` they make.

    As many as fit the cache. The part has one row, or an odd width, at the edge of odd sizes.
    """
    out_h, _, out_w, n = out.shape
    tiles_w = -(-out_w // 2)
    rows = _phases(memory, window, out_h, tiles_w)
    blocks = -(-16 * memory.shape[1] * tiles_w * n * memory.itemsize // BLOCK_BYTES)
    step = -(-tiles_w // blocks)
    for y in range(0, out_h, 2):
        for x in range(0, tiles_w, step):
            stop = min(x + step, tiles_w)
            v = _transform_input(rows[y : y + 4, :, :, x : stop + 1])
            yield v, out[y : y + 2, :, 2 * x : 2 * stop]


def _phases(memory: Array, window: Window, out_h: int, tiles_w: int) -> Array:
    """The zero-padded image with even and odd columns apart: (rows, 2, C, tiles_w + 1, N)."""
    (top, _), (left, _) = window.pads
    height, c, width, n = memory.shape
    rows = scratch("winograd.phases", (out_h + out_h % 2 + 2, 2, c, tiles_w + 1, n), memory.dtype)
    rows[:top] = 0
    rows[top + height :] = 0
    inner = rows[top : top + height]
    for phase in (0, 1):
        start = -(-(left - phase) // 2)  # the first column of this phase that is in the image
        column = 2 * start + phase - left
        count = -(-(width - column) // 2)
        inner[:, phase, :, :start] = 0
        inner[:, phase, :, start + count :] = 0
        pixels(inner)[:, phase, :, start : start + count] = pixels(memory)[:, :, column::2]
    return rows


def _transform_input(d: Array) -> Array:
    """Four image rows (4, 2, C, tiles + 1, N) -> V = Bᵀ d B of a row of tiles (16, C, tiles·N).

    The rows of all channels lie one behind the other, so that 'the next column' is always N
    numbers further on, and each sum is one run through memory. What it makes of a last column
    and the first of the next channel is left out at the end.
    """
    _, _, c, columns, n = d.shape
    r = scratch("winograd.r", d.shape, d.dtype)
    np.subtract(d[0], d[2], out=r[0])
    np.add(d[1], d[2], out=r[1])
    np.subtract(d[2], d[1], out=r[2])
    np.subtract(d[1], d[3], out=r[3])
    v = scratch("winograd.v", (4, 4, c * columns * n), d.dtype)
    even, odd = r.reshape(4, 2, -1).transpose(1, 0, 2)
    first, second, third, fourth = even[:, :-n], odd[:, :-n], even[:, n:], odd[:, n:]
    np.subtract(first, third, out=v[:, 0, :-n])
    np.add(second, third, out=v[:, 1, :-n])
    np.subtract(third, second, out=v[:, 2, :-n])
    np.subtract(second, fourth, out=v[:, 3, :-n])
    return v.reshape(16, c, -1)[:, :, :-n]


def _transform_output_gradient(dout: Array, z: Array) -> None:
    """Two rows of dout (2, O, W_out, N) -> z = A dY Aᵀ (4, 4, O, x, n), up to the sign of A's −1.

    The last row of A is (0, −1); its sign is put in at the end, where there is less to negate.
    """
    even, odd = dout[:, :, 0::2], dout[:, :, 1::2]
    odd_w = odd.shape[2]
    for row in (0, 1):
        if row < len(dout):
            z[3 * row, 0] = even[row]
            z[3 * row, 3, :, :odd_w] = odd[row]
            z[3 * row, 3, :, odd_w:] = 0
        else:
            z[3 * row, ::3] = 0
    np.add(z[0, ::3], z[3, ::3], out=z[1, ::3])
    np.subtract(z[0, ::3], z[3, ::3], out=z[2, ::3])
    np.add(z[:, 0], z[:, 3], out=z[:, 1])
    np.subtract(z[:, 0], z[:, 3], out=z[:, 2])


def _transform_weight(weight: Array) -> Array:
    """U = G g Gᵀ: (O, C, 3, 3) -> (16, O, C)."""
    g = np.ascontiguousarray(weight.transpose(2, 3, 0, 1))  # ocij -> ijoc
    rows = np.empty((4, *g.shape[1:]), g.dtype)
    rows[0], rows[3] = g[0], g[2]
    outer = (g[0] + g[2]) * 0.5
    inner = g[1] * 0.5
    rows[1], rows[2] = outer + inner, outer - inner
    u = np.empty((4, 4, *g.shape[2:]), g.dtype)
    u[:, 0], u[:, 3] = rows[:, 0], rows[:, 2]
    outer = (rows[:, 0] + rows[:, 2]) * 0.5
    inner = rows[:, 1] * 0.5
    u[:, 1], u[:, 2] = outer + inner, outer - inner
    return u.reshape(16, *g.shape[2:])


def _gather_weight_gradient(du: Array, dweight: Array) -> None:
    """dg = Gᵀ dU G: (4, 4, C, O) -> (O, C, 3, 3)."""
    du[3] *= -1
    du[:, 3] *= -1
    outer, inner = (du[1] + du[2]) * 0.5, (du[1] - du[2]) * 0.5
    rows = np.stack([du[0] + outer, inner, outer + du[3]])
    outer, inner = (rows[:, 1] + rows[:, 2]) * 0.5, (rows[:, 1] - rows[:, 2]) * 0.5
    columns = np.stack([rows[:, 0] + outer, inner, outer + rows[:, 3]], axis=1)
    dweight[...] = columns.transpose(3, 2, 0, 1)  # ijco -> ocij
