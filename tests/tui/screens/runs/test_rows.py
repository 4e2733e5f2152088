"""What the Runs screen shows of runs that are well, odd and broken."""

import math
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.runs.listing import RunInfo, list_runs
from engine.train.weights import SavedWeights
from tests.support.run_makers import CONV, make_run
from tui.screens.runs import rows as run_rows
from tui.state.run_details import RunDetails, read_details


def info(name: str = "net", status: str | None = "finished", **record: object) -> RunInfo:
    path = Path(f"/runs/20260102-030405-{name}-abcd")
    return RunInfo(path, path.name, name, datetime(2026, 1, 2, 3, 4), status, dict(record))  # type: ignore[arg-type]


def words(row: tuple[tuple[str, str], ...]) -> list[str]:
    return [text for text, _ in row]


def test_a_run_of_every_status_has_a_symbol() -> None:
    for status in run_rows.STATES:
        row = words(run_rows.run_row(info(status=status), ""))
        assert row[3][0] in "▶✓■✗"


def test_numbers_come_from_the_record() -> None:
    row = words(
        run_rows.run_row(
            info(best={"val_acc": 0.9}, test={"test_acc": 0.8}, epochs=3, seconds=61.0), "b"
        )
    )
    assert row[0] == "b"
    assert row[2:7] == ["01-02 03:04", "✓ finished", "3", "0.9000", "0.8000"]
    assert row[-1] == "1:01"


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"best": None, "test": [], "epochs": "many", "seconds": "long"},
        {"best": {"val_acc": "high"}, "test": {"test_acc": True}, "dataset": ["x"], "model": 3},
        {"epochs": "\x1b[31m9", "dataset": "[b]x[/b]\u202e", "seed": {"a": 1}, "parameters": "x"},
    ],
)
def test_odd_records_are_shown_as_far_as_they_go(record: dict[str, Any]) -> None:
    row = words(run_rows.run_row(info(**record), ""))
    assert len(row) == len(run_rows.COLUMNS)
    text = " ".join(row) + run_rows.facts(info(**record), None).plain
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_the_filter_wants_every_word_and_sorting_puts_unknowns_last() -> None:
    runs = [
        info("lenet", best={"val_acc": 0.5}, dataset="mnist"),
        info("vgg", dataset="cifar10"),
        info("lenet2", status="diverged", best={"val_acc": 0.9}, dataset="mnist"),
    ]
    assert run_rows.ordered(runs, "newest", "") == runs
    assert run_rows.ordered(runs, "newest", "LENET mnist") == [runs[0], runs[2]]
    assert run_rows.ordered(runs, "newest", "diverged") == [runs[2]]
    assert run_rows.ordered(runs, "val_acc", "") == [runs[2], runs[0], runs[1]]
    assert run_rows.ordered(runs, "test_acc", "") == runs


def test_curves_are_told_apart_by_letters() -> None:
    one = RunDetails(metrics=[{"epoch": 1, "val_acc": 0.5}, {"epoch": 2, "val_acc": None}])
    two = RunDetails(metrics=[{"epoch": 3, "val_acc": 0.7}, {"epoch": 1, "val_acc": 0.6}])
    picture = run_rows.overlay([("a", one), ("b", two), ("c", RunDetails())], "val_acc", log=False)
    assert [series.name for series in picture.series] == ["a", "b"]
    assert [(mark.symbol, mark.x, mark.y) for mark in picture.marks] == [
        ("a", 1.0, 0.5),
        ("b", 3.0, 0.7),
    ]
    assert np.all(np.diff(picture.series[1].x) > 0)
    assert picture.x_end == 3.0


@pytest.mark.parametrize("value", [None, math.nan, math.inf, 1e308, -1e308])
def test_curves_of_odd_numbers(value: float | None) -> None:
    details = RunDetails(metrics=[{"epoch": 1, "loss": value}, {"epoch": None, "loss": 1.0}])
    run_rows.overlay([("", details)], "loss", log=True)


def test_only_what_differs_between_configs_is_listed() -> None:
    one = RunDetails(values={"seed": 1, "train": {"lr": 0.1, "epochs": 3}, "layers": ["Flatten"]})
    two = RunDetails(values={"seed": 1, "train": {"lr": 0.2, "epochs": 3}, "model": "mlp"})
    rows = [words(row) for row in run_rows.compare([("a", one), ("b", two)])]
    assert rows == [
        ["train.lr", "0.1", "0.2"],
        ["layers", "[Flatten]", "–"],
        ["model", "–", "mlp"],
    ]
    assert run_rows.compare([("a", one), ("b", one)]) == []


def test_config_values_are_shown_as_text() -> None:
    nasty = RunDetails(values={"[b]k\x1b": "\u202e[red]v"})
    ((key, value, _),) = (
        words(row) for row in run_rows.compare([("a", nasty), ("b", RunDetails())])
    )
    assert "\x1b" not in key
    assert key.startswith("[b]k")
    assert "\u202e" not in value


def test_broken_weights_say_so() -> None:
    broken = SavedWeights(Path("x/best.npz"), "best", 10, problem="x/best.npz: the file is empty")
    assert "✗ best.npz" in words(run_rows.weights_row(broken))


def test_a_run_is_read_with_all_that_it_has(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    details = read_details(run)
    assert details.problem is None
    assert [row["val_acc"] for row in details.metrics] == [0.5, 0.75, 0.875]
    assert [item.kind for item in details.weights] == ["finished", "best"]
    assert details.values["train"]["lr"] == 0.05


def test_a_run_that_lacks_everything_says_what(tmp_path: Path) -> None:
    run = make_run(tmp_path, config=CONV)
    (run / "config.yaml").write_text("{")
    (run / "weights.npz").write_bytes(b"")
    details = read_details(run)
    assert details.problem is not None
    assert "config" in details.problem
    assert "\n" not in details.problem
    assert details.weights[0].problem is not None
    assert read_details(tmp_path).problem is not None


def test_a_broken_run_is_described_by_its_reason(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    (run / "run.json").write_text("no json")
    (broken,) = list_runs(tmp_path)
    assert "not JSON" in run_rows.facts(broken, None).plain
    assert "✗ broken" in words(run_rows.run_row(broken, ""))
