"""results.csv: one row a run, whoever else is writing."""

import csv
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

import engine
from engine.errors import RunError
from engine.runs.results_csv import COLUMNS, append_result
from engine.storage.locks import Lock


def read_results(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_rows_are_added_in_order_with_all_columns(tmp_path: Path) -> None:
    path = append_result(tmp_path / "reports", {"run": "a", "seed": 7, "val_acc": 0.1 + 0.2})
    append_result(tmp_path / "reports", {"run": "b", "loss": math.nan, "status": "diverged"})
    with path.open(newline="") as file:
        header, one, two = csv.reader(file)
    assert tuple(header) == COLUMNS
    assert dict(zip(header, one, strict=True)) == dict.fromkeys(COLUMNS, "") | {
        "run": "a",
        "seed": "7",
        "val_acc": "0.30000000000000004",
    }
    assert two[header.index("loss")] == ""
    assert [row["status"] for row in read_results(tmp_path / "reports")] == ["", "diverged"]


def test_a_resumed_run_replaces_its_row(tmp_path: Path) -> None:
    for run, epochs in (("a", 1), ("b", 2), ("a", 3)):
        append_result(
            tmp_path, {"run": run, "epochs": epochs, "test_acc": 0.5 if epochs < 3 else None}
        )
    rows = read_results(tmp_path)
    assert [(row["run"], row["epochs"], row["test_acc"]) for row in rows] == [
        ("a", "3", ""),
        ("b", "2", "0.5"),
    ]


def test_columns_and_text_of_others_are_kept(tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_text('run,note\na,"two\nlines, ""quoted"""\nb\n')
    append_result(tmp_path, {"run": "b", "seed": 1})
    append_result(tmp_path, {"run": "c"})
    rows = read_results(tmp_path)
    assert [row["run"] for row in rows] == ["a", "b", "c"]
    assert rows[0]["note"] == 'two\nlines, "quoted"'
    assert rows[1]["seed"] == "1"


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe\0", b"a,b\n1,2\n", b"run,run\n", b'run\n"' + b"x" * 200_000],
    ids=range(4),
)
def test_what_is_no_table_of_runs_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "results.csv"
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"results.csv: not a table of runs; move it") as info:
        append_result(tmp_path, {"run": "a"})
    assert "\n" not in str(info.value)
    assert path.read_bytes() == content


def test_an_empty_file_is_filled(tmp_path: Path) -> None:
    (tmp_path / "results.csv").touch()
    append_result(tmp_path, {"run": "a"})
    assert [row["run"] for row in read_results(tmp_path)] == ["a"]


def test_a_row_without_its_run_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs its run"):
        append_result(tmp_path, {"seed": 1})


def test_a_failed_write_keeps_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append_result(tmp_path, {"run": "a"})

    def fail(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("engine.storage.atomic.replace", fail)
    with pytest.raises(RunError, match=r"results.csv: not written: No space left"):
        append_result(tmp_path, {"run": "b"})
    assert [row["run"] for row in read_results(tmp_path)] == ["a"]


def test_a_lock_that_stays_held_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.runs.results_csv._WAIT", 0.0)
    with (
        Lock(tmp_path / ".results.lock"),
        pytest.raises(RunError, match=rf"not written: in use by process {os.getpid()}"),
    ):
        append_result(tmp_path, {"run": "a"})


WRITER = """
import sys
from engine.runs.results_csv import append_result
for index in range(20):
    append_result(sys.argv[1], {"run": f"{sys.argv[2]}-{index % 10}", "epochs": index})
"""


def test_four_processes_at_once_lose_no_row(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(engine.__file__).parents[1])}
    children = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name], env=environment)
        for name in "abcd"
    ]
    assert [child.wait(60) for child in children] == [0, 0, 0, 0]
    rows = read_results(tmp_path)
    found = sorted((row["run"], row["epochs"]) for row in rows)
    assert found == sorted((f"{name}-{i}", str(i + 10)) for name in "abcd" for i in range(10))
    assert sorted(os.listdir(tmp_path)) == [".results.lock", "results.csv"]


def test_a_table_of_too_many_rows_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_text("run\n" + "a\n" * 100_001)
    with pytest.raises(RunError, match="more than 100,000 rows"):
        append_result(tmp_path, {"run": "b"})
