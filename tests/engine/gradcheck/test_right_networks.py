"""No false alarms: networks that are right pass, however much they magnify rounding."""

import numpy as np
import pytest

from engine.config import loads
from engine.gradcheck import Report, check_network
from engine.parallel.workers import Workers
from engine.services.gradcheck import run_check
from tests.support.proofs import rest_as_proofs
from tests.support.random_networks import random_config, random_problem

MAGNIFIERS = {
    "batch norm": """
  - Conv2D: {out_channels: 4, kernel_size: 3}
  - BatchNorm2D
  - ReLU
  - GlobalAvgPool2D
  - Dense: {out_features: 6}
  - BatchNorm1D
  - ReLU
  - Dense: {out_features: 10}
""",
    "sigmoid": """
  - Conv2D: {out_channels: 4, kernel_size: 3}
  - Sigmoid
  - GlobalAvgPool2D
  - Dense: {out_features: 6}
  - BatchNorm1D
  - Sigmoid
  - Dense: {out_features: 10}
""",
}
UNDECIDED = 10
"""Of a thousand, where several batch norms of two or three samples follow each other."""


@pytest.mark.parametrize("seed", rest_as_proofs(range(24), every=6))
@pytest.mark.parametrize("layers", MAGNIFIERS.values(), ids=MAGNIFIERS.keys())
def test_a_network_that_magnifies_rounding_passes(layers: str, seed: int) -> None:
    config = loads(f"dataset: mnist_mini\nseed: {seed}\nlayers:{layers}", "test.yaml")
    report = run_check(config)
    assert report.passed, f"\n{report}"


def report_of(seed: int) -> tuple[str, Report]:
    """A random network of tiny images; every fourth is checked entry by entry."""
    rng = np.random.default_rng([seed, 33])
    problem = random_problem(rng)
    exact = seed % 4 == 0
    return f"{seed}: {problem.model}", check_network(
        problem.model,
        problem.loss,
        problem.x,
        problem.target,
        rng=rng,
        mode="exact" if exact else "directions",
        samples_per_tensor=20 if exact else None,
    )


def reports(count: int) -> dict[str, Report]:
    """The reports of random networks: every fifth by the command, on digits."""
    found: dict[str, Report] = {}
    with Workers(1):
        for seed in range(count):
            if seed % 5 == 0:
                config = random_config(np.random.default_rng([seed, 33]))
                found[f"{seed}: {config.layers}"] = run_check(config)
            else:
                name, found_one = report_of(seed)
                found[name] = found_one
    return found


@pytest.mark.parametrize("seed", [1009, 2586, 2678])
def test_outputs_that_are_nothing_but_biases_are_no_measure_of_rounding(seed: int) -> None:
    """Dead units before the last layer; batch norms magnify what backward rounds."""
    name, report = report_of(seed)
    assert report.passed, f"{name}\n{report}"


def expect_no_alarm(found: dict[str, Report], most_undecided: int) -> None:
    alarms = {name: report for name, report in found.items() if report.outcome == "FAILED"}
    assert not alarms, "\n".join(f"{name}\n{report}" for name, report in alarms.items())
    undecided = {name: report for name, report in found.items() if report.outcome == "undecided"}
    assert len(undecided) <= most_undecided, "\n".join(map(str, undecided.items()))
    assert all(report.outcome in ("passed", "undecided") for report in found.values())


@pytest.mark.proof
def test_random_networks_pass(pytestconfig: pytest.Config) -> None:
    thorough = pytestconfig.getoption("--full-grid", default=False)
    expect_no_alarm(reports(1_000 if thorough else 60), UNDECIDED if thorough else 0)
