"""``--resume`` and ``runs verify``, as they are typed."""

import shutil
from pathlib import Path

import pytest

from tests.support.command_line import SMALL, Terminal
from tests.support.patience import wait_until


@pytest.mark.parametrize("verb", ["train", "--no-ui"])
def test_the_same_line_again_goes_on_after_a_kill(tmp_path: Path, verb: str) -> None:
    terminal = Terminal(tmp_path)
    line = [verb, *SMALL, "--set", "train.epochs=40", "--resume"]
    process = terminal.start(*line)
    wait_until(lambda: list(tmp_path.glob("runs/*/checkpoints/step-*")))
    process.kill()
    killed = terminal.finish(process)
    assert "no unfinished run of this config in runs" in killed.err
    again = terminal.start(*line)
    assert again.stderr is not None
    said = [again.stderr.readline() for _ in range(4)]
    again.kill()
    terminal.finish(again)
    assert said[0] == f"resuming the unfinished run {terminal.only_run.name}\n"
    assert said[3].startswith("resumed after ")


def test_the_app_is_not_told_to_resume(tmp_path: Path) -> None:
    done = Terminal(tmp_path).run_here("--resume")
    assert (done.code, len(done.errors)) == (2, 1)
    assert "--resume needs --no-ui" in done.err


@pytest.mark.proof
def test_verify_trains_again(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    assert terminal.run_here("train", *SMALL, "--set", "train.epochs=2").code == 0
    done = terminal.run_here("runs", "verify", "quickstart", "--epochs", "1")
    assert done.code == 0
    assert done.out.splitlines()[-1] == "verified: 1 of 1 hashes are the same"
    wrong = terminal.run_here("runs", "verify", "quickstart", "--epochs", "0")
    assert (wrong.code, len(wrong.errors)) == (2, 1)


@pytest.mark.proof
def test_a_finished_run_is_made_longer(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    scheduler = ("--set", "train.scheduler=null")
    assert terminal.run_here("train", *SMALL, *scheduler, "--set", "train.epochs=2").code == 0
    refused = terminal.run_here("resume", "quickstart", "--set", "train.lr=1")
    assert (refused.code, len(refused.errors)) == (2, 1)
    assert "train.lr: cannot be changed in a run: " in refused.err
    done = terminal.run_here("resume", "quickstart", "--set", "train.epochs=3")
    assert done.code == 0
    assert "train.epochs: 2 → 3\n" in done.err
    assert done.out.startswith("epoch 3/3 ")
    verified = terminal.run_here("runs", "verify", "quickstart")
    assert verified.out.endswith("4 of 4 hashes are the same\n")


@pytest.mark.proof
def test_a_copy_writes_outside_of_itself_only_if_it_is_allowed_to(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    table = "callbacks=[csv_logger: {filepath: table.csv}]"
    assert terminal.run_here("train", *SMALL, "--set", table, "--set", "train.epochs=2").code == 0
    shutil.copytree(terminal.only_run, tmp_path / "copies" / terminal.only_run.name)
    (tmp_path / "table.csv").unlink()
    for options, inside in (([], True), (["--allow-outside-paths"], False)):
        copy = str(tmp_path / "copies" / terminal.only_run.name)
        epochs = ["--set", "train.scheduler.T_max=2", "--set", f"train.epochs={4 - inside}"]
        done = terminal.run_here("resume", copy, *epochs, *options)
        assert done.code == 0, done.err
        assert ("warning: the run was not started here" in done.err) == inside
        assert (tmp_path / "table.csv").exists() != inside
