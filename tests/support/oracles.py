"""The formulas of the layers as plainly as possible: oracles for the tests.

Loops over single output pixels, plain ``math`` functions, no trick and no code shared with the
engine. The rows of the conformance table name them.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine.arrays import Array

Pair = tuple[int, int]


def pair(value: int | Sequence[int]) -> Pair:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def pads(padding: Any, kernel: Pair, dilation: Pair = (1, 1)) -> tuple[Pair, Pair]:
    """((top, bottom), (left, right)); "same" puts the odd row at the bottom."""
    if padding != "same":
        return tuple((p, p) for p in pair(padding))  # type: ignore[return-value]
    totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return tuple((t // 2, t - t // 2) for t in totals)  # type: ignore[return-value]


def taps(
    size: Pair, kernel: Pair, stride: Pair, padding: tuple[Pair, Pair], dilation: Pair = (1, 1)
) -> dict[Pair, list[tuple[Pair, Pair]]]:
    """For every output pixel (p, q), the kernel taps (i, j) and image pixels (u, v) that meet."""
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    counts = [(size[a] + sum(padding[a]) - spans[a]) // stride[a] + 1 for a in (0, 1)]
    found: dict[Pair, list[tuple[Pair, Pair]]] = {}
    for p in range(counts[0]):
        for q in range(counts[1]):
            met = found[p, q] = []
            for i in range(kernel[0]):
                for j in range(kernel[1]):
                    u = p * stride[0] + i * dilation[0] - padding[0][0]
                    v = q * stride[1] + j * dilation[1] - padding[1][0]
                    if 0 <= u < size[0] and 0 <= v < size[1]:
                        met.append(((i, j), (u, v)))
    return found


def out_size(found: dict[Pair, Any]) -> Pair:
    p, q = max(found)
    return p + 1, q + 1


def conv2d(
    x: Array,
    weight: Array,
    bias: Array | None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Array:
    kernel = (weight.shape[2], weight.shape[3])
    where = taps(
        (x.shape[2], x.shape[3]),
        kernel,
        pair(stride),
        pads(padding, kernel, pair(dilation)),
        pair(dilation),
    )
    c_in, c_out = weight.shape[1], weight.shape[0] // groups
    out = np.zeros((len(x), len(weight), *out_size(where)))
    for o in range(len(weight)):
        first = o // c_out * c_in
        for (p, q), met in where.items():
            for (i, j), (u, v) in met:
                out[:, o, p, q] += x[:, first : first + c_in, u, v] @ weight[o, :, i, j]
            if bias is not None:
                out[:, o, p, q] += bias[o]
    return out


def conv2d_layer(layer: Any, x: Array) -> Array:
    return conv2d(
        x,
        layer.weight,
        layer.params["bias"] if layer.bias else None,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        groups=layer.groups,
    )


def _pool_taps(layer: Any, size: Pair) -> dict[Pair, list[tuple[Pair, Pair]]]:
    kernel = pair(layer.kernel_size)
    stride = pair(layer.kernel_size if layer.stride is None else layer.stride)
    return taps(size, kernel, stride, pads(layer.padding, kernel))


def max_pool(layer: Any, x: Array) -> Array:
    where = _pool_taps(layer, (x.shape[2], x.shape[3]))
    out = np.empty((*x.shape[:2], *out_size(where)))
    for (p, q), met in where.items():
        for n in range(x.shape[0]):
            for c in range(x.shape[1]):
                out[n, c, p, q] = np.max([x[n, c, u, v] for _, (u, v) in met])
    return out


def max_pool_backward(layer: Any, x: Array, dout: Array) -> Array:
    """The gradient goes to the first of equal maxima in row order, or to the last NaN."""
    dx = np.zeros(x.shape)
    for (p, q), met in _pool_taps(layer, (x.shape[2], x.shape[3])).items():
        for n in range(x.shape[0]):
            for c in range(x.shape[1]):
                winner, largest = met[0][1], -math.inf
                for _, pixel in met:
                    value = float(x[n, c, *pixel])
                    if value > largest or math.isnan(value):
                        winner, largest = pixel, value
                dx[n, c, *winner] += dout[n, c, p, q]
    return dx


def avg_pool(layer: Any, x: Array) -> Array:
    where = _pool_taps(layer, (x.shape[2], x.shape[3]))
    kernel = pair(layer.kernel_size)
    out = np.empty((*x.shape[:2], *out_size(where)))
    for (p, q), met in where.items():
        count = kernel[0] * kernel[1] if layer.count_include_pad else len(met)
        out[:, :, p, q] = sum(x[:, :, u, v] for _, (u, v) in met) / count
    return out


def global_avg_pool(layer: Any, x: Array) -> Array:
    n, c, h, w = x.shape
    return np.array(
        [[math.fsum(x[i, j].reshape(-1)) / (h * w) for j in range(c)] for i in range(n)]
    )


def global_max_pool(layer: Any, x: Array) -> Array:
    return np.array([[max(channel.flat) for channel in sample] for sample in x])


def dense(layer: Any, x: Array) -> Array:
    weight = layer.params["weight"]
    out = np.array([[math.fsum(row * w) for w in weight] for row in x])
    return out + layer.params["bias"] if layer.bias else out


def batch_statistics(x: Array) -> list[tuple[float, float, float]]:
    """For every channel: mean, biased and unbiased variance."""
    found = []
    for c in range(x.shape[1]):
        values = x[:, c].reshape(-1).tolist()
        mean = math.fsum(values) / len(values)
        squares = math.fsum((value - mean) ** 2 for value in values)
        found.append((mean, squares / len(values), squares / max(len(values) - 1, 1)))
    return found


def batch_norm(layer: Any, x: Array) -> Array:
    statistics = batch_statistics(x)
    out = np.empty(x.shape)
    for c in range(x.shape[1]):
        if layer.training:
            mean, var, _ = statistics[c]
        else:
            mean, var = layer.buffers["running_mean"][c], layer.buffers["running_var"][c]
        normalised = (x[:, c] - mean) / math.sqrt(var + layer.eps)
        out[:, c] = layer.weight[c] * normalised + layer.params["bias"][c]
    return out


def flatten(layer: Any, x: Array) -> Array:
    return np.array([list(sample.flat) for sample in x])


def elementwise(function: Callable[[Any, float], float]) -> Callable[[Any, Array], Array]:
    """The formula of a layer that computes every number on its own."""

    def apply(layer: Any, x: Array) -> Array:
        return np.array([function(layer, float(value)) for value in x.flat]).reshape(x.shape)

    return apply


def gelu(layer: Any, x: float) -> float:
    if layer.approximate == "none":
        return 0.5 * x * math.erfc(-x / math.sqrt(2))
    return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def softmax(layer: Any, x: Array) -> Array:
    out = np.empty(x.shape)
    for index in np.ndindex(x.shape[0], *x.shape[2:]):
        place = (index[0], slice(None), *index[1:])
        exponentials = [math.exp(value) for value in x[place]]
        out[place] = [value / math.fsum(exponentials) for value in exponentials]
    return out
