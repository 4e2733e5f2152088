"""Schedules at their edges: the top and the end of a cycle, drops that are too small, ties."""

import json

import numpy as np
import pytest

from engine.schedulers import (
    CosineAnnealingLR,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
)


def test_milestones_scale_the_base() -> None:
    schedule = MultiStepLR(0.5, [2, 3], gamma=0.1)
    assert [schedule.lr_at(k) for k in range(4)] == pytest.approx([0.5, 0.5, 0.05, 0.005])


def test_a_cosine_of_one_epoch() -> None:
    schedule = CosineAnnealingLR(0.5, T_max=1, eta_min=0.1)
    assert [schedule.lr_at(k) for k in range(3)] == pytest.approx([0.5, 0.1, 0.5])


def test_the_top_of_a_cycle_is_the_base_to_the_last_bit() -> None:
    schedule = OneCycleLR(0.1, 10, pct_start=0.5, div_factor=3.0, final_div_factor=0.003)
    last = 0.1 / 3.0 / 0.003
    assert last + (0.1 - last) != 0.1  # which is how the way down would begin
    assert schedule.lr_at(4) == 0.1


def test_a_rise_of_one_step() -> None:
    schedule = OneCycleLR(1.0, 4, pct_start=0.5, div_factor=10.0, final_div_factor=10.0)
    assert [schedule.lr_at(k) for k in (0, 1, 3)] == pytest.approx([0.1, 1.0, 0.01])


def test_a_cycle_without_a_rise_begins_at_the_top() -> None:
    schedule = OneCycleLR(1.0, 2, pct_start=0.5, div_factor=10.0)
    assert schedule.lr_at(0) == 1.0


def test_a_cycle_without_a_fall_ends_at_the_bottom() -> None:
    schedule = OneCycleLR(1.0, 4, pct_start=1.0, div_factor=10.0, final_div_factor=10.0)
    assert schedule.lr_at(3) == pytest.approx(1.0)
    assert schedule.lr_at(4) == pytest.approx(0.01)


def after_two(lr: float, metrics: tuple[float, float], **options: float | str) -> float:
    schedule = ReduceLROnPlateau(lr, patience=0, factor=0.5, **options)  # type: ignore[arg-type]
    for metric in metrics:
        schedule.observe(metric)
    return schedule.lr(2, 0)


def test_drops_of_no_more_than_1e_minus_8_are_left_out() -> None:
    assert after_two(4e-8, (1.0, 1.0)) == 2e-8
    assert after_two(2e-8, (1.0, 1.0)) == 2e-8
    assert after_two(1e-8, (1.0, 1.0)) == 1e-8


def test_a_metric_at_the_threshold_is_no_improvement() -> None:
    assert after_two(1.0, (1.0, 0.5), threshold=0.5) == 0.5
    assert after_two(1.0, (1.0, 1.5), threshold=0.5, mode="max") == 0.5
    assert after_two(1.0, (1.0, 1.0), threshold=0.0) == 0.5


def test_metrics_and_arguments_of_other_types_become_floats() -> None:
    schedule = ReduceLROnPlateau(1, threshold=0, min_lr=0)
    assert type(schedule.threshold) is type(schedule.min_lr) is float
    schedule.observe(np.float32(1.5))  # type: ignore[arg-type]
    assert json.loads(json.dumps(schedule.state_dict()))["best"] == 1.5
