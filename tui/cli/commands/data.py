"""``cnn-tui data``: list, fetch or verify the data sets."""

import argparse

from tui.cli.parser import Parser, path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from tui.cli.output import Output


def add_arguments(parser: Parser) -> None:
    verbs = parser.add_verbs(
        {
            "list": "list the data sets",
            "fetch": "download a data set",
            "verify": "check the files of a data set",
        }
    )
    for verb, one in verbs.items():
        if verb != "list":
            one.add_argument("name", help="e.g. mnist")
        one.add_argument(
            "--root", type=path, help="folder of the data sets; default: $CNN_TUI_DATA or data/raw"
        )


def run(options: argparse.Namespace, out: "Output") -> int:
    if options.verb == "list":
        return list_datasets(options.root, out)
    verb = fetch_dataset if options.verb == "fetch" else verify_dataset
    return verb(options.name, options.root, out)


def list_datasets(root: "Path | None", out: "Output") -> int:
    """Print all data sets, and the folders of those that are on this machine."""
    from engine.data import DATASETS, locate
    from engine.text_table import table

    rows = []
    for name, info in DATASETS.items():
        place = locate(name, root)
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
