"""``cnn-tui sweep``: what it says, what it refuses, and where it resumes."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from tests.support.cluster import fake_cluster
from tests.support.command_line import Done, Terminal
from tests.support.small_runs import train
from tests.support.sweeps import TEXT, ThreadChild, files_of, in_threads, trials

needs_optuna = pytest.mark.skipif(find_spec("optuna") is None, reason="optuna is not installed")

GRID = ["--grid", "train.lr=0.1,0.2", "--grid", "seed=1..2"]


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    (tmp_path / "tiny.yaml").write_text(TEXT)
    return Terminal(tmp_path)


@pytest.fixture
def threads() -> Iterator[None]:
    with in_threads():
        yield


def lines(done: Done) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.out.splitlines()]


def only_sweep(terminal: Terminal) -> Path:
    (path,) = terminal.folder.glob("sweeps/*")
    return path


@pytest.mark.usefixtures("threads")
def test_a_sweep_ranks_its_trials_and_gives_the_spread_over_seeds(terminal: Terminal) -> None:
    done = terminal.run_here("sweep", "tiny.yaml", *GRID, "--metric", "test_acc", "--jobs", "2")
    assert done.code == 0, done.err
    rows = [line.split() for line in done.out.splitlines()]
    assert rows[0][:5] == ["trial", "train.lr", "seed", "status", "test_acc"]
    assert sorted(row[0] for row in rows[1:5]) == ["1", "2", "3", "4"]
    found = [float(row[4]) for row in rows[1:5]]
    assert found == sorted(found, reverse=True)
    assert rows[6] == ["values", "seeds", "mean", "test_acc", "±", "std"]
    assert {row[0] for row in rows[7:9]} == {"train.lr=0.1", "train.lr=0.2"}
    assert [row[1:4] for row in rows[7:9]] == [["2", "of", "2"]] * 2
    assert rows[10] == ["setting", "explains", "of", "test_acc"]
    shares = {row[0]: float(row[1].rstrip("%")) for row in rows[11:13]}
    assert set(shares) == {"train.lr", "seed"}
    assert 0 < sum(shares.values()) <= 101
    assert "4 trials; 2 at once" in done.errors
    assert "trial 4 of 4  train.lr=0.2 seed=2  test_acc 0." in done.err
    best = only_sweep(terminal) / "runs"
    assert f"best: trial {rows[1][0]}, {best.relative_to(terminal.folder)}" in done.err
    listed = terminal.run_here("runs", "list", "--runs-dir", str(best), "--json")
    assert len(lines(listed)) == 4


@pytest.mark.usefixtures("threads")
def test_json_has_a_line_for_all_that_happens(terminal: Terminal) -> None:
    done = terminal.run_here("sweep", "tiny.yaml", *GRID[:2], "--json", "--quiet")
    assert (done.code, done.err) == (0, "")
    found = lines(done)
    assert found[0] == {
        "event": "sweep", "folder": str(only_sweep(terminal)), "trials": 2, "left": 2, "jobs": 2,
    }  # fmt: skip
    assert {line["event"] for line in found} >= {"sweep", "trial", "epoch", "end", "summary"}
    (end,) = [line for line in found if line["event"] == "end" and line["trial"] == 2]
    assert end["set"] == {"train.lr": "0.2"}
    assert end["status"] == "finished"
    assert Path(end["run"]).parent == only_sweep(terminal) / "runs"
    assert (found[-1]["finished"], sorted(found[-1]["ranked"])) == (2, [1, 2])
    assert found[-1]["seeds"] == []
    assert found[-1]["importance"] == {}


@pytest.mark.usefixtures("threads")
def test_a_file_describes_a_sweep(terminal: Terminal) -> None:
    (terminal.folder / "sweep.yaml").write_text(
        "sweep:\n  config: tiny.yaml\n  set: {train.epochs: 1}\n"
        "  grid: {train.lr: [0.1, 0.2], seed: 1..3}\n  random: 1\n  jobs: 1\n  metric: loss\n"
    )
    done = terminal.run_here("sweep", "--file", "sweep.yaml", "--json", "--quiet")
    assert done.code == 0, done.err
    first, *_, last = lines(done)
    assert (first["trials"], first["jobs"], last["metric"]) == (3, 1, "loss")
    manifest = json.loads((only_sweep(terminal) / "sweep.json").read_text())
    assert manifest["overrides"] == ["train.epochs=1"]
    assert [trial["set"]["seed"] for trial in manifest["trials"]] == ["1", "2", "3"]


@needs_optuna
@pytest.mark.usefixtures("threads")
def test_a_planned_sweep_says_what_is_pruned_and_goes_on_only_as_it_was(terminal: Terminal) -> None:
    (terminal.folder / "sweep.yaml").write_text(
        "sweep:\n  config: tiny.yaml\n  grid: {train.lr: 'log:0.0001..1.0'}\n"
        "  optuna: 5\n  prune: halving\n  jobs: 1\n  metric: val_loss\n"
    )
    done = terminal.run_here("sweep", "--file", "sweep.yaml", "--folder", "s")
    assert done.code == 0, done.err
    assert "5 trials; 1 at once" in done.errors
    assert "  pruned after epoch 1" in done.err
    rows = [line.split() for line in done.out.splitlines()]
    assert rows[0] == ["trial", "train.lr", "status", "val_loss", "val_acc", "test_acc", "seconds"]
    assert sorted(row[0] for row in rows[1:6]) == ["1", "2", "3", "4", "5"]
    manifest = json.loads((terminal.folder / "s" / "sweep.json").read_text())
    assert (manifest["optuna"], manifest["prune"], manifest["metric"]) == (5, "halving", "val_loss")
    assert {trial["pruned"] for trial in manifest["trials"]} == {None, 1}
    again = terminal.run_here("sweep", "--resume", "s", "--json", "--quiet")
    assert (again.code, lines(again)[-1]["metric"]) == (0, "val_loss")
    changed = terminal.run_here("sweep", "--resume", "s", "--optuna", "6", "--prune", "median")
    assert changed.code == 2
    assert "--optuna was 5, is 6; --prune was halving, is median" in changed.err


@pytest.mark.usefixtures("threads")
def test_a_sweep_on_a_cluster_says_where_it_is_and_how_to_go_on_there(terminal: Terminal) -> None:
    words = ["sweep", "tiny.yaml", "--grid", "train.lr=0.1,1e38", "--dask", "tcp://fake:1"]
    with fake_cluster(terminal.folder, "tcp://a:1") as (_, cluster, _):

        @contextmanager
        def connected(address: str, workers: int, warn: object) -> Iterator[object]:
            assert address == "tcp://fake:1"
            yield cluster

        with patch("engine.sweeps.cluster.client.connected", connected):
            done = terminal.run_here(*words)
    assert done.code == 1, done.err
    assert "2 trials; on the workers of tcp://fake:1" in done.errors
    assert (
        f"cnn-tui sweep --resume sweeps/{only_sweep(terminal).name} --dask tcp://fake:1" in done.err
    )
    rows = [line.split()[:3] for line in done.out.splitlines()]
    assert rows[1:] == [["1", "0.1", "finished"], ["2", "1e38", "diverged"]]


@pytest.mark.skipif(find_spec("distributed") is None, reason="distributed is not installed")
def test_a_cluster_that_cannot_be_reached_is_a_line_and_nothing_is_begun(
    terminal: Terminal,
) -> None:
    done = terminal.run_here("sweep", "tiny.yaml", *GRID, "--dask", "tcp://127.0.0.1:1")
    assert done.code == 1
    assert len(done.errors) == 1
    assert "no Dask scheduler answers" in done.err
    assert terminal.files == ["tiny.yaml"]


def test_without_optuna_a_line_says_what_to_install(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.errors.find_spec", lambda name: None)
    done = terminal.run_here("sweep", "tiny.yaml", "--grid", "train.lr=0.1..0.2", "--optuna", "3")
    assert done.code == 2
    assert "not installed: pip install 'cnn-tui[optuna]'" in done.err
    assert terminal.files == ["tiny.yaml"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tiny.yaml"], "the grid is empty"),
        (["nix.yaml", *GRID], "nix.yaml: no such config"),
        (["tiny.yaml", "--grid", "train.lr=0.1,0.10"], "the same training as trial 1"),
        (["tiny.yaml", "--grid", "seed=1..1000", "--grid", "train.lr=1,2"], "2,000 trials"),
        (["tiny.yaml", *GRID, "--metric", "val_ac"], "Did you mean 'val_acc'?"),
        (["tiny.yaml", *GRID, "--folder", "."], "not empty, nothing was changed"),
        (["--resume", "s", "--folder", "t"], "--resume names the folder already"),
        (["tiny.yaml", "--grid", "train.\x1blr=1"], "expected KEY=VALUE"),
        (["tiny.yaml", "--grid", "train.lr=0.1..0.2"], "take some with --random N or --optuna N"),
        (["tiny.yaml", *GRID, "--random", "2", "--optuna", "2"], "give one of them"),
        (["tiny.yaml", *GRID, "--prune", "median", "--metric", "test_acc"], "training on it"),
        (["tiny.yaml", *GRID, "--prune", "hyperband"], "invalid choice: 'hyperband'"),
        (["--file", "tiny.yaml"], "expected the one key sweep"),
        (["--file", "nix.yaml"], "nix.yaml: cannot be read"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_run(
    terminal: Terminal, arguments: list[str], said: str
) -> None:
    done = terminal.run_here("sweep", *arguments)
    assert done.code == 2
    assert said in done.err
    assert "\x1b" not in done.err
    assert terminal.files == ["tiny.yaml"]


def test_a_missing_data_set_is_said_before_anything_is_run(terminal: Terminal) -> None:
    done = terminal.run_here("sweep", "tiny.yaml", *GRID, "--set", "dataset=mnist")
    assert done.code == 3
    assert not (terminal.folder / "sweeps").exists()


@pytest.mark.usefixtures("threads")
def test_trials_that_diverge_are_said_and_end_it_with_1(terminal: Terminal) -> None:
    done = terminal.run_here("sweep", "tiny.yaml", "--grid", "train.lr=1e38,0.1")
    assert done.code == 1
    assert "diverged: diverged in epoch 1" in done.err
    assert "1 of 2 trials are not finished" in done.err
    rows = [line.split() for line in done.out.splitlines()]
    assert [(row[0], row[2]) for row in rows[1:]] == [("2", "finished"), ("1", "diverged")]


class SignalAtOnce(ThreadChild):
    """Sends the process a signal as soon as a trial is given to a child."""

    def give(self, *arguments: Any) -> None:
        super().give(*arguments)
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.usefixtures("threads")
def test_ctrl_c_saves_and_says_how_to_go_on(terminal: Terminal) -> None:
    text = TEXT.replace("epochs: 2", "epochs: 100000")
    (terminal.folder / "tiny.yaml").write_text(text)
    with patch("engine.sweeps.sweep.ChildProcess", SignalAtOnce):
        done = terminal.run_here("sweep", "tiny.yaml", *GRID, "--jobs", "1")
    assert done.code == 130
    folder = only_sweep(terminal)
    assert f"stopped; resume with:  cnn-tui sweep --resume sweeps/{folder.name}" in done.errors
    assert len((folder / "trials.csv").read_text().splitlines()) == 5
    changed = terminal.run_here("sweep", "--resume", str(folder), *GRID[:2])
    assert changed.code == 2
    assert "--grid was train.lr=0.1,0.2 seed=1,2, is train.lr=0.1,0.2" in changed.err
    assert "the text of the config" not in changed.err
    (terminal.folder / "tiny.yaml").write_text(TEXT)
    changed = terminal.run_here("sweep", "tiny.yaml", "--resume", str(folder))
    assert changed.code == 2
    assert "its sweep is another one: the text of the config is another one" in changed.err


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_killed_and_resumed_it_has_the_bits_of_runs_trained_alone(terminal: Terminal) -> None:
    command = ["sweep", "tiny.yaml", *GRID, "--jobs", "2", "--folder", "s", "--json", "--quiet"]
    process = terminal.start(*command)
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["event"] == "end":
            process.kill()
    terminal.finish(process)
    with in_threads():
        done = terminal.run_here("sweep", "--resume", "s", "--json", "--quiet")
    assert (done.code, done.err) == (0, "")
    assert lines(done)[0]["left"] < 4
    places = {"runs_dir": terminal.folder / "runs", "reports_dir": terminal.folder / "reports"}
    alone = {
        trial.config.name: train(trial.config.model_copy(update=places)).weights
        for trial in trials("train.lr=0.1,0.2", "seed=1..2")
    }
    assert files_of(terminal.folder / "s") == alone
