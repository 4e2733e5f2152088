"""Schedules: sequences by hand, live changes of the base, states, and errors that teach."""

import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from engine.errors import CheckpointError
from engine.schedulers import (
    SCHEDULERS,
    CosineAnnealingLR,
    ExponentialLR,
    FixedLR,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
    Scheduler,
    StepLR,
    TriangleLR,
    Warmup,
)
from engine.schedulers.scheduler import register

MAKE: dict[str, Callable[[float], Scheduler]] = {
    "fixed": FixedLR,
    "step": lambda lr: StepLR(lr, 3, 0.5),
    "multi_step": lambda lr: MultiStepLR(lr, [2, 5], 0.1),
    "exponential": lambda lr: ExponentialLR(lr, 0.9),
    "cosine": lambda lr: CosineAnnealingLR(lr, 10),
    "one_cycle": lambda lr: OneCycleLR(lr, 20),
    "triangle": lambda lr: TriangleLR(lr, 20),
    "plateau": lambda lr: ReduceLROnPlateau(lr, patience=1, cooldown=2),
    "warm-up": lambda lr: Warmup(StepLR(lr, 3, 0.5), 4, 0.1),
    "warm-up of plateau": lambda lr: Warmup(ReduceLROnPlateau(lr, patience=1), 4, 0.1),
}
every_schedule = pytest.mark.parametrize("name", MAKE)


def by_epoch(scheduler: Scheduler, n: int) -> list[float]:
    return [scheduler.lr(epoch, step=0) for epoch in range(n)]


def by_step(scheduler: Scheduler, n: int) -> list[float]:
    return [scheduler.lr(epoch=0, step=step) for step in range(n)]


def close(expected: list[float]) -> Any:
    return pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_every_schedule_has_a_row() -> None:
    for name, kind in SCHEDULERS.items():
        assert type(MAKE[name](0.1)) is kind


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_schedule_can_be_made_from_the_values_that_a_form_starts_with(name: str) -> None:
    kind = SCHEDULERS[name]
    options = kind.Options(name=name, **kind.Options.starting_values(epochs=10))
    schedule = kind(**options.arguments(lr=0.1, epochs=10, steps_per_epoch=4))
    assert schedule.base_lr == 0.1
    assert all(0 <= schedule.lr(epoch, 4 * epoch) <= 0.1 for epoch in range(10))


def test_a_name_is_registered_once() -> None:
    with pytest.raises(ValueError, match="there are two schedules named step"):
        register("step")(FixedLR)


def test_step_by_hand() -> None:
    rates = by_epoch(StepLR(0.8, step_size=2, gamma=0.5), 7)
    assert rates == close([0.8, 0.8, 0.4, 0.4, 0.2, 0.2, 0.1])
    assert StepLR(1.0, 1).lr_at(1) == pytest.approx(0.1)


def test_multi_step_by_hand() -> None:
    rates = by_epoch(MultiStepLR(1.0, milestones=[4, 1, 4], gamma=0.5), 6)
    assert rates == close([1, 0.5, 0.5, 0.5, 0.125, 0.125])


def test_exponential_by_hand() -> None:
    assert by_epoch(ExponentialLR(2.0, gamma=0.5), 4) == close([2, 1, 0.5, 0.25])


def test_cosine_by_hand() -> None:
    half = math.sqrt(0.5) / 2
    rates = by_epoch(CosineAnnealingLR(1.0, T_max=4), 6)
    assert rates == close([1, 0.5 + half, 0.5, 0.5 - half, 0, 0.5 - half])
    assert CosineAnnealingLR(1.0, T_max=4, eta_min=0.2).lr_at(2) == pytest.approx(0.6)


def test_one_cycle_by_hand() -> None:
    # Eleven steps, the top at step 0.5 * 11 - 1 = 4.5, the end at step 10.
    schedule = OneCycleLR(1.0, 11, pct_start=0.5, div_factor=10, final_div_factor=100)
    rates = by_step(schedule, 11)
    assert rates[0] == pytest.approx(0.1)
    assert rates[3] == pytest.approx(0.1 + 0.9 * (1 - math.cos(math.pi * 3 / 4.5)) / 2)
    assert rates[5] == pytest.approx(0.001 + 0.999 * (1 + math.cos(math.pi * 0.5 / 5.5)) / 2)
    assert rates[10] == pytest.approx(0.001)
    assert max(rates) == rates[5]


@pytest.mark.parametrize("total", [1, 2, 3, 4, 10])
@pytest.mark.parametrize("pct_start", [0.0, 0.1, 0.3, 0.5, 1.0])
def test_one_cycle_of_very_short_runs(total: int, pct_start: float) -> None:
    schedule = OneCycleLR(1.0, total, pct_start=pct_start)
    for rate in by_step(schedule, total + 1):
        assert 0 < rate <= 1


