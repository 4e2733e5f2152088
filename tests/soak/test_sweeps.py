"""A sweep that is killed comes to the same end as its trials trained alone."""

import csv
import json
import os
import subprocess
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


needs_dask = pytest.mark.skipif(
    find_spec("distributed") is None, reason="distributed is not installed"
)

GRID = ["--grid", "train.lr=0.01,0.02,0.05", "--grid", "seed=1..4"]


def alone(folder: Path) -> dict[str, bytes]:
    """The weights of the twelve trials of ``GRID``, each trained by itself."""
    found = {}
    for index in range(12):
        lr, seed = ("0.01", "0.02", "0.05")[index // 4], index % 4 + 1
        own = [f"train.lr={lr}", f"seed={seed}", f"runs_dir={folder / 'runs'}"]
        config = loads(SMALL["small"], "x.yaml", [*own, f"reports_dir={folder / 'reports'}"])
        found[f"soak-{index + 1:03}"] = train(config).weights
    return found


def test_twelve_trials_killed_five_times_have_the_bits_of_runs_trained_alone(
    tmp_path: Path,
) -> None:
    (tmp_path / "soak.yaml").write_text(SMALL["small"])
    one = sweeps.soak(
        tmp_path,
        ["soak.yaml", *GRID, "--jobs", "2", "--folder", "s"],
        kills=5,
        trial_kills=3,
        seed=1,
    )
    found = sweeps.weights_of(one, 12)
    assert one.problems == []
    assert (one.kills, one.trial_kills >= 1) == (5, True)
    assert found == alone(tmp_path)


@needs_dask
def test_twelve_trials_on_workers_that_are_killed_have_the_bits_of_runs_trained_alone(
    tmp_path: Path,
) -> None:
    (tmp_path / "soak.yaml").write_text(SMALL["small"])
    one = sweeps.soak(
        tmp_path,
        ["soak.yaml", *GRID, "--jobs", "2", "--folder", "s", "--dask", "local"],
        kills=2,
        trial_kills=2,
        worker_kills=3,
        seed=2,
    )
    found = sweeps.weights_of(one, 12)
    assert one.problems == []
    assert one.kills + one.trial_kills + one.worker_kills >= 5
    assert one.worker_kills >= 1
    assert found == alone(tmp_path)


@needs_dask
def test_the_table_is_the_same_with_one_of_two_workers_killed(tmp_path: Path) -> None:
    (tmp_path / "soak.yaml").write_text(SMALL["small"])
    for name, more in (("here", ()), ("s", ("--dask", "local"))):
        words = ["sweep", "soak.yaml", "--grid", "seed=1..6", "--folder", name, "--jobs", "2"]
        process = start(tmp_path, *words, "--json", "--quiet", *more, stdout=subprocess.PIPE)
        assert process.stdout is not None
        killed = not more
        with process.stdout as lines:
            for line in lines:
                if not killed and json.loads(line)["event"] == "epoch":
                    os.kill(sweeps.workers_in(tmp_path)[0], 9)
                    killed = True
        assert process.wait(TIMEOUT) == 0
    assert rows_of(tmp_path / "s") == rows_of(tmp_path / "here")


def rows_of(folder: Path) -> list[dict[str, str]]:
    """The table of a sweep without its runs and times."""
    with (folder / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if k not in ("run", "seconds")} for row in rows]


def planned_trials(folder: Path, name: str) -> list[dict[str, str]]:
    """The table of twenty planned trials, without their runs and times."""
    process = start(
        folder,
        *["sweep", "quickstart", "--set", "train.lr=0.3", "--set", "train.epochs=3"],
        *["--grid", "train.lr=log:0.00001..1.0", "--optuna", "20", "--jobs", "1", "--folder", name],
    )
    assert process.wait(TIMEOUT) in (0, 1)  # some diverge
    return rows_of(folder / name)


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
