"""``cnn-tui resume``: resume an interrupted run or group, or extend a finished run."""

import argparse
from collections.abc import Sequence

from tui.cli.parser import RUNS, Parser, add_overrides, add_runs_dir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from engine.runs.groups import RunGroup
    from tui.cli.output import Output

EXAMPLES = ("cnn-tui resume quickstart", "cnn-tui resume quickstart --set train.epochs=20")


def add_arguments(parser: Parser) -> None:
    parser.add_argument("run_name", metavar="RUN", help=RUNS)
    add_runs_dir(parser)
    add_overrides(
        parser,
        "change a value that does not affect the epochs done: train.epochs, train.workers, "
        "train.checkpoint_every, the patience of early_stopping, data.root, reports_dir",
    )
    parser.add_argument(
        "--allow-outside-paths",
        action="store_true",
        dest="allow_outside",
        help="let a run that was not started here write outside its own folder",
    )


def run(options: argparse.Namespace, out: "Output") -> int:
    from engine.services.runs import find_group, find_run

    group = find_group(options.runs_dir, options.run_name)
    if group is not None:
        return resume_group(group, options, out)
    path = find_run(options.runs_dir, options.run_name).path
    return resume(path, out, options.overrides, allow_outside=options.allow_outside)


def resume_group(group: "RunGroup", options: argparse.Namespace, out: "Output") -> int:
    """Train what is left of a group: unfinished runs are resumed, missing ones begun.

    Returns:
        0 all are done, 1 one diverged or was not saved; 130, 143 or 129 after a signal.

    Raises:
        ConfigError: its config is to be changed.
        EngineError: it could not begin.
    """
    from engine.errors import ConfigError
    from engine.services.resume import plan_rest
    from tui.cli.seeds import train_group

    if options.overrides:
        raise ConfigError(
            f"{group.id}: --set changes one run, not a group; resume its runs one by one"
        )
    plan = plan_rest(group, root=options.runs_dir, allow_outside=options.allow_outside)
    return train_group(plan, out, adopt=options.allow_outside)


def resume(
    path: "Path", out: "Output", overrides: Sequence[str] = (), *, allow_outside: bool = False
) -> int:
    """Resume a run, as if it had never stopped.

    Args:
        path: its directory.
        out: gets every event.
        overrides: changes of its config, see ``engine.train.extending``.
        allow_outside: see ``engine.runs.locations.resolve``.

    Returns:
        0 done, 1 diverged or not saved; 130, 143 or 129 after a signal.

    Raises:
        EngineError: it could not begin.
    """
    from engine.config import inline
    from engine.train import extending, factory
    from tui.cli.narration import run_session

    extension = extending.plan(path, overrides) if overrides else None
    config = factory.config_of(path, overrides, allow_outside=allow_outside)
    for key, (old, new) in extension.changed.items() if extension else ():
        out.say(f"{key}: {inline(old)} → {inline(new)}")
    return run_session(config, out, resume=path, extension=extension, adopt=allow_outside)
