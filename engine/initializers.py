r"""Initial values of weights and biases.

A layer that sums ``fan_in`` products multiplies the variance of its input by
``fan_in * Var(w)``. Signals keep their size through a deep network only if that factor is about
one, so every rule here is a choice of ``Var(w)``:

====================  =============================  =======================================
rule                  ``Var(w)``                     source
====================  =============================  =======================================
he                    ``2 / fan_in``                 He et al. 2015, section 2.2 (the 2 makes
                                                     up for the half that ReLU removes)
xavier                ``2 / (fan_in + fan_out)``     Glorot and Bengio 2010, equation 16
pytorch               ``1 / (3 * fan_in)``           PyTorch's default, which is
                                                     ``kaiming_uniform_(a=sqrt(5))``
dirac                 as pytorch, but for the first  Zagoruyko and Komodakis 2017; of some
                      outputs, which copy inputs     filters only: Jordan 2024, section 3.2
====================  =============================  =======================================

A uniform draw from ``[-b, b)`` has variance ``b^2 / 3``, so the uniform rules use
``b = sqrt(3 * Var(w))``.

Numbers are drawn in float64 and then rounded to the dtype asked for: one seed gives the same
network in float32 and, up to that rounding, in float64.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from engine.arrays import Array

Initialiser = Callable[[tuple[int, ...], np.random.Generator, DTypeLike], Array]


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """The fan-in and fan-out of a weight: inputs of one output, and outputs of one input.

    Args:
        shape: ``(out, in)`` of a dense layer or ``(out, in / groups, kh, kw)`` of a convolution.

    Returns:
        ``(fan_in, fan_out)``: ``(in, out)``, times ``kh * kw`` for a convolution.

    Raises:
        ValueError: the shape has another number of axes, or an axis without elements.
    """
    if len(shape) not in (2, 4) or min(shape) < 1:
        raise ValueError(
            f"a weight of shape {shape} has no fans; "
            "expected (out, in) or (out, in/groups, kh, kw), every axis at least 1"
        )
    taps = math.prod(shape[2:])
    return shape[1] * taps, shape[0] * taps


def _normal(
    shape: tuple[int, ...], variance: float, rng: np.random.Generator, dtype: DTypeLike
) -> Array:
    return (rng.standard_normal(shape) * math.sqrt(variance)).astype(dtype)


def _uniform(
    shape: tuple[int, ...], variance: float, rng: np.random.Generator, dtype: DTypeLike
) -> Array:
    bound = math.sqrt(3.0 * variance)
    return rng.uniform(-bound, bound, shape).astype(dtype)


def he_normal(shape: tuple[int, ...], rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """A weight drawn from N(0, 2 / fan_in), for layers that ReLU follows (He et al. 2015)."""
    fan_in, _ = fans(shape)
    return _normal(shape, 2.0 / fan_in, rng, dtype)


def he_uniform(shape: tuple[int, ...], rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """A weight drawn from U(-b, b) with b = sqrt(6 / fan_in): the variance of he_normal."""
    fan_in, _ = fans(shape)
    return _uniform(shape, 2.0 / fan_in, rng, dtype)


def xavier_normal(shape: tuple[int, ...], rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """A weight drawn from N(0, 2 / (fan_in + fan_out)), for tanh and sigmoid (Glorot 2010)."""
    return _normal(shape, 2.0 / sum(fans(shape)), rng, dtype)


def xavier_uniform(shape: tuple[int, ...], rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """A weight drawn from U(-b, b) with b = sqrt(6 / (fan_in + fan_out)) (Glorot 2010)."""
    return _uniform(shape, 2.0 / sum(fans(shape)), rng, dtype)


def pytorch_default(shape: tuple[int, ...], rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """A weight drawn from U(-b, b) with b = 1 / sqrt(fan_in), as PyTorch's layers start."""
    fan_in, _ = fans(shape)
    return _uniform(shape, 1.0 / (3.0 * fan_in), rng, dtype)


def dirac(shape: tuple[int, ...], rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """A weight whose first outputs are copies of the inputs, the rest as ``pytorch_default``.

    Output ``i`` is input ``i`` (within its group), as long as there are both: 1 in the middle of
    the kernel, ``k // 2``, and 0 elsewhere. Signals and gradients pass such a layer unchanged
    (Zagoruyko and Komodakis, 'DiracNets', 2017; Jordan, '94 % on CIFAR-10', 2024, section 3.2).
    """
    weight = pytorch_default(shape, rng, dtype)
    copies = np.arange(min(shape[:2]))
    weight[copies] = 0
    middle: list[Any] = [size // 2 for size in shape[2:]]
    weight[(copies, copies, *middle)] = 1
    return weight


INITS: dict[str, Initialiser] = {
    "he": he_normal,
    "he_uniform": he_uniform,
    "xavier": xavier_uniform,
    "xavier_normal": xavier_normal,
    "pytorch": pytorch_default,
    "dirac": dirac,
}


def init_bias(
    name: str, shape: tuple[int, ...], fan_in: int, rng: np.random.Generator, dtype: DTypeLike
) -> Array:
    """The bias beside a weight: zeros, but U(-b, b), b = 1 / sqrt(fan_in), for "pytorch".

    Args:
        name: the weight's rule, a key of ``INITS``.
        shape: of the bias, ``(out,)``.
        fan_in: of the weight beside it (a bias alone does not tell).
        rng: source of the random numbers; not touched where the bias is zero.
        dtype: of the array returned.

    Raises:
        ValueError: no rule has that name, or ``fan_in`` is less than 1.
    """
    if name not in INITS:
        raise ValueError(f"unknown initialiser {name!r}; expected one of {', '.join(INITS)}")
    if fan_in < 1:
        raise ValueError(f"fan_in of a bias must be at least 1, got {fan_in}")
    if name == "pytorch":
        return _uniform(shape, 1.0 / (3.0 * fan_in), rng, dtype)
    return np.zeros(shape, dtype)
