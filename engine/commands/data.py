"""The data sets: ``cnn-tui data list``, ``fetch`` and ``verify``."""

from pathlib import Path

from engine.commands.output import Output, table
from engine.commands.signals import Signals
from engine.data import DATASETS, fetch, how_to_get, locate, verify


def list_datasets(root: Path | None, out: Output) -> int:
    """Which data sets there are, and which of them are here."""
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


def fetch_dataset(name: str, root: Path | None, out: Output) -> int:
    """Download a data set, checked against pinned checksums.

    Raises:
        DataError: it cannot be had; the message says which file to put where instead.
        Interrupted: by a signal.
    """
    with Signals(on_leave=out.progress.abandon) as signals:
        try:
            place = fetch(
                name,
                root,
                progress=out.progress.update,
                cancelled=lambda: signals.received is not None,
            )
        finally:
            out.progress.close()
    out.json({"name": name, "place": str(place)})
    out.text(f"{name} is in {place}")
    return 0


def verify_dataset(name: str, root: Path | None, out: Output) -> int:
    """Check every file of a data set.

    Returns:
        0 if all are well, else 3.
    """
    states = verify(name, root)
    for file in states:
        out.json({"file": str(file.path), "state": file.state, "reason": file.reason})
    out.text(table(("file", "state", ""), [(str(f.path), f.state, f.reason) for f in states]))
    if all(file.state == "ok" for file in states):
        return 0
    out.say(f"{name}: {how_to_get(name, root)}")
    return 3
