"""The list of runs, and what may be deleted."""

import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.errors import RunError
from engine.runs.directory import STATUSES, RunDir
from engine.runs.listing import delete_run, list_runs, list_unfinished

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
    found = list_runs(root)
    assert [info.name for info in found] == [f"run-{day}" for day in (6, 5, 4, 3, 2, 1)]
    assert [info.record["day"] for info in found] == [6, 5, 4, 3, 2, 1]
    assert {info.problem for info in found} == {None}
    assert found[-1].status == "interrupted"  # it said running, and nobody holds it
    assert [info.status for info in found[:-1]] == list(reversed(STATUSES[1:]))
    assert found[-1].created == datetime(2025, 1, 1).astimezone(UTC)


def test_a_run_that_ends_while_it_is_looked_at_is_not_interrupted(
    run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends_now(path: Path) -> bool:
        run.write_record({"status": "finished"})
        return False

    monkeypatch.setattr("engine.runs.listing.is_held", ends_now)
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
        patch.setattr("engine.storage.atomic.remove", fail)
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
    assert (info.status, info.record, info.name, info.created) == (
        *(None, {}, "lenet"),
        NOW.astimezone(UTC),
    )
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


# -- which is the newest ---------------------------------------------------------------------------


@pytest.fixture
def local_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """``local_time("UTC-9")`` goes to another time zone."""
    if not hasattr(time, "tzset"):
        pytest.skip("time zones cannot be changed here")

    def go_to(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield go_to
    monkeypatch.undo()
    time.tzset()


def test_runs_from_different_time_zones_come_in_the_order_in_which_they_began(
    tmp_path: Path, local_time: Callable[[str], None]
) -> None:
    began = datetime(2025, 1, 31, 12, 0, tzinfo=UTC)
    for hour, zone in enumerate(["UTC-14", "UTC+12", "UTC", "UTC-9", "UTC+8"]):
        local_time(zone)
        RunDir.create(tmp_path, f"run-{hour}", began + timedelta(hours=hour)).close()
        assert [info.name for info in list_runs(tmp_path)] == [
            f"run-{earlier}" for earlier in range(hour, -1, -1)
        ]
    names = [info.id for info in list_runs(tmp_path)]
    assert names != sorted(names, reverse=True), "the names alone tell another order"


def test_runs_of_one_second_come_in_the_order_in_which_they_began(tmp_path: Path) -> None:
    for i in range(12):
        RunDir.create(tmp_path, f"run-{i}", NOW + timedelta(microseconds=i)).close()
    assert [info.name for info in list_runs(tmp_path)] == [f"run-{i}" for i in range(11, -1, -1)]


def test_the_newest_of_the_runs_that_can_be_resumed_is_the_one_that_began_last(
    tmp_path: Path, local_time: Callable[[str], None]
) -> None:
    """It is the one that ``--resume`` and the app's offer take."""
    began = datetime(2025, 1, 31, 12, tzinfo=UTC)
    for i, zone in enumerate(["UTC-9", "UTC+8", "UTC+8", "UTC"]):
        local_time(zone)
        with RunDir.create(tmp_path, f"run-{i}", began + timedelta(microseconds=i)) as run:
            run.store.save(1, {}, {})
            run.write_record({**run.read_record(), "status": "stopped"})
    assert [info.name for info in list_unfinished(tmp_path)] == ["run-3", "run-2", "run-1", "run-0"]


def test_the_hour_that_comes_twice_is_no_muddle(
    tmp_path: Path, local_time: Callable[[str], None]
) -> None:
    local_time("CET-1CEST,M3.5.0,M10.5.0/3")
    before = datetime(2025, 10, 26, 0, 59, tzinfo=UTC)  # 2:59 in summer time
    for i in range(3):  # then 2:09 and 2:19, an hour later by the sun
        RunDir.create(tmp_path, f"run-{i}", before + timedelta(minutes=10 * i)).close()
    assert [info.name for info in list_runs(tmp_path)] == ["run-2", "run-1", "run-0"]


def test_a_run_without_a_recorded_time_is_placed_by_its_name(
    tmp_path: Path, local_time: Callable[[str], None]
) -> None:
    local_time("UTC-2")
    for name, hour in (("early", 9), ("late", 11)):
        RunDir.create(tmp_path, name, datetime(2025, 1, 31, hour, tzinfo=UTC)).close()
    old = tmp_path / "20250131-120000-old-0000"  # 12 o'clock here is 10 in UTC
    old.mkdir()
    (old / "run.json").write_text('{"status": "finished"}')
    runs = list_runs(tmp_path)
    assert [info.name for info in runs] == ["late", "old", "early"]
    assert runs[1].created == datetime(2025, 1, 31, 10, tzinfo=UTC)


@pytest.mark.parametrize("value", [3, "yesterday", "2025-01-31T12:00:00", "2025-01-31", None, []])
def test_a_time_that_is_none_is_a_broken_record(run: RunDir, value: object) -> None:
    (run.path / "run.json").write_text(json.dumps({"status": "finished", "started": value}))
    (info,) = list_runs(run.path.parent)
    assert (info.problem is None) == (value is None)
    assert info.created == NOW.astimezone(UTC)


# -- links to runs ---------------------------------------------------------------------------------


def test_a_link_to_a_run_is_that_run(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    with RunDir.create(tmp_path / "elsewhere", "far", NOW) as far:
        far.write_record({"status": "stopped"})
    with RunDir.create(root, "near", NOW + timedelta(hours=1)) as near:
        near.write_record({"status": "stopped"})
    (root / far.id).symlink_to(far.path)
    (root / "best").symlink_to(near.path)
    (root / "20250101-000000-link-0000").symlink_to(far.path)
    (root / "20250101-000000-gone-0000").symlink_to(tmp_path / "gone")
    (root / "20250101-000000-loop-0000").symlink_to("20250101-000000-loop-0000")
    (root / "notes").symlink_to(tmp_path)
    assert [(info.id, info.path) for info in list_runs(root)] == [
        (near.id, near.path),
        (far.id, far.path),
    ]
    with RunDir.open(root / "best") as again:
        assert again.path == near.path
        with pytest.raises(RunError, match="in use"):  # there is one lock, whatever the way to it
            RunDir.open(near.path)


def test_deleting_a_link_deletes_nothing(run: RunDir, tmp_path: Path) -> None:
    run.close()
    link = tmp_path / run.id
    link.symlink_to(run.path)
    with pytest.raises(RunError, match="not deleted: it is a link to"):
        delete_run(link)
    assert link.is_symlink()
    assert (run.path / "run.json").exists()
