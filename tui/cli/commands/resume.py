"""``cnn-tui resume``: resume an interrupted run, or extend a finished one."""

import argparse
from collections.abc import Sequence

from tui.cli.parser import RUN, Parser, add_overrides, add_runs_dir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from tui.cli.output import Output

EXAMPLES = ("cnn-tui resume quickstart", "cnn-tui resume quickstart --set train.epochs=20")


def add_arguments(parser: Parser) -> None:
    parser.add_argument("run_name", metavar="RUN", help=RUN)
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
    from engine.services.runs import find_run

    path = find_run(options.runs_dir, options.run_name).path
    return resume(path, out, options.overrides, allow_outside=options.allow_outside)


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
