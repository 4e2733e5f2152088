"""``cnn-tui data``: list, show, fetch, verify, import or remove data sets."""

import argparse

from tui.cli.parser import Parser, image_size, path, seed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np

    from tui.cli.output import Output

EXAMPLES = (
    "cnn-tui data list",
    "cnn-tui data show mnist_mini",
    "cnn-tui data import photos --name pets --size 32",
    "cnn-tui data fetch mnist",
    "cnn-tui data verify mnist_mini",
    "cnn-tui data remove pets",
)


def add_arguments(parser: Parser) -> None:
    verbs = parser.add_verbs(
        {
            "list": "list the data sets",
            "show": "show the images a class of a data set, and samples of them",
            "fetch": "download a data set",
            "verify": "check the files of a data set",
            "import": "make a data set of your own images",
            "remove": "remove an imported data set",
        }
    )
    for verb, one in verbs.items():
        if verb == "import":
            _add_import(one)
        elif verb != "list":
            one.add_argument("name", metavar="DATASET", help="e.g. mnist")
        if verb == "remove":
            one.add_argument("--yes", action="store_true", help="do not ask")
        one.add_argument(
            "--root",
            type=path,
            metavar="DIR",
            help="folder of the data sets; default: $CNN_TUI_DATA or data/raw",
        )


def _add_import(parser: Parser) -> None:
    """The source, and how it is imported; the defaults are those of ``ImportOptions``."""
    add = parser.add_argument
    add(
        "source",
        type=path,
        metavar="SOURCE",
        help="a folder with a folder of images for each class, a zip or tar of one, a CSV table, a "
        "NumPy archive, or files in the format of MNIST or CIFAR",
    )
    add("--name", required=True, help="name of the data set, as configs will have it")
    add("--size", type=image_size, metavar="H[xW]", help="bring all images to this size")
    add("--channels", type=int, choices=(1, 3), help="1 for grey, 3 for colour; default: as found")
    add(
        "--fit",
        choices=("pad", "crop", "stretch"),
        default="pad",
        help="images of another aspect: black bars (the default), cut off, or change the aspect",
    )
    add(
        "--ink",
        action=argparse.BooleanOptionalAction,
        help="make them light strokes on black, centred, as MNIST's digits; where they are so "
        "already, images to be classified will be made so, unless --no-ink is given",
    )
    test = parser.add_mutually_exclusive_group()
    test.add_argument(
        "--test",
        type=float,
        default=0.2,
        metavar="FRACTION",
        help="share of each class that is kept for testing, where the source has no test images; "
        "default: 0.2",
    )
    test.add_argument("--test-source", type=path, metavar="PATH", help="the test images")
    add("--label", metavar="COLUMN", help="the column of a table that has the labels")
    add("--classes", metavar="A,B,C", help="names of the classes, in the order of their labels")
    add(
        "--unreadable",
        choices=("skip", "refuse"),
        default="refuse",
        help="what becomes of files that cannot be read; default: refuse",
    )
    add("--seed", type=seed, default=42, metavar="N", help="of the choice of test images")
    add("--replace", action="store_true", help="replace an imported data set of that name")
    add("--normalise-as", metavar="DATASET", help="take mean and std of another data set")


def run(options: argparse.Namespace, out: "Output") -> int:
    if options.verb == "list":
        return list_datasets(options.root, out)
    if options.verb == "import":
        from tui.cli.importing import import_from

        return import_from(options, out)
    if options.verb == "remove":
        from tui.cli.importing import remove_imported

        return remove_imported(options.name, options.root, out, yes=options.yes)
    verb = {"show": show_dataset, "fetch": fetch_dataset, "verify": verify_dataset}[options.verb]
    return verb(options.name, options.root, out)


def list_datasets(root: "Path | None", out: "Output") -> int:
    """Print all data sets, and the folders of those that are on this machine."""
    from engine.data import default_root, get, names
    from engine.text_table import table

    rows = []
    for name in names(root):
        info = get(name, root)
        place = info.locate(root or default_root())
        shape = "×".join(map(str, info.image_shape))
        size = f"{info.train_size:,} + {info.test_size:,}"
        rows.append((name, info.title, shape, size, str(place or "not here")))
        out.json(
            {
                "name": name,
                "title": info.title,
                "image_shape": info.image_shape,
                "train": info.train_size,
                "test": info.test_size,
                "place": None if place is None else str(place),
            }
        )
    out.text(table(("name", "title", "image", "train + test", "place"), rows))
    return 0


def show_dataset(name: str, root: "Path | None", out: "Output") -> int:
    """Print what a data set holds, and samples of each class where stdout is a terminal.

    Raises:
        DataError: it is missing or damaged.
    """
    from engine.services.datasets import overview, samples_of_classes
    from tui.cli.tables import data_report
    from tui.cli.tables.contact_sheet import contact_sheet

    found = overview(name, root)
    out.json(data_report.as_json(found))
    out.text(data_report.as_text(found))
    train, classes = found.dataset.train, found.info.classes

    samples = samples_of_classes(train.labels, len(classes), 8)

    def first_images(label: int, most: int) -> "Sequence[np.ndarray]":
        return list(train.take(samples[label][:most]))

    out.picture(contact_sheet(classes, first_images))
    return 0


def fetch_dataset(name: str, root: "Path | None", out: "Output") -> int:
    """Download a data set, and check it against pinned checksums.

    Raises:
        DataError: it cannot be downloaded; the message says which file to put where instead.
        Interrupted: by a signal.
    """
    from engine.data import fetch
    from tui.cli.interruption import interruptible

    with interruptible(out) as signals:
        place = fetch(
            name,
            root,
            progress=out.progress.update,
            cancelled=lambda: signals.received is not None,
        )
    out.json({"name": name, "place": str(place)})
    out.text(f"{name} is in {place}")
    return 0


def verify_dataset(name: str, root: "Path | None", out: "Output") -> int:
    """Check every file of a data set.

    Returns:
        0 if all are well, else 3.
    """
    from engine.data import how_to_get, verify
    from engine.errors import ExitCode
    from engine.text_table import table

    states = verify(name, root)
    for file in states:
        out.json({"file": str(file.path), "state": file.state, "reason": file.reason})
    out.text(table(("file", "state", ""), [(str(f.path), f.state, f.reason) for f in states]))
    if all(file.state == "ok" for file in states):
        return ExitCode.DONE
    out.say(f"{name}: {how_to_get(name, root)}")
    return ExitCode.BAD_FILE
