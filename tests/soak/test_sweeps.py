"""A sweep that is killed comes to the same end as its trials trained alone."""

import os
from pathlib import Path

import pytest

from engine.config import loads
from tests.soak import sweeps
from tests.soak.soak_runs import SMALL
from tests.support.small_runs import train

pytestmark = [
    pytest.mark.proof,
    pytest.mark.skipif(os.name == "nt", reason="signals of POSIX"),
]


def test_twelve_trials_killed_five_times_have_the_bits_of_runs_trained_alone(
    tmp_path: Path,
) -> None:
    (tmp_path / "soak.yaml").write_text(SMALL["small"])
    grid = ["--grid", "train.lr=0.01,0.02,0.05", "--grid", "seed=1..4"]
    one = sweeps.soak(
        tmp_path,
        ["soak.yaml", *grid, "--jobs", "2", "--folder", "s"],
        kills=5,
        trial_kills=3,
        seed=1,
        whole=6.0,
    )
    found = sweeps.weights_of(one, 12)
    assert one.problems == []
    assert (one.kills, one.trial_kills >= 1) == (5, True)
    alone = {}
    for index in range(12):
        lr, seed = ("0.01", "0.02", "0.05")[index // 4], index % 4 + 1
        own = [f"train.lr={lr}", f"seed={seed}", f"runs_dir={tmp_path / 'runs'}"]
        config = loads(SMALL["small"], "x.yaml", [*own, f"reports_dir={tmp_path / 'reports'}"])
        alone[f"soak-{index + 1:03}"] = train(config).weights
    assert found == alone
