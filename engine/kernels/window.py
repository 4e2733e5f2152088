"""The geometry of a sliding window: kernel, stride, padding and dilation in two dimensions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Pair = tuple[int, int]
PaddingArgument = int | Sequence[int] | Literal["same"]


@dataclass(frozen=True)
class Window:
    """A 2-D sliding window, as convolution and pooling use it.

    Attributes:
        kernel: (KH, KW).
        stride: (SH, SW).
        pads: ((top, bottom), (left, right)).
        dilation: (DH, DW), the distance between neighbouring taps of the kernel.
    """

    kernel: Pair
    stride: Pair = (1, 1)
    pads: tuple[Pair, Pair] = ((0, 0), (0, 0))
    dilation: Pair = (1, 1)

    @property
    def span(self) -> Pair:
        """Rows and columns that one placement of the kernel covers: d·(k − 1) + 1."""
        (kh, kw), (dh, dw) = self.kernel, self.dilation
        return dh * (kh - 1) + 1, dw * (kw - 1) + 1

    @property
    def is_padded(self) -> bool:
        return self.pads != ((0, 0), (0, 0))

    def padded_size(self, height: int, width: int) -> int:
        """Pixels of an image of H x W with its border; 0 without one, as nothing is copied then."""
        (top, bottom), (left, right) = self.pads
        return (height + top + bottom) * (width + left + right) if self.is_padded else 0

    def output_size(self, height: int, width: int) -> Pair:
        """(H_out, W_out) for an input of H x W: floor((H + pads − span) / stride) + 1.

        Zero or less where the window does not fit (Dumoulin and Visin, 'A guide to convolution
        arithmetic for deep learning', 2016, relationship 6).
        """
        (top, bottom), (left, right) = self.pads
        (span_h, span_w), (stride_h, stride_w) = self.span, self.stride
        return (
            (height + top + bottom - span_h) // stride_h + 1,
            (width + left + right - span_w) // stride_w + 1,
        )

    def phases(self, axis: int, size: int) -> "list[Phase]":
        """The phases of a stride: how gradients get from the output to the input, along one axis.

        With stride s, pixels a, a + s, a + 2s, ... are reached by the same taps of the kernel,
        and their gradient is a stride-1 correlation of the output's gradient with those taps in
        reverse order. There are s such phases; one that no tap reaches is left out.

        Args:
            axis: 0 for rows, 1 for columns.
            size: of the input along it.
        """
        k, s, d = self.kernel[axis], self.stride[axis], self.dilation[axis]
        before, out = self.pads[axis][0], self.output_size(size, size)[axis]
        common = math.gcd(d, s)
        found = []
        for a in range(min(s, size)):
            # Tap i of the window at y meets pixel y·s + i·d − before.
            taps = [i for i in range(k) if (a + before - i * d) % s == 0]
            if not taps:
                continue
            pixels = len(range(a, size, s))
            first = (a + before - taps[-1] * d) // s  # the first window that meets the first pixel
            last = (a + before - taps[0] * d) // s + pixels - 1  # the last that meets the last
            kept = slice(max(first, 0), min(last + 1, out))
            if kept.start < kept.stop:
                found.append(
                    Phase(
                        slice(a, None, s),
                        slice(taps[0], None, s // common),
                        kept,
                        (max(-first, 0), max(last + 1 - out, 0)),
                        d // common,
                    )
                )
        return found


class Phase(NamedTuple):
    """See ``Window.phases``.

    Attributes:
        pixels: of the input.
        taps: of the kernel.
        kept: of the output, what reaches the pixels.
        pads: zeros before and after it.
        dilation: between the taps.
    """

    pixels: slice
    taps: slice
    kept: slice
    pads: Pair
    dilation: int


def pair(value: int | Sequence[int]) -> Pair:
    """``3`` → ``(3, 3)``; ``(3, 2)`` → ``(3, 2)``."""
    if isinstance(value, int):
        return value, value
    first, second = value
    return first, second


def make_window(
    kernel: int | Sequence[int],
    stride: int | Sequence[int] = 1,
    padding: PaddingArgument = 0,
    dilation: int | Sequence[int] = 1,
) -> Window:
    """A ``Window`` from arguments as layers take them.

    ``padding="same"`` pads span − 1 in all, the odd one at the bottom and right as PyTorch does;
    with a stride the output then has ceil(H / stride) rows.
    """
    window = Window(pair(kernel), pair(stride), dilation=pair(dilation))
    if padding == "same":
        (reach_h, reach_w) = window.span[0] - 1, window.span[1] - 1
        pads = (
            (reach_h // 2, reach_h - reach_h // 2),
            (reach_w // 2, reach_w - reach_w // 2),
        )
    else:
        assert not isinstance(padding, str)
        pad_h, pad_w = pair(padding)
        pads = ((pad_h, pad_h), (pad_w, pad_w))
    return Window(window.kernel, window.stride, pads, window.dilation)
