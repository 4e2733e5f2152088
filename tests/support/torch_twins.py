"""The same layers in PyTorch, with the same parameters, for the tests that compare with it."""

from typing import Any

import numpy as np
import torch
from torch import nn

from engine.layers import Dropout, Layer, Sequential
from tests.support.conformance import PROMISES

torch.set_num_threads(1)  # the arrays are small


class SameDropout(nn.Module):
    """Drops what the engine's dropout drops: the masks come from the same random numbers."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        assert isinstance(layer, Dropout)
        self.layer = Dropout(layer.p)
        self.rng: np.random.Generator | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return x
        assert self.rng is not None
        self.layer.set_rng(self.rng)
        mask = self.layer.forward(np.ones(tuple(x.shape), x.detach().numpy().dtype))
        return x * torch.from_numpy(np.ascontiguousarray(mask))


class SameResidual(nn.Module):
    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.body, self.shortcut = _chain(layer.body), _chain(layer.shortcut)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x) + self.shortcut(x)


class GlobalAverage(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=(2, 3))


class SameConv(nn.Module):
    """A convolution padded with zeros first, as PyTorch refuses "same" for some strides."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        (top, bottom), (left, right) = layer.window.pads
        self.pads = (left, right, top, bottom)
        inner = nn.Conv2d(
            layer.in_channels,
            layer.out_channels,
            layer.kernel_size,
            layer.stride,
            0,
            layer.dilation,
            layer.groups,
            layer.bias,
        )
        self.weight, self.bias, self.inner = inner.weight, inner.bias, [inner]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        (inner,) = self.inner
        padded = nn.functional.pad(x, self.pads)
        return nn.functional.conv2d(
            padded,
            self.weight,
            self.bias,
            inner.stride,
            0,
            inner.dilation,
            inner.groups,
        )


class Times(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.factor * x


def fixed_weight(module: nn.Module) -> nn.Module:
    """The module with a weight that is not trained: a buffer of the same name."""
    weight = module.weight.detach()
    del module.weight
    module.register_buffer("weight", weight)
    return module


def conv(layer: Any) -> nn.Module:
    if layer.padding == "same":
        return SameConv(layer)
    return nn.Conv2d(
        layer.in_channels,
        layer.out_channels,
        layer.kernel_size,
        layer.stride,
        layer.padding,
        layer.dilation,
        layer.groups,
        layer.bias,
    )


def _chain(layers: Any) -> nn.Sequential:
    return nn.Sequential(*(module_of(layer) for layer in layers))


def module_of(layer: Layer) -> nn.Module:
    """The PyTorch module of a layer, with fresh parameters."""
    if isinstance(layer, Sequential):
        return _chain(layer)
    twin = PROMISES[type(layer).__name__].torch
    assert twin is not None, f"PyTorch has no {layer!r}"
    return twin(nn, layer)


def twin_of(layer: Layer, dtype: Any = torch.float64) -> nn.Module:
    """The PyTorch module of a layer, in its mode, with copies of its parameters and buffers.

    The names in the state dict are PyTorch's own: a name that is not fails here.
    """
    module = module_of(layer).to(dtype)
    state = {name: torch.from_numpy(a.copy()) for name, a in layer.state_dict().items()}
    missing, unexpected = module.load_state_dict(state, strict=False)
    assert not unexpected
    assert all(name.endswith("num_batches_tracked") for name in missing)
    return module.train(layer.training)


def set_rng(module: nn.Module, rng: np.random.Generator) -> None:
    """The random numbers of the next forward pass."""
    for each in module.modules():
        if isinstance(each, SameDropout):
            each.rng = rng
