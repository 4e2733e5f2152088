"""Random networks of every registered layer, for what other programs must compute the same.

A layer whose arguments all have defaults is drawn as it is; any other, and one whose arguments
change what it computes, has a row in ``ARGUMENTS``. So a new layer is in, or ``drawable`` says that
it needs a row.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from engine.arrays import Shape
from engine.errors import SpecError
from engine.layers import LAYERS, Sequential
from engine.models import build

Specs = list[Any]
Rng = np.random.Generator

CLASSES = 4
SHAPES: tuple[Shape, ...] = ((4, 9, 10), (4, 1, 1), (6,))
"""Inputs of which a layer takes one at least."""


def drawn_network(seed: int) -> tuple[Sequential, Shape]:
    """A network for small images, and their shape; parameters and buffers are not as at first."""
    rng = np.random.default_rng([seed, 47])
    shape = (int(rng.choice([1, 2, 4])), int(rng.integers(5, 13)), int(rng.integers(5, 13)))
    specs, end = _chain(rng, shape, int(rng.integers(3, 9)), [*LAYERS])
    if len(end) == 3:
        specs.append("Flatten")
    specs.append({"Dense": {"out_features": CLASSES}})
    model = build(specs, shape).initialise(rng)
    for array in model.named_parameters().values():
        array += (0.1 * rng.standard_normal(array.shape)).astype(np.float32)
    for name, array in model.named_buffers().items():
        low, high = (0.5, 2.0) if name.endswith("var") else (-1.0, 1.0)
        array[...] = rng.uniform(low, high, array.shape)
    return model, shape


def drawable(name: str) -> bool:
    """Whether a registered layer can be drawn, for one of ``SHAPES``; if not, it needs a row."""
    rng = np.random.default_rng(0)
    return any(_fits(name, rng, shape) for shape in SHAPES for _ in range(50))


def _fits(name: str, rng: Rng, shape: Shape) -> tuple[Any, Shape] | None:
    """A layer with random arguments and its output's shape; None if it does not take the input."""
    arguments = ARGUMENTS.get(name, lambda rng, shape: {})(rng, shape)
    spec = {name: arguments} if arguments else name
    try:
        return spec, build([spec], shape).output_shape(shape)
    except SpecError:
        return None


def _chain(rng: Rng, shape: Shape, length: int, names: Iterable[str]) -> tuple[Specs, Shape]:
    """Some layers that fit each other, and the shape behind them."""
    specs: Specs = []
    choices = [*names]
    while len(specs) < length:
        drawn = _fits(str(rng.choice(choices)), rng, shape)
        if drawn is not None:
            specs.append(drawn[0])
            shape = drawn[1]
    return specs, shape


def _one_or_pair(rng: Rng, low: int, high: int) -> Any:
    pair = rng.integers(low, high + 1, 2).tolist()
    return pair if rng.random() < 0.5 else pair[0]


def _conv(rng: Rng, shape: Shape) -> dict[str, Any]:
    groups = int(rng.choice([d for d in range(1, shape[0] + 1) if shape[0] % d == 0]))
    return {
        "out_channels": groups * int(rng.integers(1, 4)),
        "kernel_size": _one_or_pair(rng, 1, 4),
        "stride": _one_or_pair(rng, 1, 4),
        "padding": "same" if rng.random() < 0.5 else _one_or_pair(rng, 0, 2),
        "dilation": _one_or_pair(rng, 1, 3),
        "groups": groups,
        "bias": bool(rng.random() < 0.5),
    }


def _max_pool(rng: Rng, shape: Shape) -> dict[str, Any]:
    kernel = rng.integers(1, 5, 2)
    return {
        "kernel_size": kernel.tolist(),
        "stride": None if rng.random() < 0.3 else _one_or_pair(rng, 1, 5),
        "padding": [int(rng.integers(0, size // 2 + 1)) for size in kernel],
    }


def _avg_pool(rng: Rng, shape: Shape) -> dict[str, Any]:
    return _max_pool(rng, shape) | {"count_include_pad": bool(rng.random() < 0.5)}


def _dense(rng: Rng, shape: Shape) -> dict[str, Any]:
    return {"out_features": int(rng.integers(2, 9)), "bias": bool(rng.random() < 0.5)}


def _batch_norm(rng: Rng, shape: Shape) -> dict[str, Any]:
    return {"eps": float(rng.choice([1e-5, 1e-3, 0.1]))}


def _residual(rng: Rng, shape: Shape) -> dict[str, Any]:
    """A body that keeps the shape, or one with strides beside a shortcut that has them too."""
    inner = [name for name in LAYERS if name != "Residual" or rng.random() < 0.3]
    body, end = _chain(rng, shape, int(rng.integers(1, 4)), inner)
    if len(shape) != 3:
        return {"body": [*body, {"Dense": {"out_features": shape[0]}}]} if len(end) == 1 else {}
    if end == shape and rng.random() < 0.5:
        return {"body": body}
    stride, channels = int(rng.integers(1, 4)), int(rng.integers(1, 5))
    strided = {"out_channels": channels, "stride": stride, "padding": "same"}
    kept, _ = _chain(rng, (channels, 1, 1), 2, SAME_SHAPE)
    return {
        "body": [{"Conv2D": {**strided, "kernel_size": int(rng.integers(1, 5))}}, *kept],
        "shortcut": [{"Conv2D": {**strided, "kernel_size": 1, "bias": False}}],
    }


def _keeps_shape(name: str) -> bool:
    drawn = None if name in ARGUMENTS else _fits(name, np.random.default_rng(0), SHAPES[0])
    return drawn is not None and drawn[1] == SHAPES[0]


ARGUMENTS: dict[str, Callable[[Rng, Shape], dict[str, Any]]] = {
    "Conv2D": _conv,
    "MaxPool2D": _max_pool,
    "AvgPool2D": _avg_pool,
    "Dense": _dense,
    "BatchNorm1D": _batch_norm,
    "BatchNorm2D": _batch_norm,
    "Residual": _residual,
    "Dropout": lambda rng, shape: {"p": 0.3},
    "LeakyReLU": lambda rng, shape: {"negative_slope": float(rng.uniform(0, 0.5))},
    "ELU": lambda rng, shape: {"alpha": float(rng.uniform(0.2, 2))},
    "Scale": lambda rng, shape: {"factor": float(rng.uniform(0.1, 2))},
}
"""For a layer's name, its arguments, drawn for the shape of its input."""

SAME_SHAPE = [name for name in LAYERS if _keeps_shape(name)]
"""The layers without arguments of their own that keep the shape, as activations do."""
