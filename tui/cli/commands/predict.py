"""``cnn-tui predict``: ask a trained network about image files."""

import argparse

from tui.cli.parser import CONFIG, Parser, add_overrides, add_weights, count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.services.predict import Answer, Question, Score, TrainedNetwork, Unanswered
    from tui.cli.output import Output

_SHOWN = 4
"""Images in a command whose pictures are shown."""

EXAMPLES = (
    "cnn-tui predict --weights quickstart photo.jpg",
    "cnn-tui predict --weights quickstart photos --top 5 --json",
)


def add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "images",
        nargs="+",
        metavar="IMAGE|FOLDER",
        help="image files, and folders of such; in folders that are called as the classes are, "
        "the images are known to be of that class",
    )
    add_weights(parser)
    parser.add_argument(
        "--config", metavar="CONFIG", help=f"{CONFIG}; default: what the weights say"
    )
    add_overrides(parser)
    parser.add_argument(
        "--top", type=count, default=3, metavar="K", help="classes for each image; default: 3"
    )


def run(options: argparse.Namespace, out: "Output") -> int:
    from engine.services.predict import open_network

    network = open_network(options.weights, options.runs_dir, options.config, options.overrides)
    return predict(network, [_path(text) for text in options.images], out, top=options.top)


def predict(network: "TrainedNetwork", paths: "Sequence[str]", out: "Output", *, top: int) -> int:
    """Print the most probable classes of every image, and how many are right where that is known.

    Returns:
        3 if a file could not be read; the others are answered before.

    Raises:
        Interrupted: by a signal.
    """
    from engine.errors import ExitCode
    from engine.importing.source import Watch
    from engine.services.predict import Score, Unanswered, ask, find_images
    from tui.cli.interruption import interruptible

    score = Score()
    with interruptible(out) as signals:

        def cancelled() -> bool:
            return signals.received is not None

        def questions() -> "Iterator[Question | Unanswered]":
            for path in paths:
                yield from find_images(path, network.info.classes, Watch(cancelled=cancelled))

        show = len(paths) <= _SHOWN and not any(map(_is_folder, paths))
        for found in ask(network, questions(), cancelled):
            score.count(found)
            if isinstance(found, Unanswered):
                out.json({"file": found.path, "error": found.reason})
                out.complain(f"{_shown(found.path)}: {found.reason}")
            else:
                _print(network, found, out, top, show=show)
    _print_score(network, score, out)
    return ExitCode.BAD_FILE if score.unanswered else ExitCode.DONE


def _print(
    network: "TrainedNetwork", answer: "Answer", out: "Output", top: int, *, show: bool
) -> None:
    from engine.sanitize import printable
    from tui.cli.tables.contact_sheet import contact_sheet

    classes, label = network.info.classes, answer.question.label
    chosen = answer.top(top)
    out.json(
        {
            "file": answer.question.path,
            "predicted": _name(classes, answer.predicted),
            "label": _name(classes, label),
            "top": [
                {"class": classes[i], "probability": float(answer.probabilities[i])} for i in chosen
            ],
        }
    )
    if answer.predicted is None:
        words = "no prediction: the network computes no number (NaN)"
    else:
        words = ", ".join(f"{printable(classes[i])} {answer.probabilities[i]:.1%}" for i in chosen)
    mark = "" if label in (None, answer.predicted) else f"  ✗ {_name(classes, label)}"
    if show:
        out.picture(contact_sheet(["as the network sees it"], lambda *_: [answer.picture]))
    out.text(f"{_shown(answer.question.path)}: {words}{mark}")


def _print_score(network: "TrainedNetwork", score: "Score", out: "Output") -> None:
    from engine.numbers import metric
    from engine.sanitize import printable

    if score.answered + score.unanswered > 1:
        out.json(
            {
                "answered": score.answered,
                "unreadable": score.unanswered,
                "labelled": score.labelled,
                "right": score.right,
                "accuracy": score.accuracy,
            }
        )
    if score.accuracy is not None:
        lines = [f"accuracy {metric(score.accuracy)}  {score.right:,} of {score.labelled:,} right"]
        wrong = score.labelled - score.right
        if wrong:
            first = f", the first {len(score.wrong)}" if wrong > len(score.wrong) else ""
            lines.append(f"{wrong:,} wrong{first}:")
        for path, label, predicted in score.wrong:
            names = (_name(network.info.classes, i) or "nothing" for i in (label, predicted))
            was, said = map(printable, names)
            lines.append(f"  {_shown(path)}: {was}, predicted as {said}")
        out.text("\n".join(["", *lines]))
    if score.unanswered:
        total = score.answered + score.unanswered
        out.say(f"{score.unanswered:,} of {total:,} could not be read")


def _name(classes: "Sequence[str]", index: int | None) -> str | None:
    return None if index is None else classes[index]


def _path(text: str) -> str:
    """A path as it was typed; one that is there may have any name."""
    import os

    from engine.errors import DataError
    from engine.paths import parse

    return text if os.path.lexists(text) else str(parse(text, DataError))


def _is_folder(path: str) -> bool:
    import os

    return os.path.isdir(path)


def _shown(path: str) -> str:
    """A path in one line; what cannot be seen in it is marked."""
    from engine.sanitize import STAND_IN, visible

    return visible(path).replace("\n", STAND_IN)
