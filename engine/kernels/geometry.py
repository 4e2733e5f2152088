"""Where a sliding window lands: kernel, stride, padding and dilation of one 2-D window."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

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

    def transposed(self) -> "Window | None":
        """The stride-1 window that carries gradients of the output back to the input.

        Correlating the output's gradient, padded by span − 1 − pad, with the flipped kernel gives
        the input's gradient. None where the stride is not 1 or the padding exceeds span − 1.
        """
        if self.stride != (1, 1):
            return None
        (top, bottom), (left, right) = self.pads
        reach_h, reach_w = self.span[0] - 1, self.span[1] - 1
        pads = ((reach_h - top, reach_h - bottom), (reach_w - left, reach_w - right))
        if min(*pads[0], *pads[1]) < 0:
            return None
        return Window(self.kernel, (1, 1), pads, self.dilation)


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