def test_one_cycle_ends() -> None:
    schedule = OneCycleLR(1.0, 10)
    schedule.lr_at(10)
    with pytest.raises(ValueError, match="step 11 of 10"):
        schedule.lr_at(11)


def test_triangle_by_hand() -> None:
    # Three of ten steps go up, from 0.2 to 1; seven go down to 0.3.
    rates = by_step(TriangleLR(2.0, 10, start=0.2, pct_start=0.39, end=0.3), 13)
    up = [0.4, 0.4 + 1.6 / 3, 0.4 + 3.2 / 3]
    assert rates == close([*up, *(2 - 0.2 * k for k in range(8)), 0.6, 0.6])
    assert by_step(TriangleLR(1.0, 1, end=0.5), 3) == close([1, 0.5, 0.5])
    assert by_step(TriangleLR(1.0, 2, pct_start=0.0, end=0.0), 3) == close([1, 0.5, 0])
    with pytest.raises(ValueError, match="pct_start"):
        TriangleLR(1.0, 2, pct_start=1.0)
    with pytest.raises(ValueError, match="total_steps"):
        TriangleLR(1.0, 0)


def test_warm_up_by_hand() -> None:
    schedule = Warmup(FixedLR(1.0), steps=4, start_factor=0.2)
    assert by_step(schedule, 7) == close([0.2, 0.4, 0.6, 0.8, 1, 1, 1])


