"""``cnn-tui evaluate``: evaluate a trained network on the test set."""

import argparse

from tui.cli.parser import Parser, add_config, add_weights

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from engine.config import Config
    from engine.services.evaluate import Measurement
    from tui.cli.output import Output


def add_arguments(parser: Parser) -> None:
    add_config(parser, default="that of the run")
    add_weights(parser)


def run(options: argparse.Namespace, out: "Output") -> int:
    from engine.services.trained import find_trained

    config, weights = find_trained(
        options.weights, options.runs_dir, options.config, options.overrides
    )
    return evaluate(config, weights, out)


def evaluate(config: "Config", weights: "Path", out: "Output") -> int:
    """Print loss, accuracy, the scores of every class, and the confusion matrix.

    Raises:
        CheckpointError: the weights cannot be used.
        DataError: the data set is missing or corrupt.
        Interrupted: by a signal.
    """
    from engine.services.evaluate import measure
    from tui.cli.interruption import interruptible

    with interruptible(out) as signals:
        found = measure(
            config,
            weights,
            progress=out.progress.update,
            cancelled=lambda: signals.received is not None,
        )
    if found.note:
        out.complain(f"warning: {found.note}")
    out.json(
        {
            "test_loss": found.result.loss,
            "test_acc": found.result.acc,
            "test_top5": found.result.top5,
            "samples": len(found.result.labels),
            "classes": found.classes,
            "mean": found.mean,
            "std": found.std,
            **found.scores._asdict(),
            "confusion": found.confusion,
        }
    )
    out.text(_report(found))
    return 0


def _report(found: "Measurement") -> str:
    from engine.numbers import metric
    from engine.text_table import table

    per_class = [
        (name, metric(precision), metric(recall), metric(f1), f"{support:,}")
        for name, precision, recall, f1, support in zip(found.classes, *found.scores, strict=True)
    ]
    rows = [
        (name, *map(str, counts))
        for name, counts in zip(found.classes, found.confusion.tolist(), strict=True)
    ]
    columns = ("true, predicted →", *(name[:6] for name in found.classes))
    result = found.result
    return "\n".join(
        [
            f"test_loss {metric(result.loss)}  test_acc {metric(result.acc)}  "
            f"top-5 {metric(result.top5)}  {len(result.labels):,} samples",
            "",
            table(("class", "precision", "recall", "f1", "samples"), per_class, "lrrrr"),
            "",
            table(columns, rows, "l" + "r" * len(found.classes)),
        ]
    )
