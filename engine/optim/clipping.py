"""The norm of a gradient, and clipping by it."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

DOT_LENGTH = 8192
"""Elements whose squares are summed by one product: few, so that BLAS keeps each on one
thread and the number of threads does not change the sum, and so that rounding in float32 does
not pile up."""


def square_sums(flat: NDArray[Any]) -> list[float]:
    """The sums of squares of a vector's pieces of ``DOT_LENGTH``."""
    sums = []
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, flat.size, DOT_LENGTH):
            part = flat[start : start + DOT_LENGTH]
            square = float(np.dot(part, part))
            if not math.isfinite(square):
                part = part.astype(np.float64)
                square = float(np.dot(part, part))
            sums.append(square)
    return sums


def norm_of(sums: Iterable[float]) -> float:
    """The Euclidean norm, from the sums of squares of all pieces in their order."""
    total = 0.0
    for square in sums:
        total += square  # one by one: what ``sum`` does depends on Python's version
    return math.sqrt(total)


def clip_factor(norm: float, max_norm: float) -> float:
    """The factor that scales gradients of a norm down to at most ``max_norm``; 1 leaves them.

    PyTorch's rule: ``min(1, max_norm / (norm + 1e-6))`` (Pascanu et al. 2013). Gradients whose
    norm is not finite have no direction to keep.

    Raises:
        ValueError: ``max_norm`` is not above 0.
    """
    if not max_norm > 0:
        raise ValueError(f"max_norm must be above 0, got {max_norm}")
    return min(1.0, max_norm / (norm + 1e-6)) if math.isfinite(norm) else 1.0
