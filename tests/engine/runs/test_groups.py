"""Groups of runs: what a record says, how they are listed, and the spread over their seeds."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.runs.groups import Place, RunGroup, band, grouped, groups_in, new_id, place_of
from engine.runs.listing import RunInfo, list_runs
from engine.runs.record import check_record


def info(
    seed: int, acc: float = 0.5, *, status: Any = "finished", group: str = "seeds-0000aa"
) -> RunInfo:
    """A run of a group of three, whose first seed is 1."""
    name = f"20250101-00000{seed}-small-000{seed}"
    record = {
        "status": status,
        "seed": seed,
        "group": Place(group, seed, 3).to_json(),
        "test": {"test_acc": acc},
        "best": {"val_acc": None},
    }
    return RunInfo(Path("/r") / name, name, "small", None, status, check_record(record))


def test_a_group_stands_in_one_piece_where_its_newest_run_does() -> None:
    alone = replace(info(2), record={"status": "finished"}, id="alone")
    first, second = info(1), info(2)
    one, other = grouped([second, alone, first])
    assert isinstance(one, RunGroup)
    assert one.runs == (first, second)
    assert other is alone


def test_the_spread_is_that_of_the_sample_over_finished_runs() -> None:
    (group,) = groups_in([info(1, 0.5), info(2, 0.7), info(3, 0.1, status="diverged")])
    assert group.spread("test_acc") == pytest.approx((0.6, 0.1 * 2**0.5, 2))
    assert group.spread("val_acc") is None, "a result that no run has"
    assert group.is_complete
    assert group.summary()["std"] == {"test_acc": pytest.approx(0.1 * 2**0.5)}
    (lone,) = groups_in([info(1), info(2, status="stopped")])
    assert lone.spread("test_acc") is None, "one run has no spread"
    assert not lone.is_complete


def test_of_two_runs_of_one_seed_the_finished_one_counts() -> None:
    copy = replace(info(1, status="interrupted"), id="copy")
    (group,) = groups_in([copy, info(1, 0.5), info(2, 0.7)])
    assert len(group.runs) == 3
    assert [part.status for part in group.parts.values()] == ["finished", "finished"]
    spread = group.spread("test_acc")
    assert spread is not None
    assert spread.n == 2


def test_a_record_without_a_group_is_one_of_a_run_by_itself() -> None:
    assert place_of(check_record({"status": "finished"})) is None
    place = Place(new_id(), 2, 3)
    assert place_of(check_record({"status": "running", "group": place.to_json()})) == place


@pytest.mark.parametrize(
    "wrong",
    [
        {"group": "seeds-0000aa", "index": 4, "size": 3},
        {"group": "seeds-0000aa", "index": 1, "size": 10**9},
        {"group": "seeds-\x1b[2J", "index": 1, "size": 3},
        {"group": "seeds-0000aa", "index": True, "size": 3},
        {"index": 1},
    ],
)
def test_a_damaged_place_makes_a_broken_record(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="group"):
        check_record({"status": "finished", "group": wrong})


def test_copied_runs_keep_their_group(tmp_path: Path) -> None:
    for seed in (1, 2):
        run = tmp_path / "a" / info(seed).id
        run.mkdir(parents=True)
        (run / "run.json").write_text(json.dumps(info(seed).record))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    (group,) = groups_in(list_runs(tmp_path / "b"))
    assert [part.record["seed"] for part in group.runs] == [1, 2]
    assert group.path.parent == tmp_path / "b"


def test_a_band_leaves_out_what_only_one_of_several_runs_has() -> None:
    long = [{"acc": 0.1}, {"acc": 0.4}, {"acc": 0.9}]
    found = band([long, [{"acc": 0.3}, {"acc": float("nan")}]], "acc")
    assert found is not None
    assert found.epochs.tolist() == [1.0]
    np.testing.assert_allclose([found.mean[0], found.std[0]], [0.2, 0.1 * 2**0.5])
    single = band([long], "acc")
    assert single is not None
    assert single.epochs.tolist() == [1.0, 2.0, 3.0]
    assert single.std.tolist() == [0.0, 0.0, 0.0]
    assert band([long], "loss") is None
