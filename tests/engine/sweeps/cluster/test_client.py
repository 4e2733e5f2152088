"""A sweep on a cluster comes to the same end as one on this machine, whatever its workers do."""

import errno
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from engine.errors import ConfigError, MissingPackageError, RunError
from engine.runs import locations
from engine.runs.directory import RunDir
from engine.sweeps.cluster import client, worker
from engine.sweeps.cluster.client import Cluster, connected
from engine.sweeps.folder import SweepFolder
from engine.sweeps.sweep import Sweep
from engine.train import factory
from tests.support.cluster import fake_cluster
from tests.support.patience import wait_until
from tests.support.sweeps import Remembering, ThreadChild, files_of, in_threads, make_folder

needs_dask = pytest.mark.skipif(
    find_spec("distributed") is None, reason="distributed is not installed"
)


@pytest.fixture(autouse=True)
def no_disk() -> Iterator[None]:
    with in_threads():
        yield


@pytest.fixture
def watcher() -> Remembering:
    return Remembering()


def alone(folder: Path, *grid: str) -> dict[str, bytes]:
    with make_folder(folder, *grid) as one:
        Sweep(one, 1, Remembering()).run()
        return files_of(one.path)


def go(folder: SweepFolder, watcher: Remembering, cluster: Cluster, jobs: int = 9) -> Sweep:
    one = Sweep(folder, jobs, watcher, cluster)
    one.run()
    return one


def test_trials_trained_elsewhere_have_the_bits_of_those_trained_here(
    tmp_path: Path, watcher: Remembering
) -> None:
    grid = ("train.lr=0.1,0.2", "seed=1..2")
    with (
        make_folder(tmp_path / "s", *grid) as folder,
        fake_cluster(tmp_path, "tcp://a:1", "tcp://b:1") as (_, cluster, warnings),
    ):
        done = go(folder, watcher, cluster)
    assert [one.status for one in done.outcomes.values()] == ["finished"] * 4
    assert files_of(folder.path) == alone(tmp_path / "alone", *grid)
    assert (watcher.warnings, warnings) == ([], [])
    assert len((folder.path / "reports" / "results.csv").read_text().splitlines()) == 5
    wait_until(lambda: not list((tmp_path / "scratch").iterdir()))


def test_a_run_that_came_back_belongs_here(tmp_path: Path, watcher: Remembering) -> None:
    with (
        make_folder(tmp_path / "s", "seed=1") as folder,
        fake_cluster(tmp_path, "tcp://a:1") as (_, cluster, _),
    ):
        go(folder, watcher, cluster)
    (run,) = folder.runs.iterdir()
    assert locations.is_own(run, RunDir.view(run).read_record())
    config = factory.config_of(run)
    assert (config.runs_dir, config.reports_dir) == (folder.runs, folder.path / "reports")
    assert "scratch" not in (run / "run.json").read_text()


def test_the_trial_of_a_worker_that_is_killed_goes_on_elsewhere(
    tmp_path: Path, watcher: Remembering
) -> None:
    grid = ("seed=1", "train.epochs=3")
    with (
        make_folder(tmp_path / "s", *grid) as folder,
        fake_cluster(tmp_path, "tcp://a:1", "tcp://b:1") as (fake, cluster, _),
        patch.object(ThreadChild, "held", 1),
    ):

        def kill_once_a_checkpoint_is_back(address: str, function: Any) -> None:
            if list(folder.runs.glob("*/checkpoints/step-*")) and "tcp://a:1" in fake.workers:
                del fake.workers["tcp://a:1"]
                ThreadChild.held = None

        fake.on_call = kill_once_a_checkpoint_is_back
        done = go(folder, watcher, cluster)
    assert watcher.begun == [(1, False), (1, True)]
    assert done.outcomes[1].finished
    (warning,) = watcher.warnings
    assert warning.startswith("its process on worker tcp://a:1 is gone (")
    assert files_of(folder.path) == alone(tmp_path / "alone", *grid)
    assert len(list(folder.runs.iterdir())) == 1


def test_a_worker_with_another_version_is_not_used(tmp_path: Path, watcher: Remembering) -> None:
    with (
        make_folder(tmp_path / "s", "seed=1..2") as folder,
        fake_cluster(tmp_path, "tcp://old:1", "tcp://b:1") as (fake, cluster, warnings),
    ):

        def answer(address: str, function: Any, value: Any) -> Any:
            is_old = function is worker.versions and address == "tcp://old:1"
            return {**value, "NumPy": "1.0"} if is_old else value

        fake.answer = answer
        used: set[str] = set()
        fake.on_call = lambda address, function: (
            used.add(address) if function is worker.start else None
        )
        go(folder, watcher, cluster)
    import numpy

    assert used == {"tcp://b:1"}
    assert warnings == [
        "worker tcp://old:1 is not used: it has NumPy 1.0, and here it is "
        f"{numpy.__version__}; install the same one"
    ]


def test_a_worker_that_does_not_answer_yet_is_asked_again(
    tmp_path: Path, watcher: Remembering
) -> None:
    with (
        make_folder(tmp_path / "s", "seed=1") as folder,
        fake_cluster(tmp_path, "tcp://a:1") as (fake, cluster, warnings),
        patch("engine.sweeps.sweep._POLL", 0.001),
    ):
        asked = 0

        def answer(address: str, function: Any, value: Any) -> Any:
            nonlocal asked
            asked += function is worker.versions
            is_first = function is worker.versions and asked == 1
            return OSError("Timed out trying to connect") if is_first else value

        fake.answer = answer
        done = go(folder, watcher, cluster)
    assert done.outcomes[1].finished
    assert asked == 2
    assert warnings == ["tcp://fake:1 has no worker that can be used; waiting for one"]


