"""``cnn-tui gradcheck``: check the gradients of a network on real samples."""

import argparse

from tui.cli.parser import Parser, add_config, add_weights

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from engine.config import Config
    from engine.gradcheck import Mode
    from tui.cli.output import Output

EXAMPLES = (
    "cnn-tui gradcheck quickstart",
    "cnn-tui gradcheck --weights quickstart --mode exact --samples 2",
)


def add_arguments(parser: Parser) -> None:
    from typing import get_args

    from engine.gradcheck import Mode

    add_config(parser, default="that of the run, or quickstart")
    add_weights(parser, default="fresh weights")
    parser.add_argument(
        "--mode",
        choices=get_args(Mode),
        default="directions",
        help="every entry, or a few random directions of each tensor (default, fast)",
    )
    parser.add_argument("--samples", type=int, default=4, help="number of test images; default: 4")


def run(options: argparse.Namespace, out: "Output") -> int:
    from engine.services.configs import open_config
    from engine.services.trained import find_trained

    if options.weights is None:
        config, weights = open_config(options.config, options.overrides), None
    else:
        config, weights = find_trained(
            options.weights, options.runs_dir, options.config, options.overrides
        )
    return gradcheck(config, out, weights=weights, mode=options.mode, samples=options.samples)


def gradcheck(
    config: "Config",
    out: "Output",
    *,
    weights: "Path | None" = None,
    mode: "Mode" = "directions",
    samples: int = 4,
) -> int:
    """Check the gradients of a config's network and loss, and print a row for each tensor.

    Args:
        config, weights, mode, samples: as for ``run_check``.
        out: gets a table, or under ``--json`` a line for each tensor.

    Returns:
        0 all gradients are right, 1 some are wrong or hidden by rounding; 130, 143 or 129 after a
        signal.

    Raises:
        ConfigError: no such number of samples.
        CheckpointError: the weights cannot be used.
        DataError: the data set is missing or corrupt.
    """
    from engine.errors import ExitCode
    from engine.gradcheck.report import row_to_json
    from engine.services.gradcheck import run_check
    from tui.cli.interruption import interruptible

    with interruptible(out) as signals:
        report = run_check(
            config,
            weights=weights,
            mode=mode,
            samples=samples,
            say=out.say,
            progress=out.progress.update,
            cancelled=lambda: signals.received is not None,
        )
    for row in report.rows:
        out.json({"event": "tensor", **row_to_json(row)})
    out.json({"event": "end", **{k: v for k, v in report.to_json().items() if k != "rows"}})
    out.text(str(report))
    return signals.exit_code or (ExitCode.DONE if report.passed else ExitCode.FAILED)
