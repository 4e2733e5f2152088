"""The share of the results that each setting explains, beside shares worked out by hand."""

import math
import random

import pytest

from engine.sweeps.importance import importance
from engine.sweeps.plan import Trial
from engine.sweeps.results import Outcome
from tests.support.sweeps import trials


def outcomes(rows: list[dict[str, str]], results: list[float]) -> list[Outcome]:
    config = trials("seed=1..1")[0].config
    return [
        Outcome(Trial(index, row, config), "finished", results={"val_acc": result})
        for index, (row, result) in enumerate(zip(rows, results, strict=True), 1)
    ]


GRID = [{"a": a, "b": b} for a in ("1", "2") for b in ("x", "y")]


def test_the_shares_of_a_grid_are_those_worked_out_by_hand() -> None:
    # means of a: 0.2 and 0.7, of b: 0.4 and 0.5, of all: 0.45
    # effects ±0.25 and ±0.05: 0.0625 + 0.0025 of 0.065
    found = importance(outcomes(GRID, [0.15, 0.25, 0.65, 0.75]))
    assert found == pytest.approx({"a": 0.0625 / 0.065, "b": 0.0025 / 0.065})


def test_what_only_matters_together_is_missing_to_1() -> None:
    assert importance(outcomes(GRID, [0, 1, 1, 0])) == pytest.approx({"a": 0, "b": 0})
    found = importance(outcomes(GRID, [0, 0, 0, 1]))
    assert found == pytest.approx({"a": 1 / 3, "b": 1 / 3})


def test_numbers_that_no_two_trials_share_are_taken_in_classes() -> None:
    rng = random.Random(1)
    rows = [{"lr": repr(rng.uniform(0, 1)), "noise": repr(rng.uniform(0, 1))} for _ in range(60)]
    found = importance(outcomes(rows, [float(row["lr"]) for row in rows]))
    assert found["lr"] > 0.8
    assert found["noise"] < 0.1


def test_where_some_trials_are_missing_the_shares_add_up_to_1_at_most() -> None:
    rng = random.Random(2)
    for _ in range(50):
        rows = [{"a": rng.choice("123"), "b": rng.choice("xy")} for _ in range(6)]
        found = importance(outcomes(rows, [rng.random() for _ in rows]))
        assert all(share >= 0 for share in found.values())
        assert sum(found.values()) <= 1 + 1e-9


def test_only_finished_trials_with_a_result_count() -> None:
    known = outcomes(GRID, [0.1, 0.2, 0.6, 0.9])
    config = known[0].trial.config
    others = [
        Outcome(Trial(5, GRID[0], config), "diverged", results={"val_acc": 0.0}),
        Outcome(Trial(6, GRID[1], config), "finished", results={"val_acc": math.nan}),
        Outcome(Trial(7, GRID[2], config), "finished"),
    ]
    assert importance([*known, *others]) == importance(known)


def test_of_few_trials_and_of_equal_ones_nothing_is_said() -> None:
    assert importance(outcomes(GRID[:3], [0.1, 0.2, 0.3])) == {}
    assert importance(outcomes(GRID, [0.5] * 4)) == {}
    assert importance([]) == {}
