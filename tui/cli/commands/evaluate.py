"""``cnn-tui evaluate``: evaluate a trained network on the test set."""

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

from tui.cli.parser import Parser, add_config, add_weights, count, terminal_columns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from engine.config import Config
    from engine.services.evaluation.evaluate import Measurement
    from tui.cli.output import Output

MATRIX_CLASSES = 12
"""Classes up to which the confusion matrix is shown, and every class in its order."""

MOST_ROWS = 20
"""Rows of a table of classes or mistakes at most; ``--json`` has all."""

EXAMPLES = (
    "cnn-tui evaluate --weights quickstart",
    "cnn-tui evaluate --weights quickstart --mistakes 20",
    "cnn-tui evaluate --weights quickstart --over-epochs",
)


def add_arguments(parser: Parser) -> None:
    add_config(parser, default="that of the run")
    add_weights(parser)
    parser.add_argument(
        "--mistakes",
        type=count,
        metavar="N",
        help="also list the N images with the largest loss, and the N most confident mistakes",
    )
    parser.add_argument(
        "--against",
        metavar="W",
        help="compare with another network of the same data: both accuracies, and what changed",
    )
    parser.add_argument(
        "--over-epochs",
        action="store_true",
        help="show each class over the epochs of the run instead, from the film that it keeps",
    )


def run(options: argparse.Namespace, out: "Output") -> int:
    from engine.errors import ConfigError
    from engine.services.trained import find_trained

    if options.over_epochs and (options.mistakes is not None or options.against is not None):
        raise ConfigError("--over-epochs goes without --mistakes and --against; leave them out")
    config, weights = find_trained(
        options.weights, options.runs_dir, options.config, options.overrides
    )
    if options.over_epochs:
        return over_epochs(config, weights, out)
    against = None if options.against is None else _second(options)
    return evaluate(config, weights, out, mistakes=options.mistakes, against=against)


def over_epochs(config: "Config", weights: "Path", out: "Output") -> int:
    """Print how much of each class was predicted right after the epochs of a run.

    Args:
        config: network, loss and data set.
        weights: the run, or a file of it.
        out: where to.

    Raises:
        ConfigError: the weights are those of no run.
        CheckpointError: the run has no film, or a frame of it is damaged.
        DataError: the data set is missing or corrupt.
        Interrupted: by a signal.
    """
    from engine.errors import ConfigError
    from engine.services.evaluation.class_history import class_history
    from engine.services.runs import run_at
    from tui.cli.interruption import interruptible
    from tui.cli.tables import class_history as shown

    run = run_at(str(weights))
    if run is None:
        raise ConfigError(f"{weights}: it is in no run, so it has no epochs; name a run")
    with interruptible(out) as signals:
        found = class_history(
            config,
            run,
            progress=out.progress.update,
            cancelled=lambda: signals.received is not None,
        )
    out.json(shown.as_json(found))
    out.text(shown.as_text(found))
    return 0


def _second(options: argparse.Namespace) -> "tuple[Config, Path]":
    """The network to compare with: with the config of its run, else with the one that is given."""
    from pathlib import Path

    from engine.services.configs import open_config
    from engine.services.runs import run_at
    from engine.services.trained import find_trained, locate

    root = options.runs_dir
    if root is None and options.config is not None:
        root = open_config(options.config, options.overrides).runs_dir
    weights = locate(options.against, root or Path("runs"))
    config = None if run_at(str(weights)) is not None else options.config
    return find_trained(str(weights), root, config, options.overrides)


def evaluate(
    config: "Config",
    weights: "Path",
    out: "Output",
    *,
    mistakes: int | None = None,
    against: "tuple[Config, Path] | None" = None,
) -> int:
    """Print loss, accuracy, macro F1, the scores of the classes, and the confusion matrix.

    In place of a matrix that would not fit, there are the most frequent mistakes.

    Args:
        config: network, loss and data set.
        weights: weights, a checkpoint or a run.
        out: where to.
        mistakes: also list so many of the images that the network does worst on; None for none.
        against: a second network, to compare with; then the text is of the comparison.

    Raises:
        ConfigError: the second network is of other data or other classes.
        CheckpointError: the weights cannot be used.
        DataError: the data set is missing or corrupt.
        Interrupted: by a signal.
    """
    from engine.services.evaluation.compare import check_comparable, compare
    from engine.services.evaluation.evaluate import measure
    from tui.cli.interruption import interruptible
    from tui.cli.tables import comparison

    if against is not None:
        check_comparable(config, against[0])
    with interruptible(out) as signals:
        found, *others = (
            measure(
                *network,
                progress=out.progress.update,
                cancelled=lambda: signals.received is not None,
            )
            for network in filter(None, ((config, weights), against))
        )
    for one in (found, *others):
        if one.note:
            out.complain(f"warning: {one.note}")
    compared = compare(found, others[0]) if others else None
    names = (str(weights), str(against[1]) if against is not None else "")
    out.json(
        {
            "test_loss": found.result.loss,
            "test_acc": found.result.acc,
            **({} if found.acc_views is None else {"test_acc_views": found.acc_views}),
            "test_macro_f1": found.macro_f1,
            "test_top5": found.result.top5,
            "samples": len(found.result.labels),
            "classes": found.classes,
            "mean": found.mean,
            "std": found.std,
            **found.scores._asdict(),
            "confusion": found.confusion,
            **({} if mistakes is None else {"mistakes": _worst(found, mistakes)}),
            **({} if compared is None else {"against": comparison.as_json(compared, names)}),
        }
    )
    parts = [_report(found)] if compared is None else [*comparison.as_text(compared, names)]
    if mistakes is not None:
        parts += _worst_tables(found, mistakes)
    out.text("\n\n".join(parts))
    return 0


