"""Trials that differ in the seed alone."""

from engine.sweeps.results import Outcome, repetitions
from tests.support.sweeps import trials


def test_trials_that_differ_in_the_seed_alone_are_repetitions() -> None:
    outcomes = [Outcome(one, "finished") for one in trials("seed=1..2", "train.lr=0.1,0.2")]
    found = repetitions(outcomes)
    assert [[one.index for one in same.trials] for same in found] == [[1, 3], [2, 4]]
    assert str(found[1]) == "train.lr=0.2"
    (seeds,) = repetitions([Outcome(one, "finished") for one in trials("seed=1..2")])
    assert str(seeds) == "the config"
