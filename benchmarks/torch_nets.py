"""The engine's networks in PyTorch: the same layers, the same weights."""

from typing import Any

import numpy as np
import torch
from torch import nn

from engine.layers import Conv2D, Dense, Dropout, Layer, MaxPool2D, Residual, Sequential
from engine.layers.normalization import BatchNorm1D, BatchNorm2D


class _Residual(nn.Module):
    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x) + self.shortcut(x)


class _GlobalAvgPool(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=(2, 3))


def fresh_torch(model: Sequential) -> nn.Sequential:
    """A PyTorch network of the same layers, with fresh weights."""
    return nn.Sequential(*map(_layer, model.layers))


def to_torch(
    model: Sequential, layout: torch.memory_format = torch.contiguous_format
) -> nn.Sequential:
    """A PyTorch network with copies of the model's weights; state dict keys are the same."""
    net = fresh_torch(model)
    state = {name: torch.from_numpy(np.array(a)) for name, a in model.state_dict().items()}
    net.load_state_dict(state, strict=False)
    return net.to(memory_format=layout)  # type: ignore[call-overload]


def _layer(layer: Layer) -> nn.Module:
    match layer:
        case Conv2D():
            conv: Any = layer  # whose sizes may be sequences, which the stubs do not know
            return nn.Conv2d(
                conv.in_channels,
                conv.out_channels,
                conv.kernel_size,
                conv.stride,
                conv.padding,
                conv.dilation,
                conv.groups,
                conv.bias,
            )
        case Dense():
            return nn.Linear(layer.in_features, layer.out_features, layer.bias)
        case BatchNorm2D():
            return nn.BatchNorm2d(layer.num_features, layer.eps, layer.momentum)
        case BatchNorm1D():
            return nn.BatchNorm1d(layer.num_features, layer.eps, layer.momentum)
        case MaxPool2D():
            return nn.MaxPool2d(layer.kernel_size, layer.stride, layer.padding)
        case Dropout():
            return nn.Dropout(layer.p)
        case Residual():
            body, shortcut = (
                nn.Sequential(*map(_layer, part)) for part in (layer.body, layer.shortcut)
            )
            return _Residual(body, shortcut)
    return {"ReLU": nn.ReLU, "Flatten": nn.Flatten, "GlobalAvgPool2D": _GlobalAvgPool}[
        type(layer).__name__
    ]()
