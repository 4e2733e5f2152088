"""What the lessons say of their trainings is what happens."""

from pathlib import Path

import numpy as np
import pytest

from engine.config import Config
from engine.train import factory
from engine.workbench import FAULTS, Workbench
from tests.support.small_runs import Run, train
from tui.lessons import find, read

pytestmark = pytest.mark.proof


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _configs(lesson: str) -> list[Config]:
    """The configs that a lesson trains, in their order."""
    return [step.config() for step in read(find(lesson)).steps if step.trains]


def _last(run: Run, name: str) -> float:
    return run.history[-1][name]


def test_a_filter_finds_upper_edges() -> None:
    (config,) = _configs("1")
    run = train(config)
    assert run.ended.test["test_acc"] > 0.95
    state = run.session.state
    assert state is not None
    conv = dict(state.trainer.model.named_layers())["0"]
    assert sum(array.size for array in conv.params.values()) == 156
    images, _ = run.session.sources.test.load(np.arange(100))
    found = []
    for image, maps in zip(images, conv.forward(images), strict=True):
        row, column = np.unravel_index(np.argmax(maps[0]), maps[0].shape)
        window = np.pad(image[0], 2)[row : row + 5, column : column + 5]
        found.append(window[:2].mean() < window[2:].mean() - 0.2)
        if len(found) == 1:
            assert (window[:2] < 0).all()
            assert (window[2:] > 1).all()
    assert np.mean(found) > 0.9


def test_quiet_mistakes_are_noticed_by_the_gradient_check_alone() -> None:
    (config,) = _configs("2")
    dataset = factory.load_dataset(config)
    losses, passed = {}, {}
    for name in ("", "sign", "term", "labels"):
        bench = Workbench(config, dataset)
        bench.train(113)  # one epoch
        if name:
            bench.apply(FAULTS[name])
        losses[name] = bench.train(30)[-1]
        passed[name] = bench.check_gradients().passed
    assert passed == {"": True, "sign": False, "term": False, "labels": True}
    assert losses["sign"] > 10
    assert losses["term"] < losses[""] + 0.2
    assert losses["labels"] > 2


def test_a_learning_rate_is_right_too_large_or_too_small() -> None:
    right, large, small = map(train, _configs("3"))
    assert _last(right, "val_acc") > 0.9
    assert {round(logs["val_acc"], 1) for logs in large.history} == {0.1}
    assert _last(large, "val_loss") == pytest.approx(np.log(10), abs=0.05)
    assert 0.15 < _last(small, "val_acc") < 0.5
    falling = [logs["loss"] for logs in small.history]
    assert falling == sorted(falling, reverse=True)


def test_dropout_lowers_the_loss_on_new_digits_and_data_does_more() -> None:
    plain, dropout, more = map(train, _configs("4"))
    assert _last(plain, "acc") == 1
    assert _last(plain, "val_acc") < 0.9
    best = int(np.argmin([logs["val_loss"] for logs in plain.history]))
    assert best < 6
    assert _last(plain, "val_loss") == pytest.approx(0.67, abs=0.05)
    assert _last(dropout, "val_loss") == pytest.approx(0.38, abs=0.05)
    assert _last(dropout, "val_acc") > _last(plain, "val_acc")
    assert all(logs["loss"] > logs["val_loss"] for logs in dropout.history[2:12])
    assert _last(more, "val_acc") == pytest.approx(0.95, abs=0.02)


def test_batch_norm_makes_a_large_learning_rate_work() -> None:
    without, with_norm, other = _configs("5")
    assert _last(train(without), "val_acc") == pytest.approx(0.1, abs=0.03)
    assert train(with_norm).history[0]["val_acc"] > 0.9
    smaller = replace_lr(without, 0.05)
    assert _last(train(smaller), "val_acc") > 0.9
    assert _last(train(replace_lr(with_norm, 0.05)), "val_acc") > 0.9
    bench = Workbench(other, factory.load_dataset(other))
    bench.train(113)
    bench.apply(FAULTS["norm"])
    assert bench.check_gradients().passed


def replace_lr(config: Config, lr: float) -> Config:
    return config.model_copy(update={"train": config.train.model_copy(update={"lr": lr})})
