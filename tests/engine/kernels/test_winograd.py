"""Winograd's convolution against the sum that it stands for."""

import numpy as np
import pytest

from engine.kernels import winograd
from engine.kernels.partition import equal_parts
from engine.kernels.window import Window

Pads = tuple[tuple[int, int], tuple[int, int]]

# (H, C, W, N), C_out, pads: whole tiles, tiles cut at either edge, tiles that begin in the border,
# one tile, rows of zeros only, many output channels.
SHAPES: list[tuple[tuple[int, int, int, int], int, Pads]] = [
    ((8, 2, 8, 2), 3, ((1, 1), (1, 1))),
    ((10, 2, 11, 2), 3, ((1, 1), (1, 1))),
    ((11, 3, 9, 1), 2, ((0, 2), (1, 0))),
    ((9, 1, 13, 3), 1, ((2, 0), (2, 2))),
    ((3, 2, 3, 2), 2, ((0, 0), (0, 0))),
    ((5, 2, 2, 2), 2, ((1, 1), (1, 1))),
    ((2, 1, 2, 1), 1, ((2, 7), (6, 2))),
    ((6, 3, 21, 2), 10, ((1, 1), (1, 1))),
]


def slices(memory: np.ndarray, pads: Pads, height: int, width: int) -> list[np.ndarray]:
    """The nine shifted images (height, C, width, N) that the taps are multiplied with."""
    padded = np.pad(memory, (pads[0], (0, 0), pads[1], (0, 0)))
    return [padded[i : i + height, :, j : j + width] for i in range(3) for j in range(3)]


@pytest.mark.parametrize(
    ("block", "outputs"), [(1, 1), (1 << 20, 32)], ids=["in parts", "as wholes"]
)
@pytest.mark.parametrize("biased", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize(("shape", "c_out", "pads"), SHAPES, ids=str)
def test_it_is_the_sum_of_nine_shifted_images(
    shape: tuple[int, int, int, int],
    c_out: int,
    pads: Pads,
    biased: bool,
    block: int,
    outputs: int,
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(winograd, "BLOCK_BYTES", block)
    monkeypatch.setattr(winograd, "WEIGHT_BLOCK_BYTES", block)
    monkeypatch.setattr(winograd, "PRODUCT_BYTES", 64 * block)
    monkeypatch.setattr(winograd, "FEWEST_OUTPUTS", outputs)
    monkeypatch.setattr(
        winograd, "row_parts", lambda rows, columns: equal_parts(rows, min(rows, 2))
    )
    window = Window((3, 3), (1, 1), pads, (1, 1))
    memory = rng.standard_normal(shape)
    weight = rng.standard_normal((c_out, shape[1], 3, 3))
    bias = rng.standard_normal(c_out) if biased else None
    height, width = window.output_size(shape[0], shape[2])
    shifted = slices(memory, pads, height, width)
    taps = weight.reshape(c_out, shape[1], 9)

    out = np.full((height, c_out, width, shape[3]), np.nan)
    winograd.correlate(memory, weight, bias, window, out)
    expected = sum(np.einsum("oc,hcwn->hown", taps[:, :, t], shifted[t]) for t in range(9))
    expected += 0 if bias is None else bias[:, None, None]
    np.testing.assert_allclose(out, expected, rtol=1e-10, atol=1e-10)

    dout = rng.standard_normal(out.shape)
    found = np.full_like(weight, np.nan)
    winograd.correlate_weight(memory, dout, window, found)
    dtaps = np.stack([np.einsum("hown,hcwn->oc", dout, shifted[t]) for t in range(9)], axis=-1)
    np.testing.assert_allclose(found.reshape(dtaps.shape), dtaps, rtol=1e-10, atol=1e-10)


def test_single_precision_stays_single() -> None:
    assert {matrix.dtype for matrix in winograd.matrices(np.dtype("float32"))} == {
        np.dtype("float32")
    }


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation", "channels", "width", "n", "suited"),
    [
        ((3, 3), (1, 1), (1, 1), (24, 24), 28, 32, True),
        ((3, 3), (1, 1), (1, 1), (23, 64), 28, 32, False),
        ((3, 3), (1, 1), (1, 1), (64, 23), 28, 32, False),
        ((3, 3), (1, 1), (1, 1), (25, 20_000), 1, 1, True),
        ((3, 3), (1, 1), (1, 1), (25, 19_999), 1, 1, False),
        ((3, 1), (1, 1), (1, 1), (64, 64), 28, 32, False),
        ((3, 3), (1, 2), (1, 1), (64, 64), 28, 32, False),
        ((3, 3), (1, 1), (2, 1), (64, 64), 28, 32, False),
    ],
)
def test_only_where_it_is_fastest(
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    channels: tuple[int, int],
    width: int,
    n: int,
    suited: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(winograd, "LEAST_WORK", 500_000)
    window = Window(kernel, stride, ((1, 1), (1, 1)), dilation)
    assert winograd.suits(window, *channels, width, n) is suited
