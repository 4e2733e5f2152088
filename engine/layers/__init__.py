"""The layers: one file a family, ``forward`` directly above its ``backward``.

The docstring of a ``backward`` is its derivation. ``LAYERS`` is the registry by which configs
and checkpoints find a layer; to add one, write it (``base.Layer`` says how), name it here, and
give it a row in ``tests/support/conformance.py``.
"""

from engine.layers.activations import ELU, GELU, LeakyReLU, ReLU, Sigmoid, Softmax, Tanh
from engine.layers.arguments import ArgumentError
from engine.layers.containers import Residual, Sequential
from engine.layers.conv import Conv2D
from engine.layers.dense import Dense
from engine.layers.dropout import Dropout
from engine.layers.layer import Layer, Shape
from engine.layers.normalization import BatchNorm1D, BatchNorm2D
from engine.layers.pooling import AvgPool2D, GlobalAvgPool2D, MaxPool2D
from engine.layers.reshape import Flatten
from engine.layers.summary import Summary, SummaryRow, shape_text

LAYERS: dict[str, type[Layer]] = {
    layer.__name__: layer
    for layer in (
        AvgPool2D,
        BatchNorm1D,
        BatchNorm2D,
        Conv2D,
        Dense,
        Dropout,
        ELU,
        Flatten,
        GELU,
        GlobalAvgPool2D,
        LeakyReLU,
        MaxPool2D,
        ReLU,
        Residual,
        Sigmoid,
        Softmax,
        Tanh,
    )
}

__all__ = [
    "ELU",
    "GELU",
    "LAYERS",
    "ArgumentError",
    "AvgPool2D",
    "BatchNorm1D",
    "BatchNorm2D",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalAvgPool2D",
    "Layer",
    "LeakyReLU",
    "MaxPool2D",
    "ReLU",
    "Residual",
    "Sequential",
    "Shape",
    "Sigmoid",
    "Softmax",
    "Summary",
    "SummaryRow",
    "Tanh",
    "shape_text",
]