def _report(found: "Measurement") -> str:
    from engine.numbers import metric
    from engine.sanitize import printable

    result = found.result
    names = [printable(name, None) for name in found.classes]
    matrix = _matrix(names, found) if len(names) <= MATRIX_CLASSES else None
    top5 = f"top-5 {metric(result.top5)}  " if len(names) > 5 else ""  # else it is 1
    views = "" if found.acc_views is None else f"test_acc_views {metric(found.acc_views)}  "
    parts = [
        f"test_loss {metric(result.loss)}  test_acc {metric(result.acc)}  {views}"
        f"macro_f1 {metric(found.macro_f1)}  {top5}{len(result.labels):,} samples"
    ]
    if matrix is None:
        parts += [_mistakes(names, found), *_class_table(names, found)]
    else:
        parts += [*_class_table(names, found), matrix]
    return "\n\n".join(parts)


def _class_table(names: Sequence[str], found: "Measurement") -> Iterator[str]:
    """The scores of every class in its order; of many, the worst by F1, the worst first."""
    from rich.cells import cell_len

    from engine.numbers import metric
    from engine.text_table import table
    from tui.cli.tables.names import cut_name

    order = list(range(len(names)))
    if len(names) > MATRIX_CLASSES:
        order.sort(key=lambda i: (found.scores.support[i] == 0, found.scores.f1[i]))
    rows = [
        (
            cut_name(names[i], 32),
            *(metric(score[i]) for score in found.scores[:3]),
            f"{found.scores.support[i]:,}",
        )
        for i in order[:MOST_ROWS]
    ]
    yield table(("class", "precision", "recall", "f1", "samples"), rows, "lrrrr", cell_len)
    if len(order) > MOST_ROWS:
        yield (
            f"The {MOST_ROWS} of {len(order):,} classes with the lowest F1; --json has all, and "
            "the matrix."
        )


def _matrix(names: Sequence[str], found: "Measurement") -> str | None:
    """The confusion matrix, with names as long as the terminal allows.

    Returns:
        None if it does not fit, or would with names that are cut to the same.
    """
    from rich.cells import cell_len

    from engine.text_table import table
    from tui.cli.tables.names import cut_name

    for width in range(24, 2, -1):
        short = [cut_name(name, width) for name in names]
        if len(set(short)) < len(set(names)):
            return None
        rows = [
            (cut_name(name, max(width, 16)), *map(str, counts))
            for name, counts in zip(names, found.confusion.tolist(), strict=True)
        ]
        text = table(("true, predicted →", *short), rows, "l" + "r" * len(names), cell_len)
        if max(map(cell_len, text.splitlines())) <= terminal_columns():
            return text
    return None


def _mistakes(names: Sequence[str], found: "Measurement") -> str:
    """The most frequent mistakes, the worst first."""
    from rich.cells import cell_len

    from engine.services.evaluation.evaluate import worst_mistakes
    from engine.text_table import table
    from tui.cli.tables.names import cut_name

    rows = [
        (
            cut_name(names[true], 26),
            cut_name(names[predicted], 26),
            f"{found.confusion[true, predicted]:,} of {found.scores.support[true]:,}",
        )
        for true, predicted in worst_mistakes(found.confusion, MOST_ROWS)
    ]
    return table(("true", "predicted", "times"), rows, "llr", cell_len) if rows else "no mistakes"


def _worst(found: "Measurement", most: int) -> dict[str, list[dict[str, Any]]]:
    """The images that the network does worst on, in both orders, for JSON."""
    from engine.services.evaluation.evaluate import ORDERS, worst_images

    result, classes = found.result, found.classes
    return {
        f"by_{order}": [
            {
                "image": i,
                "label": classes[result.labels[i]],
                "predicted": None if (label := result.predictions[i]) < 0 else classes[label],
                "probability": float(result.confidences[i]),
                "loss": float(result.losses[i]),
            }
            for i in worst_images(result, order, most)
        ]
        for order in ORDERS
    }


def _worst_tables(found: "Measurement", most: int) -> Iterator[str]:
    """The same as tables."""
    from rich.cells import cell_len

    from engine.numbers import metric
    from engine.sanitize import printable
    from engine.text_table import table
    from tui.cli.tables.names import cut_name

    titles = {
        "by_loss": ("The image with the largest loss", "The {} images with the largest loss"),
        "by_confidence": ("The most confident mistake", "The {} most confident mistakes"),
    }
    header = ("image", "true", "predicted", "", "probability", "loss")
    for name, rows in _worst(found, most).items():
        if not rows:
            yield "no mistakes"
            continue
        cells = []
        for row in rows:
            label, predicted = row["label"], row["predicted"]
            cells.append(
                (
                    f"#{row['image']}",
                    cut_name(printable(label, None), 20),
                    "none" if predicted is None else cut_name(printable(predicted, None), 20),
                    "right" if label == predicted else "wrong",
                    metric(row["probability"]),
                    metric(row["loss"]),
                )
            )
        title = titles[name][len(rows) > 1].format(len(rows))
        yield f"{title}:\n{table(header, cells, 'rlllrr', cell_len)}"
