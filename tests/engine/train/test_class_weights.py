"""Training with class weights: any number of workers, and an evaluation without them."""

from pathlib import Path

import pytest

from engine.parallel.processes import can_fork
from engine.train import evaluator
from tests.support.small_runs import PLAIN, RICH, Run, make_config, train

WEIGHTED = "train.class_weights=balanced"


def weighted(folder: Path, *overrides: str) -> Run:
    return train(make_config(folder, RICH, WEIGHTED, "train.epochs=2", *overrides))


def test_any_number_of_workers_gives_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = weighted(tmp_path, "train.workers=1")
    assert weighted(tmp_path, "train.workers=3").weights == alone.weights
    monkeypatch.setattr(evaluator, "WORTH_PROCESSES", 0 if can_fork() else 10**12)
    again = weighted(tmp_path, "train.workers=3")
    assert (again.weights, again.history) == (alone.weights, alone.history)


def test_classes_of_one_size_weigh_the_same(tmp_path: Path) -> None:
    """The weights are N / (K * N / K), which is 1 without an error of rounding."""
    even = "data.limit=null", "data.validation=0.9", "train.epochs=1"
    one, other = (train(make_config(tmp_path, PLAIN, *even, *more)) for more in ([], [WEIGHTED]))
    counts = one.session.sources.class_counts.tolist()
    assert len(set(counts)) == 1
    assert one.session.state.provenance.final == other.session.state.provenance.final


def test_they_change_what_is_trained_and_not_how_it_is_evaluated(tmp_path: Path) -> None:
    still = "train.lr=1e-30", "train.epochs=1"
    one, other = (train(make_config(tmp_path, PLAIN, *still, *more)) for more in ([], [WEIGHTED]))
    for name in ("val_loss", "val_acc", "acc"):
        assert one.history[0][name] == other.history[0][name]
    assert one.ended.test == other.ended.test
    assert one.history[0]["loss"] != other.history[0]["loss"]
    assert one.history[0]["grad_norm"] != other.history[0]["grad_norm"]
