"""The trials of a sweep: what they are made from, and each one's config, checked."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from engine.config import Config, ConfigProblems, FurtherCheck, Problem, config_hash, loads
from engine.config.errors import Mark
from engine.sweeps.grid import Axis, combinations
from engine.train import factory

_LONGEST_NAME = 59
"""Characters of a config's name that stand before the number of a trial."""


@dataclass(frozen=True)
class Recipe:
    """What the trials of a sweep are made from.

    Attributes:
        text: of the config, in YAML.
        source: what messages call it; trials get their name from it if it has none.
        overrides: values on top of it, for all trials.
        axes: of the grid.
        random: how many combinations are taken at random; None for all.
        optuna: how many are planned from the results of those before them; None for the grid's.
        prune: a name in ``pruning.PRUNERS``; None if each trial is trained to its end.
        metric: what is planned and pruned by.
    """

    text: str
    source: str
    overrides: tuple[str, ...]
    axes: tuple[Axis, ...]
    random: int | None = None
    optuna: int | None = None
    prune: str | None = None
    metric: str = "val_acc"

    @property
    def is_adaptive(self) -> bool:
        """Whether results of trials decide on others."""
        return self.optuna is not None or self.prune is not None

    def differences(self, other: "Recipe") -> Iterator[str]:
        """How another one differs, in a few words each."""
        if self.text != other.text:
            yield "the text of the config is another one"
        if self.overrides != other.overrides:
            yield f"--set was {_listed(self.overrides)}, is {_listed(other.overrides)}"
        if self.axes != other.axes:
            was, now = (_listed(map(str, recipe.axes)) for recipe in (self, other))
            yield f"--grid was {was}, is {now}"
        for name in ("random", "optuna", "prune"):
            was, now = (getattr(recipe, name) or "nothing" for recipe in (self, other))
            if was != now:
                yield f"--{name} was {was}, is {now}"


def _listed(texts: Iterable[str]) -> str:
    return " ".join(texts) or "nothing"


@dataclass(frozen=True)
class Trial:
    """A training of a sweep.

    Attributes:
        index: its number, from 1.
        settings: the values of the grid's keys, as they are written in YAML.
        config: with them, and with the trial's name.
    """

    index: int
    settings: Mapping[str, str]
    config: Config

    @property
    def hash(self) -> str:
        """``config_hash`` of its config, which no other trial has."""
        return config_hash(self.config)

    def __str__(self) -> str:
        """Its values: ``train.lr=0.1 seed=2``."""
        return " ".join(f"{key}={value}" for key, value in self.settings.items())


def make_trials(recipe: Recipe, problems: Sequence[Problem] = ()) -> list[Trial]:
    """Combine the grid of a sweep, and check the config of every trial.

    Args:
        recipe: of the sweep.
        problems: of the rest of its grid, to be said with those that are found.

    Raises:
        ConfigError: all that is wrong with any of them, or there are too many.
    """
    base = loads(recipe.text, recipe.source, recipe.overrides, further=factory.file_problems)
    axes = recipe.axes
    if recipe.random is None:
        problems = [*problems, *_ranges(axes)]
        axes = tuple(axis if axis.range is None else _ends(axis) for axis in axes)
    rows = combinations(axes, recipe.random, base.seed)
    keys = [axis.key for axis in recipe.axes]
    settings = [dict(zip(keys, values, strict=True)) for values in rows]
    try:
        trials = check_trials(recipe, settings, further=factory.file_problems)
    except ConfigProblems as error:
        raise ConfigProblems([*problems, *error.problems]) from None
    if problems:
        raise ConfigProblems(problems)
    return trials


def _ranges(axes: Sequence[Axis]) -> list[Problem]:
    """The ranges, where only values that are listed make a grid."""
    message = (
        "a range has no end of values; take some with --random N or --optuna N, or list them: "
        "0.1,0.03 or log:0.001..0.1:5"
    )
    return [Problem((), message, Mark(0, 0, 0, f"--grid {axis}")) for axis in axes if axis.range]


def _ends(axis: Axis) -> Axis:
    assert axis.range is not None
    return Axis(axis.key, (axis.range.at(0), axis.range.at(1)))


def check_trials(
    recipe: Recipe,
    rows: Sequence[Mapping[str, str]],
    *,
    first: int = 1,
    once: bool = True,
    further: FurtherCheck = lambda config: (),
) -> list[Trial]:
    """The trials with these values, in this order.

    Args:
        recipe: without its grid.
        rows: the values of each trial by key.
        first: the number of the first one.
        once: whether no training may be there twice.
        further: as for ``config.loads``.

    Raises:
        ConfigError: all that is wrong with any of them.
    """
    trials: list[Trial] = []
    problems: dict[tuple[str, str], Problem] = {}
    for index, settings in enumerate(rows, first):
        own = [f"{key}={value}" for key, value in settings.items()]
        try:
            overrides = [*recipe.overrides, *own]
            config = loads(recipe.text, recipe.source, overrides, further=further)
        except ConfigProblems as error:
            for problem in error.problems:
                one = _of_grid(problem, len(recipe.overrides), f"trial {index}: {' '.join(own)}")
                problems.setdefault((problem.source, problem.message), one)
            continue
        trials.append(Trial(index, settings, _named(config, index)))
    if once:
        problems |= _twice(trials)
    if problems:
        raise ConfigProblems(problems.values())
    return trials


def _of_grid(problem: Problem, before: int, trial: str) -> Problem:
    """A problem that came with the values of a trial, said as one of the grid."""
    mark = problem.mark
    if mark.order <= before:  # of a value that goes with all others but these
        return replace(problem, message=f"{problem.message} (in {trial})")
    source = mark.source.replace("--set", "--grid", 1)
    return replace(problem, mark=mark._replace(source=source))


def _twice(trials: Sequence[Trial]) -> dict[tuple[str, str], Problem]:
    """The trials that would be the training of an earlier one again."""
    first: dict[str, Trial] = {}
    found = {}
    for trial in trials:
        other = first.setdefault(trial.hash, trial)
        if other is not trial:
            message = f"({trial}) is the same training as trial {other.index} ({other})"
            mark = Mark(len(trials) + trial.index, 0, 0, f"trial {trial.index}")
            found[mark.source, message] = Problem((), message, mark)
    return found


def _named(config: Config, index: int) -> Config:
    name = f"{config.name[:_LONGEST_NAME]}-{index:03}"
    return config.model_copy(update={"name": name})


def data_sets(trials: Sequence[Trial]) -> list[Config]:
    """A config for each data set that some trials are trained on."""
    found = {(trial.config.dataset, trial.config.data.root): trial.config for trial in trials}
    return list(found.values())
