"""The list of runs, and what may be deleted."""

import os
from datetime import datetime
from pathlib import Path

import pytest

from engine.errors import RunError
from engine.train.rundir import STATUSES, RunDir
from engine.train.runlist import delete_run, list_runs

NOW = datetime(2025, 1, 31, 23, 59, 58)


@pytest.fixture
def run(tmp_path: Path):  # type: ignore[no-untyped-def]
    with RunDir.create(tmp_path / "runs", "lenet", NOW) as created:
        yield created


def test_the_newest_run_comes_first_and_foreign_things_are_passed_over(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    for day, status in enumerate(STATUSES, 1):
        with RunDir.create(root, f"run-{day}", datetime(2025, 1, day)) as run:
            run.write_record({"status": status, "day": day})
    (root / "notes").mkdir()
    (root / "20250101-000000-file-0000").touch()
    (root / "20260101-000000-link-0000").symlink_to(run.path)
    found = list_runs(root)
    assert [info.name for info in found] == [f"run-{day}" for day in (6, 5, 4, 3, 2, 1)]
    assert [info.record["day"] for info in found] == [6, 5, 4, 3, 2, 1]
    assert {info.problem for info in found} == {None}
    assert found[-1].status == "interrupted"  # it said running, and nobody holds it
    assert [info.status for info in found[:-1]] == list(reversed(STATUSES[1:]))
    assert found[-1].created == datetime(2025, 1, 1)


def test_a_run_that_ends_while_it_is_looked_at_is_not_interrupted(
    run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends_now(path: Path) -> bool:
        run.write_record({"status": "finished"})
        return False

    monkeypatch.setattr("engine.train.runlist.is_held", ends_now)
    assert [info.status for info in list_runs(run.path.parent)] == ["finished"]


def test_a_missing_root_has_no_runs_and_an_unreadable_one_is_an_error(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "none") == []
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="Not a directory"):
        list_runs(tmp_path / "file")


def test_a_folder_with_an_impossible_date_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "20259999-999999-a-0000"
    path.mkdir()
    assert [(info.id, info.created) for info in list_runs(tmp_path)] == [(path.name, None)]
    delete_run(path)


def test_delete_removes_the_run_and_nothing_that_it_points_to(run: RunDir, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    (run.path / "link").symlink_to(precious)
    (run.path / "checkpoints").mkdir()
    (run.path / "checkpoints" / "link").symlink_to(precious / "file")
    (run.path / "checkpoints" / "step-00000001.npz").touch()
    run.close()
    delete_run(run.path)
    assert not run.path.exists()
    assert (precious / "file").exists()


def test_a_delete_that_fails_halfway_can_be_repeated(
    run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.close()

    def fail(path: Path) -> None:
        if path.name == ".lock":
            raise OSError(5, "Input/output error")
        path.unlink()

    with monkeypatch.context() as patch:
        patch.setattr("engine.train.durable.remove", fail)
        with pytest.raises(RunError, match="not deleted: Input/output error"):
            delete_run(run.path)
    assert os.listdir(run.path) == [".lock"]
    delete_run(run.path)
    assert not run.path.exists()


BROKEN = {
    "nothing": (None, "no such file"),
    "empty": (b"", "not JSON"),
    "torn": (b'{"status": "runn', "not JSON"),
    "a list": (b"[]", "not the record of a run"),
    "no status": (b"{}", "not the record of a run"),
    "odd status": (b'{"status": ["running"]}', "not the record of a run"),
    "nested": (b"[" * 100_000, "not JSON"),
    "huge": (b" " * (5 << 20), "larger than"),
    "binary": (b"\xff\xfe", "not UTF-8"),
}


@pytest.mark.parametrize(("content", "reason"), BROKEN.values(), ids=BROKEN)
def test_broken_runs_are_listed_with_the_reason_and_can_be_deleted(
    run: RunDir, content: bytes | None, reason: str
) -> None:
    path = run.path / "run.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    run.close()
    (info,) = list_runs(run.path.parent)
    assert info.problem is not None
    assert info.problem.startswith(f"{path}: ")
    assert reason in info.problem
    assert "\n" not in info.problem
    assert (info.status, info.record, info.name, info.created) == (None, {}, "lenet", NOW)
    delete_run(run.path)
    assert list_runs(run.path.parent) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_record_that_is_a_pipe_or_a_link_is_not_waited_for(run: RunDir, tmp_path: Path) -> None:
    path = run.path / "run.json"
    path.unlink()
    os.mkfifo(path)
    assert "not a regular file" in (list_runs(run.path.parent)[0].problem or "")
    path.unlink()
    (tmp_path / "other.json").write_text('{"status": "finished"}')
    path.symlink_to(tmp_path / "other.json")
    assert "symbolic links" in (list_runs(run.path.parent)[0].problem or "")
