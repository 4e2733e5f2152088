"""Configs side by side."""

from engine.config import MISSING, differences


def test_only_what_differs_is_listed_in_order() -> None:
    one = {"dataset": "mnist", "train": {"lr": 0.1, "epochs": 3, "scheduler": None}, "seed": 1}
    two = {"dataset": "mnist", "train": {"lr": 0.2, "epochs": 3, "scheduler": {"name": "step"}}}
    assert differences([one, two]) == {
        "train.lr": [0.1, 0.2],
        "train.scheduler": [None, MISSING],
        "seed": [1, MISSING],
        "train.scheduler.name": [MISSING, "step"],
    }


def test_three_configs_and_none_different() -> None:
    config = {"layers": ["Flatten", {"Dense": {"out_features": 10}}], "x": {}}
    assert differences([config, config, {**config}]) == {}
    assert differences([config]) == {}
    assert differences([config, config, {**config, "x": 2}]) == {"x": [{}, {}, 2]}


def test_true_is_not_one_but_one_is_one_point_zero() -> None:
    assert differences([{"x": 1}, {"x": True}]) == {"x": [1, True]}
    assert differences([{"x": 1}, {"x": 1.0}]) == {}
