"""The nodes of an ONNX graph that compute what each layer computes when evaluating.

Sources: the operators of ONNX, opset 17, https://onnx.ai/onnx/operators.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from engine.arrays import Array
from engine.export.layers.table import Table
from engine.kernels.window import Window
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


class Graph:
    """A graph that grows: nodes in order, and the constants that they take.

    Attributes:
        nodes: each gives one value, which has the name of the node.
        constants: weights by the names that PyTorch gives them.
    """

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: Array) -> str:
        """Add a constant; returns its name."""
        array = np.ascontiguousarray(value, np.float32)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def node(self, name: str, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node; returns the name of its output."""
        output = f"{name}/{operator}"
        self.nodes.append(helper.make_node(operator, inputs, [output], output, **attributes))
        return output

    def layer(self, layer: Layer, name: str, x: str) -> str:
        """Add the nodes of a layer that takes ``x``; returns the name of its output."""
        return NODES[layer](self, layer, name, x)

    def weights(self, layer: Layer, name: str, *keys: str) -> list[str]:
        """Add those of a layer's parameters and buffers that it has; returns their names."""
        arrays = layer.params | layer.buffers
        return [self.constant(f"{name}.{key}", arrays[key]) for key in keys if key in arrays]


Nodes = Callable[[Graph, Any, str, str], str]
"""Adds the nodes of a layer: graph, layer, name, name of the input; returns that of the output."""

NODES: Table[Nodes] = Table("onnx")


def _window(window: Window) -> dict[str, Any]:
    (top, bottom), (left, right) = window.pads
    return {
        "kernel_shape": window.kernel,
        "strides": window.stride,
        "pads": (top, left, bottom, right),
    }


@NODES.of(Sequential)
def _chain(graph: Graph, layer: Sequential, name: str, x: str) -> str:
    for key, child in layer.children().items():
        x = graph.layer(child, f"{name}.{key}" if name else key, x)
    return x


@NODES.of(Residual)
def _residual(graph: Graph, layer: Residual, name: str, x: str) -> str:
    body, shortcut = (
        graph.layer(branch, f"{name}.{key}", x) for key, branch in layer.children().items()
    )
    return graph.node(name, "Add", body, shortcut)


@NODES.of(Conv2D, Whitening2D)
def _conv(graph: Graph, layer: Conv2D, name: str, x: str) -> str:
    return graph.node(
        name,
        "Conv",
        x,
        *graph.weights(layer, name, "weight", "bias"),
        **_window(layer.window),
        dilations=layer.window.dilation,
        group=layer.groups,
    )


@NODES.of(Dense)
def _dense(graph: Graph, layer: Dense, name: str, x: str) -> str:
    return graph.node(name, "Gemm", x, *graph.weights(layer, name, "weight", "bias"), transB=1)


@NODES.of(BatchNorm1D, BatchNorm2D)
def _batch_norm(graph: Graph, layer: BatchNorm2D, name: str, x: str) -> str:
    weights = graph.weights(layer, name, "weight", "bias", "running_mean", "running_var")
    return graph.node(name, "BatchNormalization", x, *weights, epsilon=layer.eps)


@NODES.of(MaxPool2D)
def _max_pool(graph: Graph, layer: MaxPool2D, name: str, x: str) -> str:
    return graph.node(name, "MaxPool", x, **_window(layer.window))


@NODES.of(AvgPool2D)
def _avg_pool(graph: Graph, layer: AvgPool2D, name: str, x: str) -> str:
    include = int(layer.count_include_pad)
    return graph.node(name, "AveragePool", x, **_window(layer.window), count_include_pad=include)


@NODES.of(GlobalAvgPool2D)
def _global_avg_pool(graph: Graph, layer: GlobalAvgPool2D, name: str, x: str) -> str:
    return graph.node(name, "Flatten", graph.node(name, "GlobalAveragePool", x), axis=1)


@NODES.of(GlobalMaxPool2D)
def _global_max_pool(graph: Graph, layer: GlobalMaxPool2D, name: str, x: str) -> str:
    return graph.node(name, "Flatten", graph.node(name, "GlobalMaxPool", x), axis=1)


@NODES.of(Scale)
def _scale(graph: Graph, layer: Scale, name: str, x: str) -> str:
    return graph.node(name, "Mul", x, graph.constant(f"{name}.factor", np.array(layer.factor)))


@NODES.of(Dropout)
def _nothing(graph: Graph, layer: Dropout, name: str, x: str) -> str:
    return x


@NODES.of(Flatten)
def _flatten(graph: Graph, layer: Flatten, name: str, x: str) -> str:
    return graph.node(name, "Flatten", x, axis=1)


@NODES.of(ReLU)
def _relu(graph: Graph, layer: ReLU, name: str, x: str) -> str:
    return graph.node(name, "Relu", x)


@NODES.of(LeakyReLU)
def _leaky_relu(graph: Graph, layer: LeakyReLU, name: str, x: str) -> str:
    return graph.node(name, "LeakyRelu", x, alpha=layer.negative_slope)


@NODES.of(ELU)
def _elu(graph: Graph, layer: ELU, name: str, x: str) -> str:
    return graph.node(name, "Elu", x, alpha=layer.alpha)


@NODES.of(GELU)
def _gelu(graph: Graph, layer: GELU, name: str, x: str) -> str:
    """y = x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³))), or with erf(x/√2) for the tanh.

    ONNX has it as an operator from opset 20 on only.
    """

    def number(key: str, value: float) -> str:
        return graph.constant(f"{name}.{key}", np.array(value))

    def step(key: str, operator: str, *inputs: str) -> str:
        return graph.node(f"{name}/{key}", operator, *inputs)

    half = step("half", "Mul", x, number("half", 0.5))
    one = number("one", 1.0)
    if layer.approximate == "none":
        erf = step("erf", "Erf", step("scaled", "Mul", x, number("scale", np.sqrt(0.5))))
        return step("product", "Mul", half, step("gate", "Add", erf, one))
    cube = step("cube", "Mul", step("square", "Mul", x, x), x)
    inner = step("inner", "Add", x, step("cubic", "Mul", cube, number("cubic", layer.CUBIC)))
    tanh = step("tanh", "Tanh", step("scaled", "Mul", inner, number("scale", layer.SCALE)))
    return step("product", "Mul", half, step("gate", "Add", tanh, one))


@NODES.of(Sigmoid)
def _sigmoid(graph: Graph, layer: Sigmoid, name: str, x: str) -> str:
    return graph.node(name, "Sigmoid", x)


@NODES.of(SiLU)
def _silu(graph: Graph, layer: SiLU, name: str, x: str) -> str:
    return graph.node(name, "Mul", x, graph.node(name, "Sigmoid", x))


@NODES.of(Tanh)
def _tanh(graph: Graph, layer: Tanh, name: str, x: str) -> str:
    return graph.node(name, "Tanh", x)


@NODES.of(Softmax)
def _softmax(graph: Graph, layer: Softmax, name: str, x: str) -> str:
    return graph.node(name, "Softmax", x, axis=1)
