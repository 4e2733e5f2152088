"""Schedules: the sequences of PyTorch, epoch by epoch and step by step."""

import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from engine.schedulers import SCHEDULERS, FixedLR, ReduceLROnPlateau, Warmup


def pytorch_rates(
    make: Callable[[Any], Any], lr: float, n: int, metrics: list[float] | None = None
) -> list[float]:
    """What PyTorch has after 0, 1, ..., n - 1 calls of step()."""
    import torch

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = make(optimizer)
    rates = [optimizer.param_groups[0]["lr"]]
    for k in range(n - 1):
        optimizer.step()
        scheduler.step(*([metrics[k]] if metrics else []))
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


FORMULAS: list[tuple[str, dict[str, Any], int]] = [
    ("StepLR", {"step_size": 5, "gamma": 0.5}, 31),
    ("StepLR", {"step_size": 1}, 8),
    ("MultiStepLR", {"milestones": [3, 4, 10]}, 15),
    ("MultiStepLR", {"milestones": [10, 3, 3], "gamma": 0.7}, 15),
    ("ExponentialLR", {"gamma": 0.95}, 60),
    ("CosineAnnealingLR", {"T_max": 30}, 32),
    ("CosineAnnealingLR", {"T_max": 10, "eta_min": 1e-3}, 45),
    ("CosineAnnealingLR", {"T_max": 1}, 4),
    ("OneCycleLR", {"total_steps": 100}, 101),
    ("OneCycleLR", {"total_steps": 3}, 4),
    ("OneCycleLR", {"total_steps": 1}, 2),
    ("OneCycleLR", {"total_steps": 37, "pct_start": 0.45, "div_factor": 5.0}, 38),
    ("OneCycleLR", {"total_steps": 20, "final_div_factor": 10.0}, 21),
]


@pytest.mark.torch
@pytest.mark.parametrize(
    ("name", "options", "n"), FORMULAS, ids=[f"{name} {options}" for name, options, _ in FORMULAS]
)
def test_formulas_like_pytorch(name: str, options: dict[str, Any], n: int) -> None:
    import torch

    extra = {"max_lr": 0.1, "cycle_momentum": False} if name == "OneCycleLR" else {}
    kind = getattr(torch.optim.lr_scheduler, name)
    expected = pytorch_rates(lambda optimizer: kind(optimizer, **extra, **options), 0.1, n)
    ours = {kind.__name__: kind for kind in SCHEDULERS.values()}[name](0.1, **options)
    rates = [ours.lr(k, k) for k in range(n)]
    assert rates == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.torch
@pytest.mark.parametrize(("steps", "start_factor"), [(7, 0.1), (1, 0.5), (20, 1 / 3), (5, 1.0)])
def test_warm_up_like_pytorchs_linear(steps: int, start_factor: float) -> None:
    import torch

    expected = pytorch_rates(
        lambda optimizer: torch.optim.lr_scheduler.LinearLR(
            optimizer, start_factor=start_factor, total_iters=steps
        ),
        0.1,
        steps + 5,
    )
    schedule = Warmup(FixedLR(0.1), steps, start_factor)
    rates = [schedule.lr(0, k) for k in range(steps + 5)]
    assert rates == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.torch
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"patience": 2, "factor": 0.5},
        {"patience": 0, "cooldown": 3},
        {"patience": 1, "threshold": 0.1},
        {"patience": 1, "mode": "max", "factor": 0.3},
        {"patience": 0, "min_lr": 1e-3},
        {"patience": 0, "factor": 0.01},
    ],
)
def test_plateau_like_pytorch(options: dict[str, Any]) -> None:
    import torch

    chance = random.Random(3)
    metrics = [math.exp(-0.05 * k) + 0.2 * chance.random() for k in range(59)]
    metrics[7] = metrics[8] = metrics[40] = math.nan
    metrics[20] = math.inf if options.get("mode", "min") == "min" else -math.inf
    expected = pytorch_rates(
        lambda optimizer: torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options),
        0.1,
        60,
        metrics,
    )
    ours = ReduceLROnPlateau(0.1, **options)
    rates = [ours.lr(0, 0)]
    for metric in metrics:
        ours.observe(metric)
        rates.append(ours.lr(0, 0))
    assert rates == pytest.approx(expected, rel=1e-12)
    assert len(set(rates)) > 1 or not options
