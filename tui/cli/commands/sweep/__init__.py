"""``cnn-tui sweep``: train a config with many values of some keys, and rank the results."""

import argparse
from contextlib import contextmanager
from functools import partial

from tui.cli.parser import Parser, add_config, add_portable, count, path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engine.sweeps.children import Starter
    from engine.sweeps.folder import SweepFolder
    from tui.cli.output import Output

EXAMPLES = (
    "cnn-tui sweep quickstart --grid train.lr=0.1,0.03 --grid seed=1..5",
    "cnn-tui sweep mnist_lenet --grid train.lr=log:0.001..0.1:20 --random 8",
    "cnn-tui sweep quickstart --grid train.lr=log:0.0001..0.1 --optuna 20",
    "cnn-tui sweep quickstart --grid seed=1..40 --dask tcp://10.0.0.1:8786",
    "cnn-tui sweep --resume sweeps/20260102-030405-quickstart-3fa2",
)


def add_arguments(parser: Parser) -> None:
    add_config(parser)
    add_portable(parser)
    add = parser.add_argument
    add(
        "--grid",
        action="append",
        default=[],
        metavar="KEY=VALUES",
        help="values of a key: 0.1,0.01 or 1..5 or log:0.001..0.1:5, or a range for --random and "
        "--optuna: 0.1..0.5 or log:0.001..0.1; may be repeated",
    )
    add("--random", type=count, metavar="N", help="N combinations of the grid, with all seeds")
    add("--optuna", type=count, metavar="N", help="N trials, each planned from those before it")
    add("--prune", choices=("median", "halving"), help="stop trials early that others outdo")
    add("--file", type=path, metavar="FILE", help="a YAML file with these options below sweep:")
    add("--jobs", type=count, metavar="J", help="trials at once; default: the number of cores")
    add(
        "--dask", metavar="ADDRESS", help="on the workers of a Dask cluster; local: of this machine"
    )
    add("--metric", metavar="NAME", help="what to sort, plan and prune by; default: val_acc")
    add("--folder", type=path, metavar="DIR", help="of the sweep; default: one below sweeps")
    add("--resume", type=path, metavar="DIR", help="resume the sweep in this folder")


def run(options: argparse.Namespace, out: "Output") -> int:
    """Train the trials of a sweep, or those that are left of one.

    Returns:
        0 all are finished, 1 one failed or diverged; 130, 143 or 129 after a signal.

    Raises:
        ConfigError: the config, the grid or a trial is wrong; nothing was trained.
        DataError: a data set is missing or corrupt.
        RunError: another process trains this sweep, or no cluster answers.
    """
    from collections.abc import Callable

    from engine.errors import ConfigError
    from engine.suggest import suggestion
    from engine.sweeps.folder import SweepFolder
    from engine.sweeps.pruning import PRUNERS
    from engine.sweeps.results import METRICS
    from tui.cli.commands.sweep.training import train_sweep
    from tui.cli.interruption import interruptible

    _read_file(options)
    if options.optuna is not None and options.random is not None:
        raise ConfigError("--optuna plans its trials, --random draws them: give one of them")
    if options.prune not in (None, *PRUNERS):  # in a file
        raise ConfigError(f"prune: expected one of {', '.join(PRUNERS)}")
    metric = options.metric or "val_acc"
    if metric not in METRICS:
        hint = suggestion(metric, METRICS)
        raise ConfigError(f"--metric {metric}: expected one of {', '.join(METRICS)}.{hint}")
    if options.resume is not None and options.folder is not None:
        raise ConfigError("--folder is for a new sweep; --resume names the folder already")
    if options.resume is not None:
        make: Callable[[], SweepFolder] = partial(_reopen, options)
    else:
        make = _begin(options, out)
    with interruptible(out) as signals, _starter(options, out) as starter, make() as folder:
        every = folder.jobs if starter is None else folder.size
        by = options.metric or folder.recipe.metric
        return train_sweep(folder, options.jobs or every, by, out, signals, starter, options.dask)


@contextmanager
def _starter(options: argparse.Namespace, out: "Output") -> "Iterator[Starter | None]":
    """What starts the processes elsewhere; None for this machine's own."""
    from engine.parallel.workers import usable_cores
    from engine.sweeps.cluster.client import connected

    if options.dask is None:
        yield None
        return

    def warn(message: str) -> None:
        out.json({"event": "warning", "trial": None, "message": message})
        out.complain(f"warning: {message}")

    with connected(options.dask, options.jobs or usable_cores(), warn) as cluster:
        yield cluster


def _read_file(options: argparse.Namespace) -> None:
    """Complete the options by those of a file; the command line's count first."""
    from engine.sweeps.sweep_file import read_sweep

    if options.file is not None:
        described = read_sweep(options.file)
        options.grid = [*described.grid, *options.grid]
        options.overrides = [*described.overrides, *options.overrides]
        for name in ("config", "random", "optuna", "prune", "jobs", "metric"):
            if getattr(options, name) is None:
                setattr(options, name, getattr(described, name))


def _begin(options: argparse.Namespace, out: "Output") -> "Callable[[], SweepFolder]":
    """What makes the folder of a new sweep, once all that it needs is there."""
    from engine.parallel.workers import usable_cores
    from engine.services.configs import config_text
    from engine.sweeps.folder import SweepFolder
    from engine.sweeps.grid import parse_grid
    from engine.sweeps.plan import Recipe
    from engine.sweeps.planner import first_trials, with_plan
    from tui.cli.commands.sweep.training import check_data

    axes, problems = parse_grid(options.grid)
    text, source = config_text(options.config)
    recipe = Recipe(text, source, tuple(options.overrides), tuple(axes), options.random)
    metric = options.metric or recipe.metric
    recipe = with_plan(recipe, options.optuna, options.prune, metric)
    trials = first_trials(recipe, problems, partial(check_data, out=out))
    jobs = options.jobs or min(usable_cores(), options.optuna or len(trials))
    return partial(SweepFolder.create, options.folder, recipe, trials, jobs)


def _reopen(options: argparse.Namespace) -> "SweepFolder":
    """The folder of a sweep that was begun.

    Raises:
        ConfigError: what the options say of its trials is not what it began with.
    """
    from dataclasses import replace

    from engine.errors import ConfigError
    from engine.services.configs import config_text
    from engine.sweeps.folder import SweepFolder
    from engine.sweeps.grid import parse_grid

    folder = SweepFolder.open(options.resume)
    asked = was = folder.recipe
    try:
        if options.config is not None:
            asked = replace(asked, text=config_text(options.config)[0])
        if options.overrides:
            asked = replace(asked, overrides=tuple(options.overrides))
        if options.grid:
            asked = replace(asked, axes=tuple(parse_grid(options.grid)[0]))
        for name in ("random", "optuna", "prune"):
            if getattr(options, name) is not None:
                asked = replace(asked, **{name: getattr(options, name)})
        if asked != was:
            raise ConfigError(
                f"{folder.path}: its sweep is another one: {'; '.join(was.differences(asked))}. "
                "Resume it by --resume alone, or start a new sweep without --resume"
            )
    except BaseException:
        folder.close()
        raise
    return folder
