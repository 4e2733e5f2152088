"""Planned trials: good values are found, always the same ones, and none that cannot be."""

import math
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec

import pytest

from engine.config import ConfigProblems
from engine.errors import ConfigError, MissingPackageError
from engine.sweeps.plan import Recipe, Trial
from engine.sweeps.planner import Planner, Told, check_space, with_plan
from tests.support.sweeps import recipe

needs_optuna = pytest.mark.skipif(find_spec("optuna") is None, reason="optuna is not installed")


def planned(*grid: str, count: int = 20, metric: str = "val_acc") -> Recipe:
    return with_plan(recipe(*grid), count, None, metric)


def plan(one: Recipe, result: Callable[[Trial], Told], trials: list[Trial], up_to: int) -> None:
    """Plan on from the trials that are there, each time as if the process had begun anew."""
    while len(trials) < up_to:
        told = [result(trial) for trial in trials]
        trial = Planner(one).propose(len(trials) + 1, told, trials)
        assert trial is not None
        trials.append(trial)


def parabola(trial: Trial) -> Told:
    """A metric that is best at a learning rate of 0.01, of which some trials diverge."""
    rate = math.log10(float(trial.settings["train.lr"]))
    if rate > -0.3:
        return Told(trial.settings, "pruned", curve={})
    return Told(trial.settings, "finished", -((rate + 2) ** 2))


@needs_optuna
def test_twenty_trials_find_the_best_and_are_the_same_twenty_again() -> None:
    one = planned("train.lr=log:0.000001..1.0", "train.batch_size=log:8..64")
    found: list[Trial] = []
    plan(one, parabola, found, 20)
    rates = [float(trial.settings["train.lr"]) for trial in found]
    assert sum(0.002 < rate < 0.05 for rate in rates[5:]) > 5, "at random it would be 3 of 15"
    again = found[:7]
    plan(one, parabola, again, 20)
    assert again == found
    assert [trial.config.name for trial in found][-1] == "tiny-020"
    other = replace(one, overrides=("seed=1",))
    different: list[Trial] = []
    plan(other, parabola, different, 2)
    assert [trial.settings for trial in different] != [trial.settings for trial in found[:2]]


@needs_optuna
def test_less_is_better_where_the_metric_is_a_loss() -> None:
    def loss(trial: Trial) -> Told:
        found = parabola(trial)
        return replace(found, value=None if found.value is None else -found.value)

    up: list[Trial] = []
    down: list[Trial] = []
    plan(planned("train.lr=log:0.000001..1.0"), parabola, up, 9)
    plan(planned("train.lr=log:0.000001..1.0", metric="val_loss"), loss, down, 9)
    assert up == down


@needs_optuna
def test_no_training_is_planned_twice_and_every_combination_is_found() -> None:
    one = planned("train.optimizer=sgd,adam", "train.batch_size=8,16", count=4)
    found: list[Trial] = []
    plan(one, lambda trial: Told(trial.settings, "finished", 1.0), found, 4)
    assert len({trial.hash for trial in found}) == 4
    assert Planner(one).propose(5, [], found) is None


@needs_optuna
def test_trials_that_are_trained_now_failed_or_have_no_result_are_no_obstacle() -> None:
    one = planned("train.lr=0.01..0.5", "train.epochs=1..3", count=6)
    states = iter(["running", "failed", "pruned", "finished", "running"] * 6)

    def told(trial: Trial) -> Told:
        state = next(states)
        curve = {1: 0.5} if state == "pruned" else None
        return Told(trial.settings, state, 1.0 if state == "finished" else None, curve)  # type: ignore[arg-type]

    found: list[Trial] = []
    plan(one, told, found, 6)
    assert {trial.settings["train.epochs"] for trial in found} <= {"1", "2", "3"}


@needs_optuna
def test_values_that_do_not_go_together_are_passed_over() -> None:
    one = planned("data.limit=300,1", "train.lr=0.01,0.1", count=3)
    found: list[Trial] = []
    plan(one, lambda trial: Told(trial.settings, "finished", 1.0), found, 2)
    assert [trial.settings["data.limit"] for trial in found] == ["300", "300"]


@needs_optuna
def test_all_that_is_wrong_with_a_space_is_said_at_once() -> None:
    one = planned("train.lr=-0.1..0.1", "train.epochs=1,0", "seed=1..2", "nix=1.0..2.0")
    with pytest.raises(ConfigProblems) as error:
        check_space(one)
    text = str(error.value)
    assert "--grid seed=1,2: --optuna plans values" in text
    assert "--grid train.lr=-0.1: train.lr: expected" in text
    assert "--grid train.epochs=0: train.epochs: expected" in text
    assert "--grid nix=1: nix: unknown key" in text
    assert "--grid nix=2" in text


@needs_optuna
@pytest.mark.parametrize(
    ("count", "said"), [(5, "the grid has only 4 combinations"), (1001, "at most 1,000 trials")]
)
def test_more_trials_than_there_can_be_are_refused(count: int, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Planner(planned("train.epochs=1,2", "train.batch_size=8,16", count=count))


def test_the_test_is_nothing_to_plan_by() -> None:
    with pytest.raises(ConfigError, match=r"--metric test_acc: .* would be training on it"):
        planned("train.lr=0.1..0.2", metric="test_acc")
    assert with_plan(recipe("seed=1,2"), None, None, "test_acc") == recipe("seed=1,2")


def test_without_optuna_the_package_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.errors.find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"pip install 'cnn-tui\[optuna\]'") as error:
        check_space(planned("train.lr=0.1..0.2"))
    assert error.value.exit_code == 2
