"""A small problem for every optimizer, and a row for each: its textbook step and its options."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from engine.optim import OPTIMIZERS
from engine.optim.clipping import clip_factor, norm_of, square_sums

Arrays = dict[str, np.ndarray]
LR = 0.01


@dataclass(frozen=True)
class Row:
    """One optimizer under test: all that a new one has to say of itself.

    Attributes:
        textbook: a step of one number as the paper gives it, from the number, its gradient, the
            memory of the steps before (zeros at first, changed in place), the number of the step
            from 1, and all options; returns the new number.
        torch: its name in ``torch.optim``, and the options that it needs there; None if PyTorch
            has none.
        options: every option, alone and together, beside the defaults.
    """

    textbook: Callable[[float, float, list[float], int, dict[str, Any]], float]
    torch: tuple[str, dict[str, Any]] | None = None
    options: tuple[dict[str, Any], ...] = ()


def sgd(p: float, g: float, memory: list[float], t: int, o: dict[str, Any]) -> float:
    g += o["weight_decay"] * p
    memory[0] = o["momentum"] * memory[0] + g
    return p - LR * (g + o["momentum"] * memory[0] if o["nesterov"] else memory[0])


def rmsprop(p: float, g: float, memory: list[float], t: int, o: dict[str, Any]) -> float:
    g += o["weight_decay"] * p
    memory[0] = o["alpha"] * memory[0] + (1 - o["alpha"]) * g**2
    return p - LR * g / (math.sqrt(memory[0]) + o["eps"])


def adam(p: float, g: float, memory: list[float], t: int, o: dict[str, Any]) -> float:
    return adamw(p, g + o["weight_decay"] * p, memory, t, o | {"weight_decay": 0.0})


def adamw(p: float, g: float, memory: list[float], t: int, o: dict[str, Any]) -> float:
    p -= LR * o["weight_decay"] * p
    b1, b2 = o["betas"]
    memory[0] = b1 * memory[0] + (1 - b1) * g
    memory[1] = b2 * memory[1] + (1 - b2) * g**2
    mean, square = memory[0] / (1 - b1**t), memory[1] / (1 - b2**t)
    return p - LR * mean / (math.sqrt(square) + o["eps"])


ROWS: dict[str, Row] = {
    "sgd": Row(sgd, ("SGD", {}), ({"weight_decay": 0.1}, {"momentum": 0.5, "nesterov": True})),
    "momentum": Row(
        sgd,
        ("SGD", {"momentum": 0.9}),
        (
            {"momentum": 0.0},
            {"momentum": 0.5, "weight_decay": 0.1},
            {"nesterov": True},
            {"nesterov": True, "weight_decay": 0.1},
        ),
    ),
    "rmsprop": Row(rmsprop, ("RMSprop", {}), ({"alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1},)),
    "adam": Row(
        adam,
        ("Adam", {}),
        ({"weight_decay": 0.1}, {"betas": (0.5, 0.9), "eps": 1e-3}, {"betas": (0.0, 0.9)}),
    ),
    "adamw": Row(
        adamw,
        ("AdamW", {}),
        ({"weight_decay": 0.0}, {"weight_decay": 0.5, "betas": (0.5, 0.9), "eps": 1e-3}),
    ),
    "muon": Row(  # of single numbers; those of a matrix are in test_muon
        sgd, ("SGD", {"momentum": 0.6}), ({"momentum": 0.5, "nesterov": True, "weight_decay": 0.1},)
    ),
}
CASES = [(name, options) for name, row in ROWS.items() for options in ({}, *row.options)]
all_cases = pytest.mark.parametrize(
    ("name", "options"), CASES, ids=[f"{name} {options}" for name, options in CASES]
)
every_rule = pytest.mark.parametrize("name", OPTIMIZERS)
precisions = pytest.mark.parametrize(
    ("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-6)]
)


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
