"""A small problem for every optimizer, and every option of every rule."""

from typing import Any

import numpy as np
import pytest

from engine.optim import OPTIMIZERS
from engine.optim.clipping import clip_factor, norm_of, square_sums

Arrays = dict[str, np.ndarray]

# (name, arguments): every option of every rule, alone and together.
CASES: list[tuple[str, dict[str, Any]]] = [
    ("sgd", {}),
    ("sgd", {"weight_decay": 0.1}),
    ("momentum", {}),
    ("momentum", {"momentum": 0.0}),
    ("momentum", {"momentum": 0.5, "weight_decay": 0.1}),
    ("momentum", {"nesterov": True}),
    ("momentum", {"nesterov": True, "weight_decay": 0.1}),
    ("rmsprop", {}),
    ("rmsprop", {"alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1}),
    ("adam", {}),
    ("adam", {"weight_decay": 0.1}),
    ("adam", {"betas": (0.5, 0.9), "eps": 1e-3}),
    ("adam", {"betas": (0.0, 0.9)}),
    ("adamw", {}),
    ("adamw", {"weight_decay": 0.0}),
    ("adamw", {"weight_decay": 0.5, "betas": (0.5, 0.9), "eps": 1e-3}),
]
all_cases = pytest.mark.parametrize(
    ("name", "options"), CASES, ids=[f"{name} {options}" for name, options in CASES]
)
every_rule = pytest.mark.parametrize("name", OPTIMIZERS)
precisions = pytest.mark.parametrize(
    ("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-6)]
)
LR = 0.01


def problem(dtype: type = np.float64, seed: int = 0) -> Arrays:
    rng = np.random.default_rng(seed)
    shapes = {"0.weight": (4, 3, 2, 2), "0.bias": (4,), "1.weight": (5, 7)}
    return {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}


def gradients(params: Arrays, step: int) -> Arrays:
    """A bowl, a slope and noise: they depend on the parameters, so that errors grow."""
    noise = problem(seed=1000 + step)
    return {
        name: (0.5 * p.astype(np.float64) + 0.3 * noise[name]).astype(p.dtype)
        for name, p in params.items()
    }


def norm(grads: Arrays) -> float:
    """The norm of all gradients together."""
    return norm_of(square_sums(np.concatenate([g.ravel() for g in grads.values()])))


def clip(grads: Arrays, max_norm: float) -> None:
    """Scale all gradients in place so that their norm together is at most ``max_norm``."""
    factor = clip_factor(norm(grads), max_norm)
    for g in grads.values():
        g *= factor
