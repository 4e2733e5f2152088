"""Update rules: trajectories against textbook loops and PyTorch."""

import math
from typing import Any

import numpy as np
import pytest

from engine.optim import OPTIMIZERS
from engine.optim.optimizer import parameters_of
from tests.support.optim_problem import (
    LR,
    ROWS,
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
    given = {key: p.default for key, p in parameters_of(name).items() if key != "lr"} | options
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
                own = memory.setdefault((key, i), [0.0, 0.0])
                param.flat[i] = ROWS[name].textbook(p, g, own, t, given)
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


def test_every_optimizer_has_a_row() -> None:
    assert ROWS.keys() == OPTIMIZERS.keys()


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

    theirs = ROWS[name].torch
    if theirs is None:
        pytest.skip("PyTorch has no such optimizer")
    kind, needed = theirs
    params = {key: torch.nn.Parameter(torch.from_numpy(p)) for key, p in problem(dtype).items()}
    optimizer = getattr(torch.optim, kind)(list(params.values()), lr=LR, **(needed | options))
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
