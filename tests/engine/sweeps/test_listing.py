"""Sweeps as they are on disk: progress, estimates, what is read again, and what is damaged."""

import json
import shutil
from pathlib import Path
from unittest.mock import patch

import pytest

from engine.sweeps import listing
from engine.sweeps.folder import MANIFEST, RUNS, TABLE
from engine.sweeps.listing import list_sweeps, sweep_info
from engine.sweeps.results import best_first, repetitions
from tests.support.made_up_sweeps import ACCURACIES, SWEEP, held, make_sweep, run_name


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_newest_sweep_comes_first_and_other_folders_are_passed_over(tmp_path: Path) -> None:
    first, second = (make_sweep(tmp_path, name, accuracies={}) for name in ("b", "a"))
    (tmp_path / "notes").mkdir()
    (first / MANIFEST).write_text(
        (first / MANIFEST).read_text().replace('"created": "2026', '"created": "2025')
    )
    assert [one.path for one in list_sweeps(tmp_path)] == [second, first]
    assert list_sweeps(tmp_path / "missing") == []


def test_trials_have_the_values_and_results_of_their_runs(tmp_path: Path) -> None:
    sweep = sweep_info(make_sweep(tmp_path, accuracies={1: (0.5, 0.7), 4: (0.9,)}))
    assert sweep.keys == ("train.lr", "seed")
    assert sweep.name == "tiny"
    assert [trial.status for trial in sweep.trials] == [
        "finished",
        "waiting",
        "waiting",
        "finished",
    ]
    first = sweep.trials[0]
    assert first.settings == {"train.lr": "0.1", "seed": "1"}
    assert (first.results["val_acc"], first.results["test_acc"]) == (0.7, 0.8125)
    assert first.epochs == (2, 2)
    assert [trial.seed for trial in sweep.trials] == [1, 2, 1, 2]
    assert not sweep.running
    assert sweep.seconds_left is None, "nothing is trained"


def test_a_sweep_that_trains_says_how_far_it_is_and_how_long_it_takes(tmp_path: Path) -> None:
    folder = make_sweep(
        tmp_path,
        accuracies={1: (0.5, 0.7), 2: (0.5,), 3: (0.5,)},
        statuses={2: "running", 3: "diverged"},
    )
    record = folder / RUNS / run_name(2) / "run.json"
    record.write_text('{"status": "running"}')
    with held(folder, 2):
        sweep = sweep_info(folder)
    assert sweep.running
    assert sweep.counts == {"done": 1, "running": 1, "failed": 1, "waiting": 1}
    assert sweep.trials[1].epochs == (1, 2)
    assert sweep.share == pytest.approx((1 + 0.5 + 1 + 0) / 4)
    # 12.5 s for a whole trial, 1 s for half of one: 7.25 s on the average, 1.5 of them are left.
    assert sweep.seconds_left == pytest.approx(7.25 * 1.5)
    killed = sweep_info(folder, sweep)
    assert not killed.running
    assert killed.trials[1].status == "interrupted", "it is read again though nothing was written"
    assert killed.counts["waiting"] == 2, "what was cut off is resumed"


def test_a_trial_that_left_no_run_failed_as_the_table_says(tmp_path: Path) -> None:
    folder = make_sweep(tmp_path, accuracies={})
    (folder / TABLE).write_text(
        "trial,train.lr,seed,status,run\n1,0.1,1,failed,\n2,0.1,2,not begun,\n"
    )
    assert [trial.status for trial in sweep_info(folder).trials][:2] == ["failed", "waiting"]


def test_of_what_has_not_changed_nothing_is_read_again(tmp_path: Path) -> None:
    folder = make_sweep(tmp_path)
    first = list_sweeps(tmp_path)
    with patch.object(listing, "run_info", side_effect=AssertionError):
        assert list_sweeps(tmp_path, first)[0] is first[0]
    shutil.rmtree(folder / RUNS / run_name(4))
    with patch.object(listing, "run_info", side_effect=AssertionError):
        again = list_sweeps(tmp_path, first)[0]
    assert [trial.status for trial in again.trials][2:] == ["finished", "waiting"]


def test_a_damaged_sweep_is_listed_with_its_problem(tmp_path: Path) -> None:
    folder = make_sweep(tmp_path, accuracies={})
    for text in ("{", '{"version": 1}', (folder / MANIFEST).read_text().replace("-", "x")):
        (folder / MANIFEST).write_text(text)
        (found,) = list_sweeps(tmp_path)
        assert found.problem
        assert (found.name, found.trials) == (SWEEP, ())


def test_repetitions_are_ranked_by_the_mean_over_their_seeds(tmp_path: Path) -> None:
    sweep = sweep_info(make_sweep(tmp_path, accuracies={**ACCURACIES, 2: (0.1, 0.1)}))
    groups = repetitions(sweep.trials)
    assert [group.settings for group in groups] == [{"train.lr": "0.1"}, {"train.lr": "0.03"}]
    best = best_first(groups, "val_acc")
    assert [group.trials[0].index for group in best] == [3, 1]
    found = best[0].spread("val_acc")
    assert found is not None
    assert found.mean == pytest.approx(0.925)
    assert found.n == 2
    assert best_first(groups, "seconds") == groups, "the same for all, in their order"


def test_trials_that_are_still_to_be_planned_wait_and_those_that_are_pruned_are_done(
    tmp_path: Path,
) -> None:
    folder = make_sweep(tmp_path, accuracies={1: (0.5, 0.7), 2: (0.5,)}, statuses={2: "stopped"})
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["optuna"] = 10
    manifest["trials"] = manifest["trials"][:2]
    manifest["trials"][1]["pruned"] = 1
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with held(folder):
        sweep = sweep_info(folder)
    assert [trial.status for trial in sweep.trials] == ["finished", "pruned"]
    assert sweep.size == 10
    assert sweep.counts == {"done": 2, "waiting": 8}
    assert sweep.share == pytest.approx(0.2)
    assert sweep.seconds_left == pytest.approx(12.5 * 8)
