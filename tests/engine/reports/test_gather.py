"""What a report says of runs, and which of them are the same but for the seed."""

import pytest

from engine.reports.gather import seed_groups
from tests.support.made_up_reports import made_up, with_results


def test_runs_are_grouped_by_all_but_the_seed_and_the_spread_is_that_of_the_sample() -> None:
    runs = [made_up(1, acc=0.5), made_up(2, "train.lr=0.3"), made_up(3, acc=0.7)]
    first, second = seed_groups(runs)
    assert first.runs == (runs[0], runs[2])
    assert first.spread("test_acc") == pytest.approx((0.6, 0.1 * 2**0.5, 2))
    assert second.spread("test_acc") is None, "one run has no spread"


def test_two_runs_of_one_seed_count_once() -> None:
    (group,) = seed_groups([made_up(1), made_up(1), made_up(2, acc=0.7)])
    assert group.spread("test_acc") == pytest.approx((0.6, 0.1 * 2**0.5, 2))
    (same,) = seed_groups([made_up(1), made_up(1)])
    assert same.spread("test_acc") is None


def test_a_result_that_a_run_lacks_is_left_out() -> None:
    (group,) = seed_groups([made_up(1), with_results(made_up(2), "a", "b")])
    assert group.spread("macro_f1") is None
    assert made_up(1).best_epoch == 2
