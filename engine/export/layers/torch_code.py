"""The Python source of the PyTorch modules that compute what each layer computes."""

import textwrap
from collections.abc import Callable, Iterable
from typing import Any

from engine.export.layers.table import Table
from engine.layers import (
    ELU,
    GELU,
    AvgPool2D,
    BatchNorm1D,
    BatchNorm2D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    GlobalMaxPool2D,
    Layer,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Residual,
    Scale,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Tanh,
    Whitening2D,
)

Code = Callable[[Any], str]
"""From a layer to an expression, of one line or several."""

CODE: Table[Code] = Table("pytorch")

HELPERS = {
    "Residual": '''\
class Residual(nn.Module):
    """body(x) + shortcut(x); an empty shortcut is x itself."""

    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x) + self.shortcut(x)
''',
    "Scale": '''\
class Scale(nn.Module):
    """factor * x."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.factor * x
''',
    "PaddedConv2d": '''\
class PaddedConv2d(nn.Conv2d):
    """A convolution with other borders on each side: (left, right, top, bottom)."""

    def __init__(self, *args, borders: tuple[int, int, int, int], **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.borders = borders

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(nn.functional.pad(x, self.borders))
''',
}
"""Source of the classes that PyTorch lacks, by the name that expressions call."""


def _call(name: str, *arguments: Any, **options: tuple[Any, Any]) -> str:
    """A call; options are pairs of value and default, and left out where these are equal."""
    words = [repr(value) for value in arguments]
    words += [f"{key}={value!r}" for key, (value, default) in options.items() if value != default]
    return f"{name}({', '.join(words)})"


def _lines(name: str, parts: Iterable[str]) -> str:
    """A call with a line for each argument."""
    inside = "".join(textwrap.indent(f"{part},", "    ") + "\n" for part in parts)
    return f"{name}(\n{inside})" if inside else f"{name}()"


def code(layer: Layer) -> str:
    """The expression that makes the PyTorch module of a layer.

    Raises:
        ConfigError: PyTorch has nothing for such a layer.
    """
    return CODE[layer](layer)


@CODE.of(Sequential)
def _chain(layer: Sequential) -> str:
    return _lines("nn.Sequential", map(code, layer))


@CODE.of(Residual)
def _residual(layer: Residual) -> str:
    return _lines(
        "Residual", (f"{name}={code(branch)}" for name, branch in layer.children().items())
    )


@CODE.of(Conv2D, Whitening2D)
def _conv(layer: Conv2D) -> str:
    (top, bottom), (left, right) = layer.window.pads
    options: dict[str, tuple[Any, Any]] = {
        "stride": (layer.stride, 1),
        "dilation": (layer.dilation, 1),
        "groups": (layer.groups, 1),
        "bias": (layer.bias, True),
    }
    sizes = layer.in_channels, layer.out_channels, layer.kernel_size
    if top != bottom or left != right:
        options["borders"] = ((left, right, top, bottom), None)
        return _call("PaddedConv2d", *sizes, **options)
    padding = top if top == left else (top, left)
    return _call("nn.Conv2d", *sizes, padding=(padding, 0), **options)


@CODE.of(Dense)
def _dense(layer: Dense) -> str:
    return _call("nn.Linear", layer.in_features, layer.out_features, bias=(layer.bias, True))


def _batch_norm(name: str) -> Code:
    return lambda layer: _call(
        name, layer.num_features, eps=(layer.eps, 1e-5), momentum=(layer.momentum, 0.1)
    )


CODE.of(BatchNorm1D)(_batch_norm("nn.BatchNorm1d"))
CODE.of(BatchNorm2D)(_batch_norm("nn.BatchNorm2d"))


def _pool(name: str, layer: Any, **options: tuple[Any, Any]) -> str:
    window = {"stride": (layer.stride, None), "padding": (layer.padding, 0)}
    return _call(name, layer.kernel_size, **window, **options)


@CODE.of(MaxPool2D)
def _max_pool(layer: MaxPool2D) -> str:
    return _pool("nn.MaxPool2d", layer)


@CODE.of(AvgPool2D)
def _avg_pool(layer: AvgPool2D) -> str:
    return _pool("nn.AvgPool2d", layer, count_include_pad=(layer.count_include_pad, True))


@CODE.of(GlobalAvgPool2D)
def _global_avg_pool(layer: GlobalAvgPool2D) -> str:
    # Two modules in one place: the numbers of those behind it, and so their weights' names, stay.
    return "nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())"


@CODE.of(GlobalMaxPool2D)
def _global_max_pool(layer: GlobalMaxPool2D) -> str:
    return "nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten())"


@CODE.of(Scale)
def _scale(layer: Scale) -> str:
    return _call("Scale", layer.factor)


@CODE.of(Dropout)
def _dropout(layer: Dropout) -> str:
    return _call("nn.Dropout", layer.p)


@CODE.of(LeakyReLU)
def _leaky_relu(layer: LeakyReLU) -> str:
    return _call("nn.LeakyReLU", layer.negative_slope)


@CODE.of(ELU)
def _elu(layer: ELU) -> str:
    return _call("nn.ELU", layer.alpha)


def _plain(expression: str) -> Code:
    return lambda layer: expression


CODE.of(Flatten)(_plain("nn.Flatten()"))
CODE.of(ReLU)(_plain("nn.ReLU()"))
CODE.of(GELU)(lambda layer: _call("nn.GELU", approximate=(layer.approximate, "none")))
CODE.of(Sigmoid)(_plain("nn.Sigmoid()"))
CODE.of(SiLU)(_plain("nn.SiLU()"))
CODE.of(Tanh)(_plain("nn.Tanh()"))
CODE.of(Softmax)(_plain("nn.Softmax(dim=1)"))
