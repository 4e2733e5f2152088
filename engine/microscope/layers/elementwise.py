"""Layers that change every number by itself: activations, and batch norm when evaluating."""

import math
from collections.abc import Callable

import numpy as np

from engine.arrays import Array
from engine.layers import (
    ELU,
    GELU,
    BatchNorm1D,
    BatchNorm2D,
    Layer,
    LeakyReLU,
    ReLU,
    Scale,
    Sigmoid,
    SiLU,
    Tanh,
)
from engine.microscope.arithmetic import Step, Term
from engine.microscope.registry import (
    FORWARD,
    INPUT,
    WEIGHT,
    Index,
    Products,
    Sum,
    at,
    explains,
    inner,
    short,
)

Formula = Callable[[Layer, float], tuple[tuple[Step, ...], float]]
"""(layer, x): the steps from x to y, and the slope dy/dx."""


def _elementwise(kind: type[Layer]) -> Callable[[Formula], Formula]:
    """Register a formula as the explanation of a layer, forwards and backwards."""

    def add(formula: Formula) -> Formula:
        @explains(FORWARD, kind)
        def forward(layer: Layer, x: Array, index: Index) -> Sum:
            value = float(x[index])
            steps, _ = formula(layer, value)
            return Sum((Term(f"x[{at(index)}]", (value,), value, index),), steps)

        @explains(INPUT, kind)
        def backward(
            layer: Layer, x: Array, out: Array, dout: Array, index: Index
        ) -> tuple[Term, ...]:
            dy, (_, slope) = float(dout[index]), formula(layer, float(x[index]))
            return (Term(f"dy[{at(index)}] · slope", (dy, slope), dy * slope, index),)

        return formula

    return add


@_elementwise(ReLU)
def _relu(layer: Layer, x: float) -> tuple[tuple[Step, ...], float]:
    """y = max(x, 0); the slope is 1 above 0, else 0."""
    return (Step("below 0 it becomes 0", f"max({short(x)}, 0)", max(x, 0.0)),), float(x > 0)


@_elementwise(LeakyReLU)
def _leaky(layer: Layer, x: float) -> tuple[tuple[Step, ...], float]:
    """y = x above 0, else slope·x."""
    assert isinstance(layer, LeakyReLU)
    slope = layer.negative_slope
    if x > 0:
        return (Step("above 0 it stays", short(x), x),), 1.0
    return (Step("below 0 a part of it stays", f"{slope} · {inner(x)}", slope * x),), slope


@_elementwise(ELU)
def _elu(layer: Layer, x: float) -> tuple[tuple[Step, ...], float]:
    """y = x above 0, else α·(eˣ − 1)."""
    assert isinstance(layer, ELU)
    if x > 0:
        return (Step("above 0 it stays", short(x), x),), 1.0
    y = layer.alpha * math.expm1(x)
    words = f"{layer.alpha:g} · (e^{inner(x)} − 1)"
    return (Step("below 0 it is bent", words, y),), y + layer.alpha


@_elementwise(GELU)
def _gelu(layer: Layer, x: float) -> tuple[tuple[Step, ...], float]:
    """y = x/2 · (1 + tanh(u)), u = √(2/π)·(x + 0.044715·x³); or x·Φ(x)."""
    assert isinstance(layer, GELU)
    if layer.approximate == "none":
        below = 0.5 * math.erfc(-x / math.sqrt(2))
        density = math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
        steps = (
            Step("normal numbers that are below it", f"(1 + erf({short(x)}/√2))/2", below),
            Step("times the number", f"{short(x)} · {short(below)}", x * below),
        )
        return steps, below + x * density
    u = GELU.SCALE * (x + GELU.CUBIC * x**3)
    tanh = math.tanh(u)
    slope = 0.5 * (1 + tanh) + 0.5 * x * (1 - tanh**2) * GELU.SCALE * (1 + 3 * GELU.CUBIC * x**2)
    steps = (
        Step("u", f"√(2/π) · ({short(x)} + 0.0447 · {inner(x)}³)", float(u)),
        Step("x/2 · (1 + tanh u)", f"{short(x)}/2 · (1 + {inner(tanh)})", x / 2 * (1 + tanh)),
    )
    return steps, float(slope)


