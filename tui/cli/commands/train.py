"""``cnn-tui train``, which is also ``cnn-tui --no-ui``: train a config headless."""

import argparse

from tui.cli.parser import Parser, add_config, add_continue, add_portable, add_seeds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from engine.config import Config
    from tui.cli.output import Output

EXAMPLES = (
    "cnn-tui train quickstart",
    "cnn-tui train quickstart --set train.lr=0.01 --set train.epochs=3",
    "cnn-tui train --config mnist_lenet --resume",
    "cnn-tui train quickstart --seeds 5",
)


def add_arguments(parser: Parser) -> None:
    add_config(parser)
    add_continue(parser)
    add_portable(parser)
    add_seeds(parser)


def run(options: argparse.Namespace, out: "Output") -> int:
    from engine.services.configs import open_config

    config = open_config(options.config, options.overrides)
    if (options.seeds or 1) > 1:
        return train_seeds(config, options.seeds, out, resume=options.resume)
    return train(config, out, resume=options.resume)


def train(config: "Config", out: "Output", *, resume: bool = False) -> int:
    """Train a config; with ``resume``, finish its newest unfinished run if there is one.

    Returns:
        0 done, 1 diverged or not saved; 130, 143 or 129 after a signal.

    Raises:
        EngineError: it could not begin.
    """
    from engine.services.resume import find_unfinished
    from tui.cli.narration import run_session

    unfinished = find_unfinished(config) if resume else None
    if unfinished is not None:
        out.say(f"resuming the unfinished run {unfinished.id}")
        return run_session(config, out, resume=unfinished.path)
    if resume:
        out.say(f"no unfinished run of this config in {config.runs_dir}: training from the start")
    return run_session(config, out)


def train_seeds(config: "Config", count: int, out: "Output", *, resume: bool = False) -> int:
    """Train a config with several seeds; with ``resume``, what is left of its newest group.

    Returns:
        0 all are done, 1 one diverged or was not saved; 130, 143 or 129 after a signal.

    Raises:
        EngineError: it could not begin.
    """
    from engine.services.resume import find_unfinished_group, plan_seeds
    from tui.cli.seeds import train_group

    plan = find_unfinished_group(config, count) if resume else None
    if resume and plan is None:
        out.say(f"no unfinished group of this config in {config.runs_dir}: starting a new one")
    return train_group(plan or plan_seeds(config, count), out)
