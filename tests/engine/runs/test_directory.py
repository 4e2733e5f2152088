"""Run directories: one folder a run, one writer, and what is written can be read again."""

import json
import math
import os
import secrets
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

import engine
from engine.errors import RunError
from engine.runs.directory import RunDir
from engine.runs.listing import delete_run, list_runs

NOW = datetime(2025, 1, 31, 23, 59, 58)
HOLD = """
import sys
from engine.runs.directory import RunDir
run = RunDir.open(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def run(tmp_path: Path):  # type: ignore[no-untyped-def]
    with RunDir.create(tmp_path / "runs", "lenet", NOW) as created:
        yield created


def held_by_another_process(path: Path) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        env=os.environ | {"PYTHONPATH": str(Path(engine.__file__).parents[1])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    return child


def end(child: subprocess.Popen[str], *, kill: bool = False) -> None:
    if kill:
        child.send_signal(signal.SIGKILL)
    child.communicate()


# Creating and opening


def test_create_names_the_folder_and_records_it_as_running(run: RunDir, tmp_path: Path) -> None:
    assert run.path.parent == tmp_path / "runs"
    assert run.id.startswith("20250131-235958-lenet-")
    assert len(run.id.rpartition("-")[2]) == 4
    assert run.read_record()["status"] == "running"
    assert run.store.folder == run.path / "checkpoints"


def test_runs_of_one_second_get_folders_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = iter(["aaaa", "aaaa", "aaaa", "bbbb"])
    real = secrets.token_hex
    monkeypatch.setattr(secrets, "token_hex", lambda n: next(taken) if n == 2 else real(n))
    with RunDir.create(tmp_path, "a", NOW) as one, RunDir.create(tmp_path, "a", NOW) as two:
        assert (one.id, two.id) == ("20250131-235958-a-aaaa", "20250131-235958-a-bbbb")


def test_when_every_name_is_taken_it_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = secrets.token_hex
    monkeypatch.setattr(secrets, "token_hex", lambda n: "aaaa" if n == 2 else real(n))
    with (
        RunDir.create(tmp_path, "a", NOW),
        pytest.raises(RunError, match="100 names tried, all are taken"),
    ):
        RunDir.create(tmp_path, "a", NOW)


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "..", "a b", "a" * 65, "ä", "a\n", "[red]"])
def test_names_are_checked(tmp_path: Path, name: str) -> None:
    with pytest.raises(RunError, match="run name") as info:
        RunDir.create(tmp_path, name)
    assert "\n" not in str(info.value)
    assert os.listdir(tmp_path) == []


def test_a_root_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="runs: cannot make a run: "):
        RunDir.create(tmp_path / "file" / "runs", "a")


def test_a_run_that_cannot_be_recorded_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("engine.storage.atomic.replace", fail)
    with pytest.raises(RunError, match="No space left"):
        RunDir.create(tmp_path, "a", NOW)
    assert os.listdir(tmp_path) == []


def test_open_sweeps_and_goes_on(run: RunDir) -> None:
    litter = run.path / ".cnn-tui-9999999999-01234567.tmp"
    litter.touch()
    run.close()
    with RunDir.open(run.path) as again:
        assert not litter.exists()
        again.write_record({"status": "finished"})


@pytest.mark.parametrize("make", ["missing", "file", "foreign", "link", "misnamed"])
def test_what_is_no_run_directory_is_neither_opened_nor_deleted(
    run: RunDir, tmp_path: Path, make: str
) -> None:
    run.close()
    path = run.path.with_name("20250131-235958-other-0000")
    if make == "file":
        path.touch()
    elif make == "foreign":
        path.mkdir()
        (path / "thesis.txt").touch()
    elif make == "link":
        (tmp_path / "thesis").mkdir()
        path.symlink_to(tmp_path / "thesis")
    elif make == "misnamed":
        path = path.with_name("thesis")
        path.mkdir()
        (path / "run.json").touch()
    for action in (RunDir.open, RunDir.view, delete_run):
        with pytest.raises(RunError, match=r"run directory|a link to"):
            action(path)
    assert (run.path / "run.json").exists()
    assert make == "missing" or path.exists()


# The lock


def test_a_second_writer_is_refused_and_told_the_process(run: RunDir) -> None:
    with pytest.raises(RunError, match=rf"in use by process {os.getpid()}; stop it first"):
        RunDir.open(run.path)
    run.close()
    child = held_by_another_process(run.path)
    try:
        with pytest.raises(RunError, match=rf"in use by process {child.pid}; stop it first"):
            RunDir.open(run.path)
        with pytest.raises(RunError, match="stop it first"):
            delete_run(run.path)
    finally:
        end(child)
    RunDir.open(run.path).close()


def test_a_killed_writer_leaves_an_interrupted_run_that_can_be_opened(run: RunDir) -> None:
    run.close()
    child = held_by_another_process(run.path)
    assert [info.status for info in list_runs(run.path.parent)] == ["running"]
    end(child, kill=True)
    assert [info.status for info in list_runs(run.path.parent)] == ["interrupted"]
    RunDir.open(run.path).close()


def test_looking_does_not_keep_a_writer_out(run: RunDir) -> None:
    run.close()
    for _ in range(20):
        list_runs(run.path.parent)
        RunDir.open(run.path).close()


def test_a_lock_that_is_a_link_is_not_followed(run: RunDir, tmp_path: Path) -> None:
    run.close()
    mine = tmp_path / "mine"
    mine.write_text("mine")
    (run.path / ".lock").unlink()
    (run.path / ".lock").symlink_to(mine)
    with pytest.raises(RunError, match="cannot be locked"):
        RunDir.open(run.path)
    assert mine.read_text() == "mine"


def test_a_view_reads_and_does_not_write(run: RunDir) -> None:
    run.write_config("dataset: mnist\n")
    run.append_metrics({"epoch": 1, "loss": 0.5})
    view = RunDir.view(run.path)
    assert view.read_config() == "dataset: mnist\n"
    assert view.read_metrics()[0]["loss"] == 0.5
    run.close()
    for closed in (view, run):
        with pytest.raises(RunError, match="open for reading only"):
            closed.write_record({"status": "finished"})
        with pytest.raises(RunError, match="open for reading only"):
            closed.append_metrics({"epoch": 2})
        with pytest.raises(RunError, match="open for reading only"):
            closed.truncate_metrics(0)


# Record and config


def test_the_record_is_json_without_nan(run: RunDir) -> None:
    run.write_record(
        {"status": "diverged", "best": {"acc": math.inf, "lr": 0.1}, "deep": [math.nan, -math.inf]}
    )
    wanted = {"status": "diverged", "best": {"acc": None, "lr": 0.1}, "deep": [None, None]}
    assert run.read_record() == wanted
    assert json.loads((run.path / "run.json").read_text(), parse_constant=pytest.fail) == wanted


@pytest.mark.parametrize("record", [{}, {"status": "done"}, {"status": None}])
def test_the_record_needs_a_known_status(run: RunDir, record: dict) -> None:
    with pytest.raises(ValueError, match="expected one of"):
        run.write_record(record)
    assert run.read_record()["status"] == "running"


def test_a_record_that_cannot_be_written_keeps_the_old_one(
    run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("engine.storage.atomic.sync", fail)
    with pytest.raises(RunError, match=r"run.json: not written: No space left"):
        run.write_record({"status": "finished"})
    assert run.read_record()["status"] == "running"
