"""Update rules: trajectories against textbook loops and PyTorch."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.optim import OPTIMIZERS
from tests.support.optim_problem import (
    LR,
    Arrays,
    all_cases,
    every_rule,
    gradients,
    precisions,
    problem,
)
from tests.support.optim_problem import clip as clip_gradients


def textbook(name: str, options: dict[str, Any], clip: float | None = None) -> Arrays:
    """Twenty steps, number by number in Python floats, in the form the papers give."""
    defaults = {"alpha": 0.99, "eps": 1e-8, "betas": (0.9, 0.999), "momentum": 0.9}
    defaults |= {"nesterov": False, "weight_decay": 0.01 if name == "adamw" else 0.0}
    o = defaults | options
    params = problem()
    memory: dict[tuple[str, int], list[float]] = {}
    for t in range(1, 21):
        grads = gradients(params, t)
        norm = math.sqrt(math.fsum(float(x) ** 2 for g in grads.values() for x in g.flat))
        for key, param in params.items():
            for i in range(param.size):
                p, g = float(param.flat[i]), float(grads[key].flat[i])
                if clip is not None:
                    g *= min(1.0, clip / (norm + 1e-6))
                first, second = memory.setdefault((key, i), [0.0, 0.0])
                if name == "adamw":
                    p -= LR * o["weight_decay"] * p
                else:
                    g += o["weight_decay"] * p
                if name == "sgd":
                    p -= LR * g
                elif name == "momentum":
                    first = o["momentum"] * first + g
                    p -= LR * (g + o["momentum"] * first if o["nesterov"] else first)
                elif name == "rmsprop":
                    first = o["alpha"] * first + (1 - o["alpha"]) * g**2
                    p -= LR * g / (math.sqrt(first) + o["eps"])
                else:
                    b1, b2 = o["betas"]
                    first = b1 * first + (1 - b1) * g
                    second = b2 * second + (1 - b2) * g**2
                    p -= LR * (first / (1 - b1**t)) / (math.sqrt(second / (1 - b2**t)) + o["eps"])
                memory[key, i] = [first, second]
                param.flat[i] = p
    return params


def twenty_steps(
    name: str, options: dict[str, Any], dtype: type, clip: float | None = None
) -> Arrays:
    params = problem(dtype)
    optimizer = OPTIMIZERS[name](LR, **options)
    for t in range(1, 21):
        grads = gradients(params, t)
        if clip is not None:
            clip_gradients(grads, clip)
        optimizer.step(params, grads)
    return params


@precisions
@all_cases
def test_bug_9_trajectory_against_the_textbook(
    name: str, options: dict[str, Any], dtype: type, tolerance: float
) -> None:
    expected = textbook(name, options)
    for key, param in twenty_steps(name, options, dtype).items():
        np.testing.assert_allclose(
            param, expected[key], rtol=tolerance, atol=tolerance, err_msg=key
        )


@every_rule
def test_trajectory_with_clipping_against_the_textbook(name: str) -> None:
    expected = textbook(name, {}, clip=0.7)
    for key, param in twenty_steps(name, {}, np.float64, clip=0.7).items():
        np.testing.assert_allclose(param, expected[key], rtol=0, atol=1e-12, err_msg=key)


@pytest.mark.torch
@pytest.mark.parametrize("clip", [None, 0.7])
@precisions
@all_cases
def test_trajectory_like_pytorch(
    name: str, options: dict[str, Any], dtype: type, tolerance: float, clip: float | None
) -> None:
    import torch

    rules: dict[str, Callable[..., torch.optim.Optimizer]] = {
        "sgd": torch.optim.SGD,
        "momentum": lambda p, **o: torch.optim.SGD(p, **({"momentum": 0.9} | o)),
        "rmsprop": torch.optim.RMSprop,
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
    }
    params = {key: torch.nn.Parameter(torch.from_numpy(p)) for key, p in problem(dtype).items()}
    optimizer = rules[name](list(params.values()), lr=LR, **options)
    for t in range(1, 21):
        grads = gradients({key: p.detach().numpy() for key, p in params.items()}, t)
        for key, p in params.items():
            p.grad = torch.from_numpy(grads[key])
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(params.values(), clip)
        optimizer.step()
    for key, param in twenty_steps(name, options, dtype, clip).items():
        np.testing.assert_allclose(
            param, params[key].detach().numpy(), rtol=tolerance, atol=tolerance, err_msg=key
        )


def test_the_first_steps_by_hand() -> None:
    def first(name: str, **options: Any) -> float:
        params = {"w": np.array([1.0])}
        OPTIMIZERS[name](0.1, **options).step(params, {"w": np.array([2.0])})
        return float(params["w"][0])

    assert first("sgd") == pytest.approx(1 - 0.1 * 2)
    assert first("sgd", weight_decay=0.5) == pytest.approx(1 - 0.1 * 2.5)
    assert first("momentum") == pytest.approx(1 - 0.1 * 2)
    assert first("momentum", nesterov=True) == pytest.approx(1 - 0.1 * 2 * 1.9)
    assert first("rmsprop", eps=0.3) == pytest.approx(1 - 0.1 * 2 / (0.1 * 2 + 0.3))
    assert first("adam") == pytest.approx(1 - 0.1)  # the first step is lr, whatever the gradient
    assert first("adamw", weight_decay=0.5) == pytest.approx(1 - 0.1 * 0.5 - 0.1)


def test_adams_moments_are_those_of_the_paper() -> None:
    params, optimizer = {"w": np.array([1.0, -1.0])}, OPTIMIZERS["adam"](LR)
    optimizer.step(params, {"w": np.array([2.0, 4.0])})
    np.testing.assert_allclose(optimizer.slots["exp_avg"]["w"], [0.2, 0.4])
    np.testing.assert_allclose(optimizer.slots["exp_avg_sq"]["w"], [0.004, 0.016])
