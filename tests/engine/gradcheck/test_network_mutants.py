"""Broken layers in a network that magnifies rounding: the command notices every one of them."""

import importlib
from typing import Any

import numpy as np
import pytest

import engine.gradcheck.network
from engine.config import loads
from engine.gradcheck import Report
from engine.gradcheck.deterministic import Gradients, gradients
from engine.services.gradcheck import run_check
from tests.support.mutation import Mutant, mutants_of

# Sigmoids make the samples alike before a batch norm: of nearly all of its tensors, one step is
# not enough to measure the slope.
TEXT = """
dataset: mnist_mini
seed: 0
layers:
  - AvgPool2D: {kernel_size: 3, padding: 1}
  - Conv2D: {out_channels: 3, kernel_size: 3}
  - LeakyReLU
  - MaxPool2D: {kernel_size: 2}
  - Sigmoid
  - Residual: {body: [{Conv2D: {out_channels: 3, kernel_size: 3, padding: 1}}, GELU]}
  - Sigmoid
  - GlobalAvgPool2D
  - Dense: {out_features: 6}
  - ELU
  - Sigmoid
  - Dense: {out_features: 6}
  - Tanh
  - BatchNorm1D: {eps: 1.0e-10}
  - Softmax
  - Dropout: {p: 0.2}
  - Dense: {out_features: 6}
  - ReLU
  - Flatten
  - Dense: {out_features: 10}
"""
MODULES = (
    "layers.activations",
    "layers.normalization",
    "layers.conv",
    "layers.dense",
    "layers.dropout",
    "layers.pooling",
    "layers.containers",
    "kernels.conv",
    "kernels.pooling",
)
ZERO = 1e-9
NOTICEABLE = 1e-2
"""How far a tensor's gradient is off, relative to its size."""


def mutants(module: str) -> list[Mutant]:
    """Those that break a backward pass and leave the forward pass, which is measured, as it is."""
    return mutants_of(importlib.import_module(f"engine.{module}"), lambda name: "backward" in name)


@pytest.fixture
def analytic(monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """What backward gave in the last check."""
    seen: dict[str, np.ndarray] = {}

    def recorded(deterministic: Any, x: np.ndarray, dout: np.ndarray) -> Gradients:
        found = gradients(deterministic, x, dout)
        seen.clear()
        seen.update(found.arrays)
        seen["0.input"] = seen.pop("input", np.full_like(x, np.nan))
        return found

    monkeypatch.setattr(engine.gradcheck.network, "gradients", recorded)
    return seen


def outcome() -> Report | Exception:
    with np.errstate(all="ignore"):
        try:
            return run_check(loads(TEXT, "test.yaml"), samples=3)
        except Exception as error:
            return error


def wrong(found: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> set[str]:
    """The tensors whose gradient is off by an amount that matters beside all of it."""
    return {
        name
        for name, gradient in right.items()
        if np.linalg.norm(gradient) > ZERO
        and not np.linalg.norm(found[name] - gradient) <= NOTICEABLE * np.linalg.norm(gradient)
    }


@pytest.mark.proof
@pytest.mark.parametrize("module", MODULES)
def test_a_broken_backward_is_noticed(
    module: str, analytic: dict[str, np.ndarray], pytestconfig: pytest.Config
) -> None:
    thorough = pytestconfig.getoption("--full-grid", default=False)
    report = outcome()
    assert isinstance(report, Report)
    assert report.passed, f"\n{report}"
    right = {name: array.copy() for name, array in analytic.items()}
    names = {row.name for row in report.rows}
    assert {name for name in right if "." in name} <= names
    chosen, survivors = mutants(module)[:: 1 if thorough else 8], []
    for mutant in chosen:
        with mutant.installed():
            report = outcome()
        if isinstance(report, Exception):
            continue  # noticed as well
        failed = {row.name for row in report.failures}
        missed = wrong(analytic, right) - failed
        if missed:
            survivors.append(f"{mutant}: {', '.join(sorted(missed))}\n{report}")
    assert not survivors, "\n".join(survivors)
    assert chosen