def test_warm_up_multiplies_the_schedule_of_epochs() -> None:
    schedule = Warmup(StepLR(1.0, step_size=1, gamma=0.5), steps=4, start_factor=0.2)
    rates = [schedule.lr(epoch=step // 3, step=step) for step in range(9)]
    assert rates == close([0.2, 0.4, 0.6, 0.4, 0.5, 0.5, 0.25, 0.25, 0.25])


def test_warm_up_passes_metrics_on() -> None:
    schedule = Warmup(ReduceLROnPlateau(1.0, patience=0, factor=0.5), steps=4, start_factor=0.5)
    for metric in (1.0, 2.0):
        schedule.observe(metric)
    assert schedule.lr(epoch=2, step=0) == 0.25
    assert schedule.lr(epoch=2, step=4) == 0.5


def test_warm_up_does_not_go_on_top_of_one_cycle() -> None:
    with pytest.raises(ValueError, match="OneCycleLR has a rise of its own"):
        Warmup(OneCycleLR(0.1, 100), steps=10)
    with pytest.raises(ValueError, match="not supported"):
        Warmup(Warmup(FixedLR(0.1), steps=10), steps=10)


def plateau_rates(metrics: list[float], **options: Any) -> list[float]:
    schedule = ReduceLROnPlateau(1.0, **({"factor": 0.5} | options))
    rates = []
    for epoch, metric in enumerate(metrics):
        schedule.observe(metric)
        rates.append(schedule.lr(epoch + 1, step=0))
    return rates


def test_plateau_waits_for_patience() -> None:
    rates = plateau_rates([5, 4, 4, 4, 4, 4, 4], patience=2)
    assert rates == [1, 1, 1, 1, 0.5, 0.5, 0.5]


def test_plateau_of_a_metric_that_should_rise() -> None:
    assert plateau_rates([1, 2, 3, 2, 2], mode="max", patience=1) == [1, 1, 1, 1, 0.5]


def test_plateau_improvements_within_the_threshold_do_not_count() -> None:
    assert plateau_rates([1.0, 0.95, 0.92], patience=1, threshold=0.1) == [1, 1, 0.5]
    assert plateau_rates([1.0, 0.95, 0.89], patience=1, threshold=0.1) == [1, 1, 1]
    rising = {"mode": "max", "patience": 1, "threshold": 0.1}
    assert plateau_rates([1.0, 1.05, 1.08], **rising) == [1, 1, 0.5]
    assert plateau_rates([1.0, 1.05, 1.11], **rising) == [1, 1, 1]


def test_plateau_cools_down() -> None:
    assert plateau_rates([1] * 8, patience=0, cooldown=2) == [
        1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125,
    ]  # fmt: skip


def test_plateau_stops_at_the_lowest_rate() -> None:
    assert plateau_rates([1] * 5, patience=0, min_lr=0.3) == [1, 0.5, 0.3, 0.3, 0.3]


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_plateau_takes_no_nonsense_for_an_improvement(bad: float, mode: str) -> None:
    assert plateau_rates([bad, bad, bad], patience=1, mode=mode) == [1, 0.5, 0.5]
    assert plateau_rates([1, bad, bad], patience=1, mode=mode) == [1, 1, 0.5]


@every_schedule
def test_a_new_base_scales_the_rest_of_the_schedule(name: str) -> None:
    changed, fresh = MAKE[name](0.1), MAKE[name](0.3)
    for schedule in (changed, fresh):
        for metric in (1.0, 2.0, 3.0):
            schedule.observe(metric)
    changed.set_base_lr(0.3)
    assert changed.base_lr == 0.3
    for k in range(12):
        assert changed.lr(k, k) == pytest.approx(fresh.lr(k, k), rel=1e-12)


def test_a_new_base_is_exact_before_the_first_drop() -> None:
    schedule = ReduceLROnPlateau(0.1)
    schedule.set_base_lr(0.3)
    assert schedule.lr(0, 0) == 0.3


@every_schedule
@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_impossible_bases(name: str, bad: float) -> None:
    with pytest.raises(ValueError, match="base_lr must be a finite number above 0"):
        MAKE[name](bad)
    schedule = MAKE[name](0.1)
    with pytest.raises(ValueError, match="base_lr"):
        schedule.set_base_lr(bad)
    assert schedule.base_lr == 0.1


@every_schedule
def test_each_schedule_looks_at_its_own_interval(name: str) -> None:
    schedule = MAKE[name](0.1)
    if schedule.interval == "epoch":
        assert all(schedule.lr(k, 0) == schedule.lr(k, 9) for k in range(9))
    elif not isinstance(schedule, Warmup):
        assert all(schedule.lr(0, k) == schedule.lr(9, k) for k in range(9))


@every_schedule
def test_asking_changes_nothing_and_rates_are_floats(name: str) -> None:
    schedule = MAKE[name](1)
    before = schedule.state_dict()
    rates = [schedule.lr(k, k) for k in (5, 3, 9, 3, 5)]
    assert rates[0] == rates[4]
    assert rates[1] == rates[3]
    assert all(type(rate) is float for rate in rates)
    assert schedule.state_dict() == before


@every_schedule
@pytest.mark.parametrize("seen", [[], [math.nan], [3.0, 2.0, 2.5, math.nan, 4.0]])
def test_state_survives_json_and_goes_on(name: str, seen: list[float]) -> None:
    schedule = MAKE[name](0.1)
    schedule.set_base_lr(0.07)
    for metric in seen:
        schedule.observe(metric)
    state = json.loads(json.dumps(schedule.state_dict(), allow_nan=False))
    restored = MAKE[name](0.1)
    restored.load_state_dict(state)
    for k in range(10):
        assert restored.lr(k, k) == schedule.lr(k, k)
        for both in (schedule, restored):
            both.observe(2.4)
    assert restored.state_dict() == schedule.state_dict()


def test_states_of_another_schedule_are_refused() -> None:
    with pytest.raises(CheckpointError, match=r"StepLR has base_lr, got bad_epochs, base_lr, best"):
        StepLR(0.1, 3).load_state_dict(ReduceLROnPlateau(0.1).state_dict())
    with pytest.raises(CheckpointError, match=r"ReduceLROnPlateau has bad_epochs.*got nothing"):
        ReduceLROnPlateau(0.1).load_state_dict({})
    with pytest.raises(CheckpointError, match="Warmup has inner, got base_lr"):
        MAKE["warm-up"](0.1).load_state_dict(StepLR(0.1, 3).state_dict())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: StepLR(0.1, 0), "step_size must be a whole number of at least 1, got 0"),
        (lambda: StepLR(0.1, 2.5), "step_size must be a whole number"),  # type: ignore[arg-type]
        (lambda: StepLR(0.1, 2, gamma=0.0), "gamma must be a finite number above 0"),
        (lambda: MultiStepLR(0.1, [0, 2]), "milestone must be a whole number of at least 1"),
        (lambda: ExponentialLR(0.1, math.nan), "gamma"),
        (lambda: CosineAnnealingLR(0.1, 0), "T_max"),
        (lambda: CosineAnnealingLR(0.1, 5, eta_min=-0.1), "eta_min"),
        (lambda: OneCycleLR(0.1, 0), "total_steps"),
        (lambda: OneCycleLR(0.1, 9, pct_start=1.5), "pct_start must be from 0 to 1"),
        (lambda: OneCycleLR(0.1, 9, div_factor=0.0), "div_factor"),
        (lambda: OneCycleLR(0.1, 9, final_div_factor=-1.0), "final_div_factor"),
        (lambda: ReduceLROnPlateau(0.1, mode="auto"), "'min' or 'max', got 'auto'"),
        (lambda: ReduceLROnPlateau(0.1, factor=1.0), "factor must be above 0 and below 1"),
        (lambda: ReduceLROnPlateau(0.1, patience=-1), "patience"),
        (lambda: ReduceLROnPlateau(0.1, threshold=-0.1), "threshold"),
        (lambda: ReduceLROnPlateau(0.1, cooldown=-1), "cooldown"),
        (lambda: ReduceLROnPlateau(0.1, min_lr=-1e-3), "min_lr"),
        (lambda: Warmup(FixedLR(0.1), 0), "steps must be a whole number of at least 1"),
        (lambda: Warmup(FixedLR(0.1), 5, start_factor=0.0), "start_factor must be above 0"),
    ],
)
def test_impossible_options(make: Callable[[], Scheduler], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
