"""When the curves give reason to a remark, and when to none; and that every run makes them."""

import math
from pathlib import Path

import pytest

from engine.events import EpochEnded, Logs, Remarked
from engine.train import loop
from engine.train.remarks import new_remarks
from tests.support.small_runs import Stop, make_config, train


def logs(loss: float, val_loss: float, val_acc: float = 0.9, lr: float = 0.1) -> Logs:
    return {"loss": loss, "val_loss": val_loss, "val_acc": val_acc, "lr": lr}


def said(history: list[Logs], classes: int = 10) -> list[tuple[int, str]]:
    """Epoch and rule of all that is said on the way."""
    return [
        (end, rule)
        for end in range(1, len(history) + 1)
        for rule, _ in new_remarks(history[:end], classes)
    ]


def of_accuracies(*accuracies: float) -> list[Logs]:
    return [logs(2.3, 2.3, accuracy) for accuracy in accuracies]


def test_nothing_is_said_about_a_run_that_goes_well() -> None:
    assert said([logs(1 / i, 1.1 / i) for i in range(1, 9)]) == []
    assert new_remarks([], 10) == []


def test_overfitting_is_seen_when_training_falls_and_validation_does_not() -> None:
    val = [1.0, 0.5, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7]
    history = [logs(1 / (i + 1), v) for i, v in enumerate(val)]
    assert said(history) == [(6, "overfitting")]
    ((_, words),) = new_remarks(history[:6], 10)
    assert "no better for 3 epochs, best at 3" in words


def test_overfitting_that_comes_back_is_said_again() -> None:
    val = [0.4, 0.5, 0.5, 0.5, 0.3, 0.5, 0.5, 0.5]
    assert said([logs(1 / (i + 1), v) for i, v in enumerate(val)]) == [
        (4, "overfitting"),
        (8, "overfitting"),
    ]


def test_a_plateau_of_both_is_not_overfitting() -> None:
    assert said([logs(0.5, 0.4), *[logs(0.5, 0.5)] * 5]) == []


def test_a_validation_that_suffers_from_a_raised_rate_is_not_overfitting() -> None:
    val = [1.0, 0.4, 0.6, 0.6, 0.6, 0.6]
    rates = [0.1, 0.1, 0.4, 0.4, 0.4, 0.4]
    history = [
        logs(1 / (i + 1), v, 0.5, r) for i, (v, r) in enumerate(zip(val, rates, strict=True))
    ]
    assert said(history) == []


def test_a_network_at_chance_does_not_overfit() -> None:
    val = [2.3, 2.5, 2.6, 2.7, 2.8]
    assert said([logs(2.3 - i / 100, v, 0.1) for i, v in enumerate(val)]) == [(2, "chance")]


def test_chance_is_called_chance_once() -> None:
    assert said(of_accuracies(0.1, 0.11, 0.1, 0.1)) == [(2, "chance")]


def test_a_network_that_gets_off_chance_late_is_left_alone() -> None:
    assert said(of_accuracies(0.1, 0.1, 0.5, 0.6, 0.7)) == [(2, "chance")]


def test_one_bad_epoch_is_no_collapse() -> None:
    assert said(of_accuracies(0.5, 0.1, 0.6)) == []


@pytest.mark.parametrize("good", [0.16, 0.5, 0.99])
def test_a_collapse_is_said_after_one_good_epoch(good: float) -> None:
    history = of_accuracies(good, *[0.1] * 7)
    assert said(history) == [(3, "collapse")]
    ((_, words),) = new_remarks(history[:3], 10)
    assert words.startswith(f"val_acc fell to chance (10.0%) from {good:.1%} in epoch 1")


def test_a_collapse_after_a_good_epoch_in_between_is_said_again() -> None:
    assert said(of_accuracies(0.9, 0.1, 0.1, 0.1, 0.8, 0.1, 0.1, 0.1)) == [
        (3, "collapse"),
        (7, "collapse"),
    ]
    assert said(of_accuracies(0.1, 0.1, 0.8, 0.1, 0.1)) == [(2, "chance"), (5, "collapse")]


def test_losses_that_are_no_numbers_are_borne() -> None:
    assert said([logs(math.nan, math.nan)] * 5) == []


def test_a_run_makes_the_remarks_after_the_epoch_that_gives_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "new_remarks", lambda history, classes: _count(history, classes))
    found = train(make_config(tmp_path))
    kinds = [e for e in found.events if isinstance(e, EpochEnded | Remarked)]
    assert [type(event) for event in kinds] == [EpochEnded, Remarked] * 3
    assert [e for e in kinds if isinstance(e, Remarked)] == [
        Remarked(rule="count", message=f"{n} of 10", epoch=n) for n in (1, 2, 3)
    ]


def _count(history: list[Logs], classes: int) -> list[tuple[str, str]]:
    return [("count", f"{len(history)} of {classes}")]


def test_a_resumed_run_says_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was said before the cut is not said again: the rules see the whole history."""
    seen: list[int] = []
    monkeypatch.setattr(
        loop, "new_remarks", lambda history, classes: seen.append(len(history)) or []
    )
    config = make_config(tmp_path)
    cut = train(config, stop=Stop((1, 2)))
    train(config, resume=cut.path)
    assert seen == [1, 2, 3]
