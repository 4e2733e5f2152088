"""``cnn-tui lr-find``: find a learning rate for a config."""

import argparse

from tui.cli.parser import Parser, add_config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from engine.services.rate_finder import RateFinding
    from tui.cli.output import Output

EXAMPLES = (
    "cnn-tui lr-find quickstart",
    "cnn-tui lr-find my.yaml --from 1e-5 --to 1 --steps 200 --write",
)


def add_arguments(parser: Parser) -> None:
    add_config(parser)
    add = parser.add_argument
    add("--from", type=float, default=1e-6, dest="low", metavar="LR", help="default: 1e-6")
    add("--to", type=float, default=10.0, dest="high", metavar="LR", help="default: 10")
    add("--steps", type=int, default=100, metavar="N", help="batches; default: 100")
    add("--write", action="store_true", help="write what is found into the config's file")


def run(options: argparse.Namespace, out: "Output") -> int:
    """Sweep the learning rate, and say which one to use.

    Returns:
        0 with a suggestion, 1 without one.

    Raises:
        ConfigError: the config, the range or the file to be written is wrong.
        DataError: the data set is missing or corrupt.
        Interrupted: by a signal.
    """
    from engine.errors import ExitCode
    from engine.services.configs import open_config
    from engine.services.rate_finder import find_rate, writable_config, write_rate
    from engine.workbench import RateRange
    from tui.cli.interruption import interruptible

    rates = RateRange(options.low, options.high, options.steps)
    path = writable_config(options.config) if options.write else None
    config = open_config(options.config, options.overrides)
    with interruptible(out) as signals:
        found = find_rate(
            config,
            rates,
            say=out.say,
            progress=out.progress.update,
            cancelled=lambda: signals.received is not None,
        )
    if path is not None and found.suggestion is not None:
        write_rate(path, found.suggestion)
        if options.overrides:
            out.say(f"{path} does not have the --set values with which this was found")
    _print(found, out, _command(options, found), str(path or ""))
    return ExitCode.FAILED if found.suggestion is None else ExitCode.DONE


def _print(found: "RateFinding", out: "Output", command: str, path: str) -> None:
    from tui.cli.tables.rate_chart import rate_chart

    reading = found.reading
    for point in found.points:
        out.json({"event": "step", "lr": point.lr, "loss": point.loss, "smoothed": point.smoothed})
    out.json(
        {
            "event": "end",
            "suggestion": found.suggestion,
            "lowest_lr": reading.lowest_lr if reading else None,
            "steepest_lr": reading.steepest_lr if reading else None,
            "ended": found.end,
            "last_lr": found.last_lr,
            "sentences": found.sentences(),
            "set": found.override or None,
            "written": (path or None) if found.override else None,
        }
    )
    out.picture(rate_chart(found))
    out.text("\n".join(found.sentences()))
    if path and found.override:
        out.text(f"{path}: {found.override} written")
    elif found.override:
        out.text(f"to train with it: {command}")


def _command(options: argparse.Namespace, found: "RateFinding") -> str:
    """The command that trains the same config with what was found."""
    from engine import paths
    from engine.services.configs import DEFAULT
    from engine.services.rate_finder import KEY

    kept = [each for each in options.overrides if each.partition("=")[0].strip() != KEY]
    words = ["cnn-tui", "train", "--config", options.config or DEFAULT]
    words += [word for each in [*kept, found.override] for word in ("--set", each)]
    return " ".join(map(paths.quote, words))
