"""Pruning: which curves are cut, and after which epoch."""

import pytest

from engine.sweeps.pruning import PRUNERS, by_halving, by_median


def curve(*values: float) -> dict[int, float]:
    return dict(enumerate(values, 1))


FINISHED = [curve(0.1, 0.5, 0.9), curve(0.2, 0.6, 0.8), curve(0.3, 0.7, 0.7), curve(0.4, 0.8, 0.6)]


@pytest.mark.parametrize(
    ("own", "pruned"),
    [
        (curve(0.24), True),  # the median after one epoch is 0.25
        (curve(0.25), False),
        (curve(0.1, 0.64), True),  # and of the bests up to the second one 0.65
        (curve(0.66, 0.1), False),  # its best counts
        (curve(0.1, 0.1, 0.79), True),  # 0.6 after three epochs is 0.8 before
        (curve(0.1, 0.1, 0.81), False),
    ],
)
def test_the_median_of_the_finished_trials_is_what_to_reach(
    own: dict[int, float], pruned: bool
) -> None:
    assert by_median(own, len(own), FINISHED, []) is pruned


def test_the_median_prunes_none_before_four_are_finished() -> None:
    assert not by_median(curve(0.0), 1, FINISHED[:3], FINISHED)
    assert by_median(curve(0.0), 1, FINISHED, [])


def test_halving_compares_at_rungs_alone() -> None:
    others = [curve(*[0.5] * 30)] * 9
    pruned = [
        epoch for epoch in range(1, 31) if by_halving(curve(*[0.1] * epoch), epoch, others, [])
    ]
    assert pruned == [1, 3, 9, 27]


def test_halving_lets_the_best_third_go_on() -> None:
    others = [curve(value / 10) for value in range(8)]  # and 0.65 makes nine
    assert not by_halving(curve(0.55), 1, others[:4], others[4:])
    assert by_halving(curve(0.45), 1, others[:4], others[4:])
    assert not by_halving(curve(0.9), 1, [], [])


def test_halving_counts_pruned_trials_at_the_rungs_that_they_reached() -> None:
    pruned = [curve(0.9)] * 5
    assert by_halving(curve(0.1), 1, [], pruned)
    assert not by_halving(curve(0.1, 0.1, 0.1), 3, [], pruned)


@pytest.mark.parametrize("name", PRUNERS)
def test_the_first_trial_is_never_pruned(name: str) -> None:
    for epoch in range(1, 10):
        assert not PRUNERS[name](curve(*[0.0] * epoch), epoch, [], [])
