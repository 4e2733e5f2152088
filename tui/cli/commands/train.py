"""``cnn-tui train``, which is also ``cnn-tui --no-ui``: train a config headless."""

import argparse

from tui.cli.parser import Parser, add_config, add_continue, add_portable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from engine.config import Config
    from tui.cli.output import Output

EXAMPLES = (
    "cnn-tui train quickstart",
    "cnn-tui train quickstart --set train.lr=0.01 --set train.epochs=3",
    "cnn-tui train --config mnist_lenet --resume",
)


def add_arguments(parser: Parser) -> None:
    add_config(parser)
    add_continue(parser)
    add_portable(parser)


def run(options: argparse.Namespace, out: "Output") -> int:
    from engine.services.configs import open_config

    return train(open_config(options.config, options.overrides), out, resume=options.resume)


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
