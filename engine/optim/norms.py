"""The size of a gradient: to watch it, and to keep it within bounds."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DOT_LENGTH = 8192


def global_norm(grads: Mapping[str, NDArray[Any]]) -> float:
    """The Euclidean norm of all gradients taken as one vector.

    A NaN or an infinity gives a norm that is not finite, without a warning. Finite values never
    overflow to infinity as long as float64 holds their squares.

    Args:
        grads: gradients by name; summed up in the mapping's order.
    """
    total = 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for grad in grads.values():
            flat = grad.reshape(-1)
            # Short dot products: BLAS keeps each on one thread, so that the number of threads
            # does not change the sum, and rounding in float32 does not pile up over a long one.
            for start in range(0, flat.size, _DOT_LENGTH):
                part = flat[start : start + _DOT_LENGTH]
                square = float(np.dot(part, part))
                if not math.isfinite(square):
                    part = part.astype(np.float64)
                    square = float(np.dot(part, part))
                total += square
    return math.sqrt(total)


def clip_grad_norm(grads: Mapping[str, NDArray[Any]], max_norm: float) -> float:
    """Scale all gradients in place so that their global norm is at most ``max_norm``.

    PyTorch's rule: the factor is ``min(1, max_norm / (norm + 1e-6))`` (Pascanu et al. 2013).
    Gradients whose norm is not finite have no direction to keep, and are left as they are.

    Args:
        grads: gradients by name.
        max_norm: the largest norm allowed, above 0.

    Returns:
        The norm before clipping.

    Raises:
        ValueError: ``max_norm`` is not above 0.
    """
    if not max_norm > 0:
        raise ValueError(f"max_norm must be above 0, got {max_norm}")
    norm = global_norm(grads)
    factor = max_norm / (norm + 1e-6)
    if math.isfinite(norm) and factor < 1.0:
        for grad in grads.values():
            grad *= factor
    return norm
