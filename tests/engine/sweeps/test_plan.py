"""The trials of a sweep: each config is checked, and all that is wrong is said at once."""

import pytest

from engine.config import ConfigProblems, loads
from engine.errors import ConfigError
from engine.sweeps.grid import parse_grid
from engine.sweeps.plan import Recipe, data_sets, make_trials
from tests.support.sweeps import TEXT, recipe, trials


def test_a_trial_is_the_config_with_its_values_and_a_name_of_its_own() -> None:
    found = trials("train.lr=0.1,0.2", "seed=1..2")
    assert [str(trial) for trial in found][1:3] == ["train.lr=0.1 seed=2", "train.lr=0.2 seed=1"]
    alone = loads(TEXT, "tiny.yaml", ["train.lr=0.2", "seed=1"])
    assert found[2].config == alone.model_copy(update={"name": "tiny-003"})
    assert len({trial.hash for trial in found}) == 4


def test_all_problems_of_all_trials_are_said_once() -> None:
    axes, problems = parse_grid(["train.lrr=1,2", "train.epochs=0,3", "seed=2..1"])
    with pytest.raises(ConfigProblems) as error:
        make_trials(Recipe(TEXT, "tiny.yaml", (), tuple(axes)), problems)
    assert str(error.value).splitlines() == [
        "--grid seed=2..1: 2..1: the first is larger than the last",
        "--grid train.lrr=1: train.lrr: unknown key. Did you mean 'lr'?",
        "--grid train.lrr=2: train.lrr: unknown key. Did you mean 'lr'?",
        "--grid train.epochs=0: train.epochs: expected a whole number from 1 to 100000, got 0",
        "4 problems, nothing was run.",
    ]


@pytest.mark.parametrize("grid", ["train.lr=0.1,0.10", "train.workers=1,2"])
def test_a_training_that_is_there_twice_is_refused(grid: str) -> None:
    with pytest.raises(ConfigError, match=r"trial 2: .* is the same training as trial 1"):
        trials(grid)


def test_a_value_that_does_not_go_with_the_others_is_said_with_its_trial() -> None:
    with pytest.raises(ConfigError) as error:
        trials("data.limit=300,1")
    first, *_ = str(error.value).splitlines()
    assert first.startswith("tiny.yaml:6:1: data.validation: expected 1 to 0 of 1 samples")
    assert first.endswith("(in trial 2: data.limit=1)")


def test_each_data_set_is_looked_at_once() -> None:
    found = data_sets(trials("dataset=mnist_mini,mnist", "seed=1..2"))
    assert [config.dataset for config in found] == ["mnist_mini", "mnist"]


def test_what_differs_from_another_sweep_is_named() -> None:
    one = recipe("seed=1..2")
    assert list(one.differences(one)) == []
    assert list(one.differences(recipe("seed=1..3", random=2, text=TEXT + "\n"))) == [
        "the text of the config is another one",
        "--grid was seed=1,2, is seed=1,2,3",
        "--random was nothing, is 2",
    ]
