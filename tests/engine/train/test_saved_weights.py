"""The files of a run that have weights in them."""

from pathlib import Path

import pytest

from engine.checkpoints import checkpoint
from engine.errors import RunError
from engine.train.weights import list_weights, load_model
from tests.support.small_runs import RICH, STEPS, Stop, make_config, train


def test_a_finished_run_has_all_kinds(tmp_path: Path) -> None:
    run = train(make_config(tmp_path, RICH))
    found = list_weights(run.path)
    assert [item.kind for item in found][:3] == ["finished", "best", "step"]
    finished, best, last = found[:3]
    assert finished.epoch is None
    assert finished.logs == {}
    assert last.epoch == 3
    assert last.global_step == 3 * STEPS
    assert last.logs["val_acc"] == run.session.history[-1]["val_acc"]
    assert best.logs["val_acc"] == max(logs["val_acc"] for logs in run.session.history)
    for item in found:
        assert item.problem is None
        assert item.size == item.path.stat().st_size
        load_model(run.session.config, item.path)


def test_a_run_that_was_stopped_in_its_first_epoch(tmp_path: Path) -> None:
    run = train(make_config(tmp_path, RICH), stop=Stop((0, 1)))
    (only,) = list_weights(run.path)
    assert (only.kind, only.epoch, only.global_step, only.logs) == ("step", 0, 2, {})


def test_what_cannot_be_read_is_listed_with_its_reason(tmp_path: Path) -> None:
    run = train(make_config(tmp_path, RICH))
    (run.path / "weights.npz").write_bytes(b"no weights")
    broken, *others = list_weights(run.path)
    assert broken.kind == "finished"
    assert "weights.npz" in (broken.problem or "")
    assert all(item.problem is None for item in others)


@pytest.mark.parametrize(
    ("key", "value"),
    [("history", [{"val_acc": 10**400}]), ("history", [3]), ("progress", {"epoch": -1}), ("x", 1)],
)
def test_a_state_of_other_types_is_listed_as_odd(tmp_path: Path, key: str, value: object) -> None:
    run = train(make_config(tmp_path, RICH), stop=Stop((0, 1)))
    (only,) = list_weights(run.path)
    saved = checkpoint.load(only.path)
    saved.meta[key] = value
    checkpoint.save(only.path, saved.arrays, saved.meta)
    problem = list_weights(run.path)[0].problem
    assert (problem is None) == (key == "x")
    assert problem is None or f"{only.path}: its state is odd: " in problem


def test_only_run_directories(tmp_path: Path) -> None:
    with pytest.raises(RunError):
        list_weights(tmp_path)
