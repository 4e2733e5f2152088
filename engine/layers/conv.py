"""Two-dimensional convolution."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.arrays import Array, Shape
from engine.initializers import INITS, fans, init_bias
from engine.kernels import conv as kernel
from engine.kernels.window import PaddingArgument, make_window, pair
from engine.layers import arguments as check
from engine.layers.layer import Layer
from engine.layers.registry import register


@register
class Conv2D(Layer):
    """Slides ``out_channels`` small filters over the image; each output is a weighted sum.

    Shapes: input (N, C_in, H, W), weight (C_out, C_in / groups, KH, KW), bias (C_out,), output
    (N, C_out, H_out, W_out) with H_out = floor((H + 2·pad − dilation·(KH − 1) − 1) / stride) + 1.

        y[n, o, p, q] = b[o] + Σ_{c,i,j} w[o, c, i, j] · x[n, c, p·s + i·d − pad, q·s + j·d − pad]

    As everywhere in this field it is a cross-correlation: the kernel is not flipped.

    Args:
        in_channels: C_in; in a config it is inferred.
        out_channels: C_out, the number of filters.
        kernel_size, stride, dilation: a number or a pair (height, width).
        padding: zeros around the image: a number, a pair, or "same", which keeps H and W at
            stride 1 (ceil(H / stride) otherwise; an odd row or column goes to the bottom right).
        groups: split the channels into independent convolutions; C_in of them is depthwise.
        bias: whether there is a bias.
        init: how the weights are drawn, a name of ``engine.initializers.INITS``.

    Source: LeCun et al., 'Gradient-based learning applied to document recognition', 1998;
    Dumoulin and Visin, 'A guide to convolution arithmetic for deep learning', 2016.
    """

    about = (
        "slides small filters over the image; each makes a feature map of where its pattern is; "
        "trained filters show edges and strokes, untrained ones noise"
    )
    has_filters = True
    folds_batchnorm = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: PaddingArgument = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        bias: bool = True,
        init: str = "he",
    ) -> None:
        super().__init__()
        self.in_channels = check.whole("in_channels", in_channels)
        self.out_channels = check.whole("out_channels", out_channels)
        self.kernel_size = check.whole_or_pair("kernel_size", kernel_size)
        self.stride = check.whole_or_pair("stride", stride)
        self.padding = check.padding("padding", padding)
        self.dilation = check.whole_or_pair("dilation", dilation)
        self.groups = check.whole("groups", groups)
        self.bias = check.flag("bias", bias)
        self.init = check.choice("init", init, tuple(INITS))
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise check.ArgumentError(
                "groups",
                f"{groups} does not divide in_channels={in_channels} "
                f"and out_channels={out_channels}",
            )
        self.window = make_window(self.kernel_size, self.stride, self.padding, self.dilation)

    def forward(self, x: Array) -> Array:
        """(N, C_in, H, W) → (N, C_out, H_out, W_out)."""
        self.check_input(x)
        self.saved = x
        return kernel.forward(x, self.weight, self.params.get("bias"), self.window, self.groups)

    def backward(self, dout: Array) -> Array | None:
        """(N, C_out, H_out, W_out) → (N, C_in, H, W).

        y is linear in x, w and b, so each gradient is dy times the other factor, summed over
        every place where it was used:

            db[o]          = Σ_{n,p,q} dy[n, o, p, q]
            dw[o, c, i, j] = Σ_{n,p,q} dy[n, o, p, q] · x[n, c, p·s + i·d − pad, q·s + j·d − pad]
            dx[n, c, u, v] = Σ_{o,i,j} w[o, c, i, j] · dy[n, o, p, q]   over all p, q with
                             p·s + i·d − pad = u and q·s + j·d − pad = v

        For stride 1 the last line is itself a convolution: of dy, padded by d·(K − 1) − pad,
        with the kernel flipped and its channel axes exchanged.
        """
        x = self.expect_saved(dout)
        if self.bias:
            self.grads["bias"][...] = dout.sum(axis=(0, 2, 3))
        kernel.backward_weight(dout, x, self.grads["weight"], self.window, self.groups)
        return self.input_gradient(dout, x.shape)

    def input_gradient(self, dout: Array, shape: Shape) -> Array | None:
        """The gradient at the input, of its shape; None where nothing before is trained."""
        if not self.needs_dx:
            return None
        return kernel.backward_input(dout, self.weight, self.window, self.groups, shape)

    def output_shape(self, in_shape: Shape) -> Shape:
        if len(in_shape) != 3:
            raise self.shape_error(in_shape, "(channels, height, width)")
        if in_shape[0] != self.in_channels:
            raise self.shape_error(in_shape, f"{self.in_channels} channels")
        out_h, out_w = self.window.output_size(*in_shape[1:])
        if out_h < 1 or out_w < 1:
            raise self.shape_error(in_shape, "an image that the kernel fits into")
        return self.out_channels, out_h, out_w

    @property
    def weight_shape(self) -> Shape:
        """(C_out, C_in / groups, KH, KW)."""
        return self.out_channels, self.in_channels // self.groups, *pair(self.kernel_size)

    def param_shapes(self) -> dict[str, Shape]:
        bias = {"bias": (self.out_channels,)} if self.bias else {}
        return {"weight": self.weight_shape, **bias}

    def reset_parameters(self, rng: np.random.Generator, dtype: np.dtype) -> None:
        shape = self.weight_shape
        self.params = {"weight": INITS[self.init](shape, rng, dtype)}
        if self.bias:
            fan_in, _ = fans(shape)
            self.params["bias"] = init_bias(self.init, (self.out_channels,), fan_in, rng, dtype)

    def multiply_adds(self, in_shape: Shape) -> int:
        _, out_h, out_w = self.output_shape(in_shape)
        return math.prod(self.weight_shape) * out_h * out_w

    def scratch_size(self, in_shape: Shape) -> int:
        # The padded image, and the columns of one row of output.
        row = math.prod(self.window.kernel) * self.output_shape(in_shape)[2]
        return in_shape[0] * (self.window.padded_size(*in_shape[1:]) + row)

    @classmethod
    def infer(cls, arguments: dict[str, Any], in_shape: Shape) -> dict[str, Any]:
        return {"in_channels": in_shape[0], **arguments}

    def extra_repr(self) -> str:
        rest = "".join(
            f", {name}={value}"
            for name, value, default in (
                ("stride", self.stride, 1),
                ("padding", self.padding, 0),
                ("dilation", self.dilation, 1),
                ("groups", self.groups, 1),
                ("bias", self.bias, True),
            )
            if value != default
        )
        return f"{self.in_channels}→{self.out_channels}, k={self.kernel_size}{rest}"