@pytest.mark.parametrize("is_portable", [True, False])
def test_a_portable_training_gets_the_variables_of_its_worker(
    tmp_path: Path, is_portable: bool
) -> None:
    found: list[object] = []

    class Noting(ThreadChild):
        def __init__(self, post: Any, folder: Any, variables: Any) -> None:
            found.append(variables)
            super().__init__(post, folder, variables)

    with (
        fake_cluster(tmp_path),
        patch.object(worker, "ChildProcess", Noting),
        patch.object(worker.portable, "not_possible", lambda: ""),
        patch.object(worker.portable, "variables", lambda: {"A": "1"}),
    ):
        worker.Trainer(tmp_path / "scratch", str(tmp_path), is_portable).leave()
    assert found == [{"A": "1"} if is_portable else {}]


def test_a_worker_without_cnn_tui_is_said() -> None:
    said = client.difference(ModuleNotFoundError("No module named 'engine'"))
    assert said is not None
    assert said.startswith("it has no cnn-tui, or another one than")


def test_a_full_disk_on_a_worker_fails_its_trial_alone(
    tmp_path: Path, watcher: Remembering
) -> None:
    with (
        make_folder(tmp_path / "s", "seed=1..2") as folder,
        fake_cluster(tmp_path, "tcp://a:1") as (_, cluster, _),
    ):
        with patch.object(ThreadChild, "held", 1):
            watcher.on_epoch = lambda trial: watcher.stop()
            one = Sweep(folder, 1, watcher, cluster)
            watcher.stop = one.stop
            one.run()
        assert one.outcomes[1].status == "stopped"
        with patch.object(worker, "place", side_effect=OSError(errno.ENOSPC, "No space left")):
            done = go(folder, watcher, cluster)
    assert [one.status for one in done.outcomes.values()] == ["failed", "finished"]
    assert done.outcomes[1].reason == "its run cannot be unpacked on the worker: No space left"


def test_a_parcel_that_was_damaged_is_fetched_again(tmp_path: Path, watcher: Remembering) -> None:
    with (
        make_folder(tmp_path / "s", "seed=1") as folder,
        fake_cluster(tmp_path, "tcp://a:1") as (fake, cluster, _),
    ):
        damaged: list[bool] = []

        def answer(address: str, function: Any, value: Any) -> Any:
            if function is worker.news and value.parcel is not None and not damaged:
                damaged.append(True)
                object.__setattr__(value.parcel, "digest", "0" * 64)
            return value

        fake.answer = answer
        done = go(folder, watcher, cluster)
    assert done.outcomes[1].finished
    assert "were changed on their way" in watcher.warnings[0]


def test_a_cluster_without_workers_is_waited_for(tmp_path: Path, watcher: Remembering) -> None:
    with (
        make_folder(tmp_path / "s", "seed=1") as folder,
        fake_cluster(tmp_path) as (fake, cluster, warnings),
        patch("engine.sweeps.sweep._POLL", 0.001),
    ):
        asked = 0

        def nthreads() -> dict[str, int]:
            nonlocal asked
            asked += 1
            if asked > 5:
                fake.workers["tcp://late:1"] = 4
            return dict(fake.workers)

        fake.nthreads = nthreads  # type: ignore[method-assign]
        done = go(folder, watcher, cluster)
    assert done.outcomes[1].finished
    assert warnings == ["tcp://fake:1 has no worker that can be used; waiting for one"]


def test_a_scheduler_that_is_gone_ends_the_sweep_in_a_line(
    tmp_path: Path, watcher: Remembering
) -> None:
    with (
        make_folder(tmp_path / "s", "seed=1") as folder,
        fake_cluster(tmp_path, "tcp://a:1") as (fake, cluster, _),
    ):
        fake.status = "closed"
        with pytest.raises(
            RunError, match=r"the Dask scheduler at tcp://fake:1 is gone \(the conn"
        ):
            go(folder, watcher, cluster)
    assert SweepFolder.open(tmp_path / "s").close() is None


def test_a_trial_is_pruned_on_a_worker(tmp_path: Path, watcher: Remembering) -> None:
    grid = ("train.lr=0.1,0.11,0.12,0.13,0.000001",)
    with (
        make_folder(tmp_path / "s", *grid, prune="median") as folder,
        fake_cluster(tmp_path, "tcp://a:1") as (_, cluster, _),
    ):
        done = go(folder, watcher, cluster)
    assert [one.status for one in done.outcomes.values()] == ["finished"] * 4 + ["pruned"]


def test_a_worker_that_nobody_asks_stops_and_cleans_up(tmp_path: Path) -> None:
    with (
        fake_cluster(tmp_path),
        patch.object(worker, "LEASE", 0.0),
        patch.object(worker, "_LOOK", 0.01),
    ):
        worker.Trainer(tmp_path / "scratch", str(tmp_path), False)
        wait_until(lambda: not list((tmp_path / "scratch").iterdir()))


def test_without_dask_the_package_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.errors.find_spec", lambda name: None)
    with (
        pytest.raises(MissingPackageError, match=r"pip install 'cnn-tui\[cluster\]'"),
        connected("local", 1, print),
    ):
        pass


@needs_dask
@pytest.mark.parametrize(
    ("address", "error", "said"),
    [
        ("tcp://127.0.0.1:1", RunError, r"no Dask scheduler answers \(.*refused"),
        ("10.0.0.1", ConfigError, "expected local, or the address of a Dask scheduler"),
        ("tls://127.0.0.1:1", ConfigError, "there are no certificates"),
    ],
)
def test_a_scheduler_that_cannot_be_reached_is_a_line(
    address: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said), connected(address, 1, print):
        pass
