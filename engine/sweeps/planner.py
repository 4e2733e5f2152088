"""Values for the next trial of a sweep, planned from the results of those before it.

Optuna plans (Akiba et al. 2019, 'Optuna: A next-generation hyperparameter optimization framework')
by its tree-structured Parzen estimator (Bergstra et al. 2011, 'Algorithms for hyper-parameter
optimization'). It is asked anew each time: told of all earlier trials in their order, with a seed
made from that of the sweep and the number of the trial. So nothing of a plan is kept but the
trials, and a sweep that was cut plans on as if it had not been.
"""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from engine.config import Config, ConfigProblems, Problem, loads
from engine.config.errors import Mark
from engine.errors import ConfigError, require_package
from engine.options import maximises
from engine.sweeps.grid import MOST_TRIALS, SEED, Axis
from engine.sweeps.plan import Recipe, Trial, check_trials, make_trials
from engine.train import factory

PACKAGE = "optuna"

OBJECTIVES = ("val_acc", "val_loss", "loss")
"""Metrics that can be planned by: those of every epoch. Planning by the test would be training on
it."""

_ATTEMPTS = 100
"""How often other values are asked for in place of some that cannot be trained, or are there."""

_MOST_AT_RANDOM = 10


def check_installed() -> None:
    """Check that Optuna is there.

    Raises:
        MissingPackageError: it is not; the message says how to install it.
    """
    require_package(PACKAGE, "optuna", "--optuna needs")


@dataclass(frozen=True)
class Told:
    """What is known of an earlier trial.

    Attributes:
        settings: its values by key.
        state: ``failed`` counts for nothing; ``pruned`` and what diverged count as bad.
        value: of the metric, once it is finished.
        curve: the metric by epoch, of a trial that was pruned.
    """

    settings: Mapping[str, str]
    state: Literal["finished", "pruned", "failed", "running"]
    value: float | None = None
    curve: Mapping[int, float] | None = None


