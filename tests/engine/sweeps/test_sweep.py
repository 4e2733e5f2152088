"""A sweep continues whatever becomes of one trial, and resumes where it was cut."""

from contextlib import ExitStack
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import patch

import pytest

from engine.errors import RunError
from engine.runs.directory import RunDir
from engine.sweeps import sweep
from engine.sweeps.folder import SweepFolder
from engine.sweeps.plan import Trial
from engine.sweeps.sweep import RETRIES, Sweep
from tests.support.small_runs import train
from tests.support.sweeps import (
    Deadly,
    Remembering,
    ThreadChild,
    files_of,
    in_threads,
    make_folder,
)

GRID = ("train.lr=0.1,0.2", "seed=1..2")


def go(folder: SweepFolder, watcher: Remembering, jobs: int = 1) -> Sweep:
    one = Sweep(folder, jobs, watcher)
    watcher.stop = one.stop
    with in_threads():
        one.run()
    return one


@pytest.fixture
def watcher() -> Remembering:
    return Remembering()


def test_each_trial_has_the_bytes_of_the_same_run_trained_alone(
    tmp_path: Path, watcher: Remembering
) -> None:
    with make_folder(tmp_path / "s", *GRID) as folder:
        done = go(folder, watcher, jobs=2)
        assert [one.status for one in done.outcomes.values()] == ["finished"] * 4
        for trial in folder.trials[1:3]:
            places = {"runs_dir": tmp_path / "runs", "reports_dir": tmp_path / "reports"}
            alone = train(trial.config.model_copy(update=places))
            assert files_of(folder.path)[trial.config.name] == alone.weights
            own = alone.session.run_dir.read_record()["config_hash"]
            assert own == trial.hash
    rows = (folder.path / "trials.csv").read_text().splitlines()
    assert rows[0] == (
        "trial,train.lr,seed,status,run,val_acc,val_loss,test_acc,test_loss,loss,seconds"
    )
    assert [row.split(",")[:4] for row in rows[1:]][2] == ["3", "0.2", "1", "finished"]
    assert watcher.shares == sorted(watcher.shares)
    assert watcher.shares[-1] == 1


def test_a_stopped_sweep_goes_on_and_trains_nothing_twice(
    tmp_path: Path, watcher: Remembering
) -> None:
    with make_folder(tmp_path / "s", *GRID) as folder:

        def stop_in_the_second_trial(trial: Trial) -> None:
            if trial.index == 2:
                watcher.stop()

        watcher.on_epoch = stop_in_the_second_trial
        with patch.object(ThreadChild, "held", 2):
            cut = go(folder, watcher)
        found = [one.status for one in cut.outcomes.values()]
        assert found == ["finished", "stopped", "not begun", "not begun"]
        first = next(path for path in folder.runs.iterdir() if "-tiny-001-" in path.name)
        written = (first / "weights.npz").stat().st_mtime_ns
    again = Remembering()
    with SweepFolder.open(tmp_path / "s") as folder:
        done = go(folder, again)
    assert [one.status for one in done.outcomes.values()] == ["finished"] * 4
    assert again.begun == [(2, True), (3, False), (4, False)]
    assert (first / "weights.npz").stat().st_mtime_ns == written
    assert len(list(folder.runs.iterdir())) == 4
    third = Remembering()
    with SweepFolder.open(tmp_path / "s") as folder:
        go(folder, third)
    assert third.begun == []


def test_a_trial_that_fails_or_diverges_holds_up_no_other(
    tmp_path: Path, watcher: Remembering
) -> None:
    with make_folder(tmp_path / "s", "train.lr=1.0e+38,0.1", "seed=1..2") as folder:
        last = folder.trials[3]
        nowhere = last.config.model_copy(update={"runs_dir": tmp_path / "s" / "sweep.json"})
        folder.trials[3] = replace(last, config=nowhere)
        done = go(folder, watcher)
    assert [one.status for one in done.outcomes.values()] == [
        "diverged",
        "diverged",
        "finished",
        "failed",
    ]
    assert "at learning rate 1e+38" in done.outcomes[1].reason
    assert "cannot make a run" in done.outcomes[4].reason


def test_a_trial_whose_process_dies_is_gone_on_with_three_times(
    tmp_path: Path, watcher: Remembering
) -> None:
    with make_folder(tmp_path / "s", "seed=1..2") as folder:
        given: list[int] = []
        one = Sweep(folder, 1, watcher)
        with (
            patch.object(Deadly, "given", given, create=True),
            patch.object(sweep, "ChildProcess", Deadly),
        ):
            one.run()
    assert given == [1] * (1 + RETRIES) + [2] * (1 + RETRIES)
    assert [one.status for one in one.outcomes.values()] == ["killed"] * 2
    assert one.outcomes[1].reason == "its process killed by SIGKILL, 4 times"
    assert len(watcher.warnings) == 2 * RETRIES


