"""``cnn-tui sweep``: train a config with many values of some keys, and rank the results."""

import argparse

from tui.cli.parser import Parser, add_config, add_portable, count, path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from engine.config import Problem
    from engine.sweeps.folder import SweepFolder
    from engine.sweeps.plan import Recipe
    from tui.cli.output import Output

EXAMPLES = (
    "cnn-tui sweep quickstart --grid train.lr=0.1,0.03,0.01 --grid seed=1..5",
    "cnn-tui sweep mnist_lenet --grid train.lr=log:0.001..0.1:20 --random 8",
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
        help="values of a key: 0.1,0.01 or 1..5 or log:0.001..0.1:5; may be repeated",
    )
    add("--random", type=count, metavar="N", help="N combinations of the grid, with all seeds")
    add("--file", type=path, metavar="FILE", help="a YAML file with these options below sweep:")
    add("--jobs", type=count, metavar="J", help="trials at once; default: the number of cores")
    add("--metric", metavar="NAME", help="what to sort by; default: val_acc")
    add("--folder", type=path, metavar="DIR", help="of the sweep; default: one below sweeps")
    add("--resume", type=path, metavar="DIR", help="go on with the sweep in this folder")


def run(options: argparse.Namespace, out: "Output") -> int:
    """Train the trials of a sweep, or those that are left of one.

    Returns:
        0 all are finished, 1 one failed or diverged; 130, 143 or 129 after a signal.

    Raises:
        ConfigError: the config, the grid or a trial is wrong; nothing was trained.
        DataError: a data set is missing or corrupt.
        RunError: another process trains this sweep.
    """
    from engine.errors import ConfigError
    from engine.suggest import suggestion
    from engine.sweeps.results import METRICS
    from tui.cli.commands.sweep.training import train_sweep
    from tui.cli.interruption import interruptible

    recipe, problems = _recipe(options)
    metric = options.metric or "val_acc"
    if metric not in METRICS:
        hint = suggestion(metric, METRICS)
        raise ConfigError(f"--metric {metric}: expected one of {', '.join(METRICS)}.{hint}")
    if options.resume is not None and options.folder is not None:
        raise ConfigError("--folder is for a new sweep; --resume names the folder already")
    with interruptible(out) as signals, _open(options, recipe, problems, out) as folder:
        return train_sweep(folder, options.jobs or folder.jobs, metric, out, signals)


def _recipe(options: argparse.Namespace) -> "tuple[Recipe | None, list[Problem]]":
    """What the options ask for, those of a file among them, and what is wrong with the grid.

    It is None if nothing but to go on with a sweep is asked for.
    """
    from engine.services.configs import config_text
    from engine.sweeps.grid import parse_grid
    from engine.sweeps.plan import Recipe
    from engine.sweeps.sweep_file import read_sweep

    grid, overrides = tuple(options.grid), tuple(options.overrides)
    if options.file is not None:
        described = read_sweep(options.file)
        grid, overrides = (*described.grid, *grid), (*described.overrides, *overrides)
        for name in ("config", "random", "jobs", "metric"):
            if getattr(options, name) is None:
                setattr(options, name, getattr(described, name))
    asked = options.config is not None or options.random is not None
    if options.resume is not None and not (grid or overrides or asked):
        return None, []
    axes, problems = parse_grid(grid)
    text, source = config_text(options.config)
    return Recipe(text, source, overrides, tuple(axes), options.random), problems


def _open(
    options: argparse.Namespace,
    recipe: "Recipe | None",
    problems: "list[Problem]",
    out: "Output",
) -> "SweepFolder":
    """The folder of the sweep, locked: a new one, or the one to go on with.

    Raises:
        ConfigError: what is asked for is not what the sweep began with.
    """
    from engine.errors import ConfigError
    from engine.parallel.workers import usable_cores
    from engine.sweeps.folder import SweepFolder
    from engine.sweeps.plan import make_trials
    from tui.cli.commands.sweep.training import check_data

    if options.resume is None:
        assert recipe is not None
        trials = make_trials(recipe, problems)
        check_data(trials, out)
        jobs = options.jobs or min(usable_cores(), len(trials))
        return SweepFolder.create(options.folder, recipe, trials, jobs)
    folder = SweepFolder.open(options.resume)
    changed = [] if recipe is None else list(folder.recipe.differences(recipe))
    if changed:
        folder.close()
        raise ConfigError(
            f"{folder.path}: the sweep in it is another one: {'; '.join(changed)}. "
            "Go on with it by --resume alone, or start a new sweep without --resume"
        )
    return folder