class Planner:
    """Plans the trials of a sweep.

    Args:
        recipe: of the sweep, with the number of its trials in ``optuna``.

    Raises:
        ConfigError: the config is wrong, or there are fewer combinations than trials.
        MissingPackageError: Optuna is not installed.
    """

    def __init__(self, recipe: Recipe) -> None:
        check_installed()
        assert recipe.optuna is not None
        self._recipe, self._count = recipe, recipe.optuna
        self._seed = _base(recipe).seed
        _check_count(recipe.axes, self._count)

    def first(self) -> Trial:
        """The first trial.

        Raises:
            ConfigError: there is none.
        """
        trial = self.propose(1, [], [])
        if trial is None:
            raise ConfigError("--optuna: no values of the grid go together in one config")
        return trial

    def propose(self, index: int, told: Sequence[Told], done: Sequence[Trial]) -> Trial | None:
        """The trial with a number.

        Args:
            index: from 1.
            told: of all trials before it, in their order.
            done: these trials; none is trained twice.

        Returns:
            None where no other values were found that can be trained.
        """
        known = {trial.hash for trial in done}
        for attempt in range(_ATTEMPTS):
            settings = self._ask(index, told, attempt)
            try:
                (trial,) = check_trials(self._recipe, [settings], first=index)
            except ConfigProblems:  # values that do not go together
                continue
            if trial.hash not in known:
                return trial
        return None

    def _ask(self, index: int, told: Sequence[Told], attempt: int) -> dict[str, str]:
        """Values as Optuna plans them; of another attempt, other ones."""
        import optuna

        seeds = np.random.SeedSequence([self._seed, index, attempt])
        space = {axis.key: _distribution(axis) for axis in self._recipe.axes}
        before = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that what follows is marked as experimental
                sampler = optuna.samplers.TPESampler(
                    seed=int(seeds.generate_state(1)[0]),
                    n_startup_trials=max(4, min(self._count // 4, _MOST_AT_RANDOM)),
                    multivariate=True,
                    constant_liar=True,
                )
                up = maximises(self._recipe.metric, "auto")
                direction = "maximize" if up else "minimize"
                study = optuna.create_study(sampler=sampler, direction=direction)
                for one in told:
                    study.add_trial(_frozen(one, self._recipe.axes, space))
                asked = study.ask(fixed_distributions=space)
        finally:
            optuna.logging.set_verbosity(before)
        return {axis.key: _text(axis, asked.params[axis.key]) for axis in self._recipe.axes}


def first_trials(
    recipe: Recipe,
    problems: Sequence[Problem] = (),
    check: Callable[[Sequence[Trial]], None] = lambda trials: None,
) -> list[Trial]:
    """The trials that a new sweep begins with: all of its grid, or the first that is planned.

    Args:
        recipe: of the sweep.
        problems: of the rest of its grid, to be said with those that are found.
        check: is called with trials for all values that there may be, before one is planned.

    Raises:
        ConfigError: all that is wrong.
        MissingPackageError: Optuna is not installed.
    """
    if recipe.optuna is None:
        trials = make_trials(recipe, problems)
        check(trials)
        return trials
    check(check_space(recipe, problems))
    return [Planner(recipe).first()]


def check_space(recipe: Recipe, problems: Sequence[Problem] = ()) -> list[Trial]:
    """Check all values that a planned sweep may have, each beside the first ones of other keys.

    Args:
        recipe: of the sweep.
        problems: of the rest of its grid, to be said with those that are found.

    Returns:
        A trial for each; they are not to be trained.

    Raises:
        ConfigError: all that is wrong.
        MissingPackageError: Optuna is not installed.
    """
    check_installed()
    _base(recipe)
    found = [*problems, *_seeds(recipe.axes)]
    further = factory.file_problems
    try:
        trials = check_trials(recipe, _probes(recipe.axes), further=further, once=False)
    except ConfigProblems as error:
        raise ConfigProblems([*found, *error.problems]) from None
    if found:
        raise ConfigProblems(found)
    return trials


def _base(recipe: Recipe) -> Config:
    return loads(recipe.text, recipe.source, recipe.overrides, further=factory.file_problems)


def _seeds(axes: Sequence[Axis]) -> list[Problem]:
    """That seeds are nothing to be planned."""
    message = "--optuna plans values; train the best ones with several seeds afterwards"
    return [
        Problem((), message, Mark(0, 0, 0, f"--grid {axis}")) for axis in axes if axis.key == SEED
    ]


def _probes(axes: Sequence[Axis]) -> list[dict[str, str]]:
    """Each value of each key, and the ends of ranges, with the first values of the others."""
    if not axes:
        return []
    choices = {
        axis.key: axis.values if axis.range is None else (axis.range.at(0), axis.range.at(1))
        for axis in axes
    }
    first = {key: values[0] for key, values in choices.items()}
    others = ({**first, key: value} for key, values in choices.items() for value in values[1:])
    return [first, *others]


def _check_count(axes: Sequence[Axis], count: int) -> None:
    if count > MOST_TRIALS:
        raise ConfigError(f"--optuna {count:,}: expected at most {MOST_TRIALS:,} trials")
    every = math.prod(len(axis.values) for axis in axes)
    if count > every and not any(axis.range for axis in axes):
        raise ConfigError(f"--optuna {count:,}: the grid has only {every:,} combinations")


def _is_row_of_numbers(axis: Axis) -> bool:
    """Whether its values are whole numbers, each by 1 more than the one before."""
    first = axis.values[0]
    if len(axis.values) < 3 or not first.lstrip("-").isdecimal():
        return False
    return axis.values == tuple(str(int(first) + step) for step in range(len(axis.values)))


def _distribution(axis: Axis) -> Any:
    """An axis in Optuna's words."""
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    found = axis.range
    if found is not None and found.whole:
        return IntDistribution(int(found.low), int(found.high), log=found.log)
    if found is not None:
        return FloatDistribution(found.low, found.high, log=found.log)
    if _is_row_of_numbers(axis):
        return IntDistribution(int(axis.values[0]), int(axis.values[-1]))
    return CategoricalDistribution(axis.values)


def _text(axis: Axis, value: Any) -> str:
    return str(value) if axis.range is None else axis.range.text(value)


def _number(axis: Axis, text: str) -> Any:
    if axis.range is not None:
        return int(text) if axis.range.whole else float(text)
    return int(text) if _is_row_of_numbers(axis) else text


def _frozen(one: Told, axes: Sequence[Axis], space: Mapping[str, Any]) -> Any:
    """An earlier trial in Optuna's words."""
    from optuna.trial import TrialState, create_trial

    states = {
        "finished": TrialState.COMPLETE,
        "pruned": TrialState.PRUNED,
        "failed": TrialState.FAIL,
        "running": TrialState.RUNNING,
    }
    return create_trial(
        state=states[one.state],
        value=one.value,
        params={axis.key: _number(axis, one.settings[axis.key]) for axis in axes},
        distributions=dict(space),
        intermediate_values=dict(one.curve or {}),
    )


def with_plan(recipe: Recipe, count: int | None, prune: str | None, metric: str) -> Recipe:
    """A recipe whose trials are planned, pruned, or both.

    Args:
        recipe: of the grid.
        count: trials that are planned; None for those of the grid.
        prune: a name in ``pruning.PRUNERS``; None if each trial is trained to its end.
        metric: to plan and prune by.

    Raises:
        ConfigError: that metric cannot be planned by.
    """
    if count is None and prune is None:
        return recipe
    if metric not in OBJECTIVES:
        names = ", ".join(OBJECTIVES)
        raise ConfigError(
            f"--metric {metric}: trials are planned and pruned by one of {names}, which every "
            "epoch has; planning by the test would be training on it"
        )
    return replace(recipe, optuna=count, prune=prune, metric=metric)
