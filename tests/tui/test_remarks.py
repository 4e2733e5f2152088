import math

from tui.remarks import remark


def _logs(loss: float, val_loss: float, val_acc: float = 0.9) -> dict[str, float]:
    return {"loss": loss, "val_loss": val_loss, "val_acc": val_acc}


def test_nothing_is_said_about_a_run_that_goes_well() -> None:
    history = [_logs(1 / i, 1.1 / i) for i in range(1, 9)]
    assert remark(history, 10) is None
    assert remark([], 10) is None


def test_overfitting_is_seen_when_training_falls_and_validation_does_not() -> None:
    val = [1.0, 0.5, 0.4, 0.45, 0.5, 0.55]
    found = remark([_logs(1 / (i + 1), v) for i, v in enumerate(val)], 10)
    assert found is not None
    assert found[0] == "overfitting"
    assert "no better for 3 epochs, best at 3" in found[1]


def test_a_plateau_of_both_is_not_overfitting() -> None:
    assert remark([_logs(0.5, 0.4), *[_logs(0.5, 0.5)] * 5], 10) is None


def test_chance_is_called_chance() -> None:
    found = remark([_logs(2.3, 2.3, 0.1), _logs(2.3, 2.3, 0.11)], 10)
    assert found is not None
    assert found[0] == "chance"


def test_losses_that_are_no_numbers_are_borne() -> None:
    assert remark([_logs(math.nan, math.nan)] * 5, 10) is None
