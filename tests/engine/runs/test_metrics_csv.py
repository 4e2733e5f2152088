"""metrics.csv, as a run directory keeps it: no row doubled, none glued to a torn one."""

import math
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine
from engine.config.schema import MAX_EPOCHS
from engine.errors import RunError
from engine.runs.directory import RunDir

NOW = datetime(2025, 1, 31, 23, 59, 58)


@pytest.fixture
def run(tmp_path: Path):  # type: ignore[no-untyped-def]
    with RunDir.create(tmp_path / "runs", "lenet", NOW) as created:
        yield created


def test_metrics_come_back_exactly(run: RunDir) -> None:
    assert run.read_metrics() == []
    rows: list[dict[str, Any]] = [
        {"epoch": 1, "loss": 0.1 + 0.2, "acc": 0, "lr": np.float32(0.1), "extra": 5},
        {"epoch": 2, "loss": math.nan, "acc": math.inf, "val_acc": None, "grad_norm": 1e-300},
    ]
    for row in rows:
        assert run.append_metrics(row) is None
    one, two = run.read_metrics()
    assert one["epoch"] == 1
    assert isinstance(one["epoch"], int)
    assert (one["loss"], one["acc"], one["lr"]) == (0.1 + 0.2, 0, float(np.float32(0.1)))
    assert (two["loss"], two["acc"], two["val_acc"], two["grad_norm"]) == (None, None, None, 1e-300)
    header, _, line, rest = (run.path / "metrics.csv").read_text().split("\n")
    assert header == "epoch,loss,acc,val_loss,val_acc,lr,seconds,samples_per_s,grad_norm"
    assert line == "2,,,,,,,,1e-300"
    assert rest == ""


def test_a_resumed_run_doubles_no_rows(run: RunDir) -> None:
    for epoch in (1, 2, 3):
        run.append_metrics({"epoch": epoch, "loss": epoch / 3})
    run.close()
    with RunDir.open(run.path) as again:
        assert again.truncate_metrics(1) is None
        again.append_metrics({"epoch": 2, "loss": 9.0})
        rows = [(row["epoch"], row["loss"]) for row in again.read_metrics()]
    assert rows == [(1, 1 / 3), (2, 9.0)]
    assert (run.path / "metrics.csv").read_text().count("\n") == 3


def test_truncating_what_is_not_there_is_harmless(run: RunDir) -> None:
    assert run.truncate_metrics(0) is None
    assert run.read_metrics() == []


def test_of_two_rows_of_an_epoch_the_later_counts(run: RunDir) -> None:
    for loss in (1.0, 2.0):
        run.append_metrics({"epoch": 1, "loss": loss})
    assert [row["loss"] for row in run.read_metrics()] == [2.0]


def test_every_torn_last_line_is_passed_over_and_cut_off(run: RunDir) -> None:
    run.append_metrics({"epoch": 1, "loss": 0.25})
    run.append_metrics({"epoch": 2, "loss": 0.125})
    path = run.path / "metrics.csv"
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        kept = [row["epoch"] for row in run.read_metrics()]
        assert kept == [1, 2][: max(0, whole[:length].count(b"\n") - 1)]
        assert run.append_metrics({"epoch": 3, "loss": 0.5}) is None
        assert [row["epoch"] for row in run.read_metrics()] == [*kept, 3]


def test_damaged_lines_are_passed_over(run: RunDir) -> None:
    header = "epoch,loss,acc,val_loss,val_acc,lr,seconds,samples_per_s,grad_norm\n"
    bad = b"x,1,,,,,,,\n\xff\xfe\n\n1,2\n-1,1,,,,,,,\n" + b"9" * 5000 + b",,,,,,,,\n\0\n"
    good = b"1,nan,inf,1e999,abc,0.5,,,\n"
    (run.path / "metrics.csv").write_bytes(header.encode() + bad + good)
    (row,) = run.read_metrics()
    assert row == dict.fromkeys(header.strip().split(",")) | {"epoch": 1, "lr": 0.5}


def test_metrics_of_an_older_version_are_read_by_column_name(run: RunDir) -> None:
    (run.path / "metrics.csv").write_text("loss,epoch\n0.5,1\n")
    (row,) = run.read_metrics()
    assert (row["epoch"], row["loss"], row["grad_norm"]) == (1, 0.5, None)


def test_metrics_that_cannot_be_written_are_a_warning(
    run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.append_metrics({"epoch": 1})

    def fail(*args: object) -> None:
        raise OSError(28, "No space left on device")

    path = run.path / "metrics.csv"
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("engine.storage.atomic.sync", fail)
        warnings = [run.append_metrics({"epoch": 2}), run.truncate_metrics(0)]
    assert warnings == [f"{path}: not written: No space left on device"] * 2 == run.warnings
    assert path.read_bytes() == before
    assert run.append_metrics({"epoch": 2}) is None
    assert [row["epoch"] for row in run.read_metrics()] == [1, 2]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_metrics_that_are_no_file_are_a_warning(run: RunDir) -> None:
    path = run.path / "metrics.csv"
    path.symlink_to("/dev/full")
    warning = run.append_metrics({"epoch": 1})
    assert warning is not None
    assert warning.startswith(f"{path}: not written: ")
    with pytest.raises(RunError, match=r"metrics.csv: "):
        run.read_metrics()


FULL = """
import resource, sys
from engine.runs.directory import RunDir

run = RunDir.open(sys.argv[1])
run.append_metrics({"epoch": 1})
size = (run.path / "metrics.csv").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 5, size + 5))
print(run.append_metrics({"epoch": 2, "loss": 0.123456789}))
assert (run.path / "metrics.csv").stat().st_size == size
"""


@pytest.mark.skipif(os.name == "nt", reason="needs file size limits")
def test_half_a_row_on_a_full_disk_is_taken_back(run: RunDir) -> None:
    run.close()
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(run.path)],
        env=os.environ | {"PYTHONPATH": str(Path(engine.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{run.path}/metrics.csv: not written: no space for the whole row\n"


@pytest.mark.parametrize("line", ["{},,,,,,,,", "1,,,,,,,,", "\n"])
def test_more_rows_than_there_can_be_epochs_are_not_read(run: RunDir, line: str) -> None:
    path = run.path / "metrics.csv"
    path.write_text(
        "epoch,loss,acc,val_loss,val_acc,lr,seconds,samples_per_s,grad_norm\n"
        + "".join(line.format(i) + "\n" for i in range(MAX_EPOCHS + 1))
    )
    with pytest.raises(RunError, match=r"metrics.csv.*more than 100,000 rows"):
        run.read_metrics()


@pytest.mark.proof
def test_all_epochs_that_there_can_be_are_read(run: RunDir) -> None:
    row = ",".join(["-1.2345678901234567e-100"] * 8)
    text = "".join(f"{i},{row}\n" for i in range(1, MAX_EPOCHS + 1))
    header = "epoch,loss,acc,val_loss,val_acc,lr,seconds,samples_per_s,grad_norm\n"
    (run.path / "metrics.csv").write_text(header + text)
    assert [row["epoch"] for row in run.read_metrics()] == list(range(1, MAX_EPOCHS + 1))
