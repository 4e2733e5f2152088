"""``cnn-tui explain``: which pixels of an image speak for a class."""

import argparse

from tui.cli.parser import CONFIG, Parser, add_overrides, add_weights, file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from engine.services.explain import Explanation
    from engine.services.predict import TrainedNetwork
    from tui.cli.output import Output

EXAMPLES = (
    "cnn-tui explain --weights quickstart 3",
    "cnn-tui explain --weights quickstart photo.jpg --target 7 --output heat.png",
)


def add_arguments(parser: Parser) -> None:
    from engine.saliency import METHODS

    parser.add_argument(
        "image",
        metavar="IMAGE|INDEX",
        help="an image file, or the number of an image of the test set",
    )
    add_weights(parser)
    parser.add_argument(
        "--config", metavar="CONFIG", help=f"{CONFIG}; default: what the weights say"
    )
    add_overrides(parser)
    parser.add_argument(
        "--method",
        choices=list(METHODS),
        default=next(iter(METHODS)),
        help="default: %(default)s",
    )
    parser.add_argument(
        "--target", metavar="CLASS", help="the class to explain; default: the predicted one"
    )
    parser.add_argument(
        "--output", type=file, metavar="P", help="PNG file to write: the image and its heat map"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")


def run(options: argparse.Namespace, out: "Output") -> int:
    from engine.services.explain import (
        check_output,
        class_index,
        explain,
        find_subject,
        write_picture,
    )
    from engine.services.predict import open_network

    if options.output is not None:
        check_output(options.output, overwrite=options.overwrite)
    network = open_network(options.weights, options.runs_dir, options.config, options.overrides)
    target = class_index(network, options.target)
    subject = find_subject(network, options.image)
    found = explain(network, subject, options.method, target)
    if options.output is not None:
        write_picture(found, options.output)
    _print(network, found, options.method, out, str(options.output or ""))
    return 0


def _print(
    network: "TrainedNetwork", found: "Explanation", method: str, out: "Output", written: str
) -> None:
    import math

    import numpy as np

    from engine.numbers import significant
    from engine.sanitize import printable, visible
    from engine.services.explain import overlay
    from tui.cli.tables.contact_sheet import contact_sheet

    classes, heat, label = network.info.classes, found.heat, found.subject.label
    strongest = [
        tuple(map(int, np.unravel_index(pick(heat.values), heat.values.shape)))
        for pick in (np.argmax, np.argmin)
    ]
    baseline = None if math.isnan(heat.baseline) else heat.baseline
    out.json(
        {
            "image": found.subject.name,
            "label": None if label is None else classes[label],
            "predicted": classes[found.predicted],
            "probability": float(found.probabilities[found.predicted]),
            "method": method,
            "target": classes[found.target],
            "score": heat.score,
            "baseline": baseline,
            "sum": float(heat.values.sum()),
            "most_for": strongest[0],
            "most_against": strongest[1],
            "values": heat.values.tolist(),
            "output": written or None,
        }
    )
    sheet = np.moveaxis(overlay(found), 2, 0)
    pictures = {0: [found.subject.picture], 1: [sheet]}
    out.picture(contact_sheet(["image", "heat map"], lambda i, count: pictures[i]))
    predicted, target = (printable(classes[i]) for i in (found.predicted, found.target))
    truth = "" if label in (None, found.predicted) else f"  ✗ {printable(classes[label])}"
    out.text(
        f"{visible(found.subject.name)}: {predicted} "
        f"{found.probabilities[found.predicted]:.1%}{truth}"
    )
    words = [f"{method} for {target}: most for it at row {strongest[0][0]}, "
             f"column {strongest[0][1]}"]  # fmt: skip
    if heat.values.min() < 0:
        words.append(f"most against it at row {strongest[1][0]}, column {strongest[1][1]}")
    out.text(", ".join(words))
    if baseline is not None:
        out.text(
            f"the pixels add up to {significant(float(heat.values.sum()))}; the score rises by "
            f"{significant(heat.score - baseline)} above that of the mean image"
        )
    if written:
        out.text(visible(written))