def test_processes_that_never_start_end_the_sweep(tmp_path: Path, watcher: Remembering) -> None:
    with make_folder(tmp_path / "s", "seed=1..9") as folder, ExitStack() as patches:
        patches.enter_context(patch.object(Deadly, "given", [], create=True))
        patches.enter_context(patch.object(Deadly, "ready", False))
        patches.enter_context(patch.object(sweep, "ChildProcess", Deadly))
        with pytest.raises(RunError, match="killed by SIGKILL at their start"):
            Sweep(folder, 1, watcher).run()


def test_a_run_that_another_process_trains_is_waited_for_and_then_left(
    tmp_path: Path, watcher: Remembering
) -> None:
    with make_folder(tmp_path / "s", "seed=1..2") as folder:
        with (
            RunDir.create(folder.runs, folder.trials[0].config.name),
            patch.object(sweep, "GRACE", -5.0),
            patch.object(sweep, "_POLL", 0.01),
        ):
            done = go(folder, watcher)
        assert [one.status for one in done.outcomes.values()] == ["running", "finished"]
        assert done.outcomes[1].reason == "another process trains it"
        again = go(folder, Remembering())
    assert [one.status for one in again.outcomes.values()] == ["finished"] * 2


def test_a_table_that_cannot_be_written_is_a_warning(tmp_path: Path, watcher: Remembering) -> None:
    with make_folder(tmp_path / "s", "seed=1..1") as folder:
        (folder.path / "trials.csv").mkdir()
        done = go(folder, watcher)
    assert done.outcomes[1].finished
    assert any("trials.csv: not written" in text for text in watcher.warnings)


def test_a_trial_that_others_outdo_is_pruned_and_its_run_kept(
    tmp_path: Path, watcher: Remembering
) -> None:
    grid = ("train.lr=0.1,0.11,0.12,0.13,0.000001,0.14",)
    with make_folder(tmp_path / "s", *grid, prune="median") as folder:
        done = go(folder, watcher)
        assert [one.status for one in done.outcomes.values()][:5] == ["finished"] * 4 + ["pruned"]
        assert folder.pruned[5] == 1
        fifth = done.outcomes[5]
        assert fifth.run is not None
        record = RunDir.view(fifth.run).read_record()
        assert (record["status"], record["reason"]) == ("stopped", "pruned after epoch 1")
        assert len(RunDir.view(fifth.run).read_metrics()) == 1
        assert RunDir.view(fifth.run).store.steps()
    row = (folder.path / "trials.csv").read_text().splitlines()[5].split(",")
    assert row[2:4] == ["pruned", fifth.run.name]
    assert watcher.shares[-1] == 1
    again = Remembering()
    with SweepFolder.open(tmp_path / "s") as folder:
        known = go(folder, again).outcomes
    assert again.begun == []
    assert known == done.outcomes


@pytest.mark.skipif(find_spec("optuna") is None, reason="optuna is not installed")
def test_a_planned_sweep_that_is_cut_plans_on_as_if_it_had_not_been(
    tmp_path: Path, watcher: Remembering
) -> None:
    grid = ("train.lr=log:0.0001..1.0",)
    with make_folder(tmp_path / "whole", *grid, optuna=6, prune="halving") as folder:
        whole = go(folder, Remembering())
    with make_folder(tmp_path / "s", *grid, optuna=6, prune="halving") as folder:

        def stop_in_the_fourth_trial(trial: Trial) -> None:
            if trial.index == 4:
                watcher.stop()

        watcher.on_epoch = stop_in_the_fourth_trial
        cut = go(folder, watcher)
        assert len(cut.outcomes) == 4
        assert cut.remaining in (2, 3)
    with SweepFolder.open(tmp_path / "s") as folder:
        done = go(folder, Remembering())
        assert folder.pruned != {}

    def told(one: Sweep) -> list[object]:
        return [
            (o.trial.settings, o.status, o.results.get("val_acc")) for o in one.outcomes.values()
        ]

    assert told(done) == told(whole)
    assert len(done.outcomes) == 6


@pytest.mark.skipif(find_spec("optuna") is None, reason="optuna is not installed")
def test_a_space_without_more_values_ends_the_plan(tmp_path: Path, watcher: Remembering) -> None:
    with make_folder(tmp_path / "s", "data.limit=300,1", "seed=1", optuna=2) as folder:
        done = go(folder, watcher)
    assert len(done.outcomes) == 1
    assert watcher.warnings == ["no other values are left to be planned: 1 trial of 2"]
    assert watcher.shares[-1] == 1