@_elementwise(SiLU)
def _silu(layer: Layer, x: float) -> tuple[tuple[Step, ...], float]:
    """y = x·σ(x), σ(x) = 1/(1 + e⁻ˣ)."""
    sigmoid = (1 + math.tanh(x / 2)) / 2
    steps = (
        Step("its sigmoid", f"1/(1 + e^{inner(-x)})", sigmoid),
        Step("times the number", f"{short(x)} · {short(sigmoid)}", x * sigmoid),
    )
    return steps, sigmoid * (1 + x * (1 - sigmoid))


@_elementwise(Scale)
def _scale(layer: Layer, x: float) -> tuple[tuple[Step, ...], float]:
    """y = factor·x."""
    assert isinstance(layer, Scale)
    words = f"{short(layer.factor)} · {inner(x)}"
    return (Step("times the factor", words, layer.factor * x),), layer.factor


@_elementwise(Sigmoid)
def _sigmoid(layer: Layer, x: float) -> tuple[tuple[Step, ...], float]:
    """y = 1/(1 + e⁻ˣ)."""
    y = (1 + math.tanh(x / 2)) / 2
    return (Step("squeezed between 0 and 1", f"1/(1 + e^{inner(-x)})", y),), y * (1 - y)


@_elementwise(Tanh)
def _tanh(layer: Layer, x: float) -> tuple[tuple[Step, ...], float]:
    """y = tanh(x)."""
    y = math.tanh(x)
    return (Step("squeezed between -1 and 1", f"tanh({short(x)})", y),), 1 - y * y


@explains(FORWARD, BatchNorm1D, BatchNorm2D)
def _norm(layer: BatchNorm1D | BatchNorm2D, x: Array, index: Index) -> Sum:
    """y = γ · (x − μ)/√(σ² + ε) + β, with the running statistics."""
    c, value = index[0], float(x[index])
    mean, var = (float(layer.buffers[f"running_{name}"][c]) for name in ("mean", "var"))
    gamma, beta = float(layer.weight[c]), float(layer.params["bias"][c])
    std = math.sqrt(var + layer.eps)
    centred = value - mean
    scaled = gamma * centred / std
    steps = (
        Step("minus the mean of the map", f"{short(value)} − {inner(mean)}", centred),
        Step("divided by its spread", f"{short(centred)} / √({short(var)} + {layer.eps:g})",
             centred / std),
        Step("times the scale", f"{short(gamma)} · {inner(centred / std)}", scaled),
        Step("plus the shift", f"{short(scaled)} + {inner(beta)}", scaled + beta),
    )  # fmt: skip
    return Sum((Term(f"x[{at(index)}]", (value,), value, index),), steps)


@explains(INPUT, BatchNorm1D, BatchNorm2D)
def _norm_input(
    layer: BatchNorm1D | BatchNorm2D, x: Array, out: Array, dout: Array, index: Index
) -> tuple[Term, ...]:
    """dx = γ/√(σ² + ε) · dy, when evaluating."""
    c, dy = index[0], float(dout[index])
    std = math.sqrt(float(layer.buffers["running_var"][c]) + layer.eps)
    slope = float(layer.weight[c]) / std
    return (Term(f"dy[{at(index)}] · γ/σ", (dy, slope), dy * slope, index),)


@explains(WEIGHT, BatchNorm1D, BatchNorm2D)
def _norm_weight(
    layer: BatchNorm1D | BatchNorm2D, x: Array, dout: Array, parameter: str, index: Index
) -> Products:
    """dγ = Σ dy · x̂; dβ = Σ dy. The pass has left mean and spread of the batch in ``saved``."""
    (c,) = index
    dy = dout[:, c]
    if parameter == "bias":
        return Products(dy, None, "the gradient at each place of the map")
    _, mean, inverse_std, _ = layer.saved
    normalised = (x[:, c].astype(np.float64) - mean[c]) * inverse_std[c]
    return Products(dy, normalised, "the gradient at a place, times the normalised number there")
