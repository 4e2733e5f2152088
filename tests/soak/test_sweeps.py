"""A sweep that is killed comes to the same end as its trials trained alone."""

import csv
import json
import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from engine.config import loads
from tests.soak import sweeps
from tests.soak.soak_runs import SMALL, TIMEOUT, start
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


def planned_trials(folder: Path, name: str) -> list[dict[str, str]]:
    """The table of twenty planned trials, without their runs and times."""
    process = start(
        folder,
        *["sweep", "quickstart", "--set", "train.lr=0.3", "--set", "train.epochs=3"],
        *["--grid", "train.lr=log:0.00001..1.0", "--optuna", "20", "--jobs", "1", "--folder", name],
    )
    assert process.wait(TIMEOUT) in (0, 1)  # some diverge
    with (folder / name / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if k not in ("run", "seconds")} for row in rows]


@pytest.mark.skipif(find_spec("optuna") is None, reason="optuna is not installed")
def test_twenty_planned_trials_beat_a_spoilt_rate_and_are_the_same_twenty_again(
    tmp_path: Path,
) -> None:
    found = planned_trials(tmp_path, "first")
    assert len(found) == 20
    spoilt = ["train.lr=0.3", "train.epochs=3", f"runs_dir={tmp_path / 'runs'}"]
    text = (Path(__file__).parents[2] / "configs" / "quickstart.yaml").read_text()
    config = loads(text, "x.yaml", [*spoilt, f"reports_dir={tmp_path / 'reports'}"])
    record = train(config).session.run_dir.read_record()
    best = max(float(row["val_acc"]) for row in found)
    print(json.dumps({"spoilt": record["best"]["val_acc"], "best of 20": best}))
    assert best > record["best"]["val_acc"] + 0.5
    assert planned_trials(tmp_path, "second") == found
