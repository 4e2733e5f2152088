"""What ``data show`` prints of a data set."""

import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import cell_len, set_cell_size

from engine.layers import shape_text
from engine.numbers import significant
from engine.sanitize import printable
from engine.services.datasets import Overview

_NAME = 24
_LEAST_BAR = 4


def as_json(found: Overview) -> dict[str, Any]:
    """All of it, for ``--json``."""
    info = found.info
    return {
        "name": info.name,
        "title": info.title,
        "place": str(found.place),
        "source": dict(found.source),
        "image_shape": info.image_shape,
        "train": info.train_size,
        "test": info.test_size,
        "mean": info.mean,
        "std": info.std,
        "imbalance": found.imbalance,
        "classes": info.classes,
        "train_counts": found.train,
        "test_counts": found.test,
    }


def as_text(found: Overview) -> str:
    """The facts, and a line for every class."""
    info = found.info
    facts = [
        ("title", info.title),
        ("place", str(found.place)),
        *(("source", words) for words in _source(found.source)),
        (
            "images",
            f"{shape_text(info.image_shape)}, {len(found.dataset.train):,} train + "
            f"{len(found.dataset.test):,} test, {len(info.classes):,} classes",
        ),
        ("mean", ", ".join(map(significant, info.mean))),
        ("std", ", ".join(map(significant, info.std))),
        ("imbalance", _imbalance(found)),
    ]
    lines = [f"{label:<11}{printable(words, None)}" for label, words in facts]
    width = shutil.get_terminal_size((80, 24)).columns
    return "\n".join([*lines, "", *_counts(info.classes, found, width)])


def _source(source: Mapping[str, Any]) -> list[str]:
    lines = []
    for key, value in source.items():
        if isinstance(value, Mapping):
            value = ", ".join(f"{name} {one}" for name, one in value.items())
        lines.append(f"{key}: {printable(str(value), 200)}")
    return lines


def _imbalance(found: Overview) -> str:
    largest, smallest = int(found.train.max()), int(found.train.min())
    times = f"{found.imbalance:.1f}" if smallest else "no training images of some classes"
    return f"{times} (largest class {largest:,}, smallest {smallest:,} training images)"


def _counts(classes: Sequence[str], found: Overview, width: int) -> list[str]:
    """A line for every class: its name, and a number and a bar for each part."""
    names = [printable(name, _NAME) for name in classes]
    wide = max(map(cell_len, ("class", *names)))
    parts = []
    for title, counts in (("train", found.train), ("test", found.test)):
        figures = [f"{count:,}" for count in counts.tolist()]
        digits = max(map(len, (title, *figures)))
        parts.append((title, counts, figures, digits))
    room = (width - wide - sum(digits + 3 for *_, digits in parts)) // 2
    bar = max(room, _LEAST_BAR)
    heading = set_cell_size("class", wide)
    for title, _, _, digits in parts:
        heading += f"  {title:>{digits}} {'':{bar}}"
    lines = [heading.rstrip()]
    for i, name in enumerate(names):
        line = set_cell_size(name, wide)
        for _, counts, figures, digits in parts:
            length = round(bar * int(counts[i]) / max(int(counts.max()), 1))
            line += f"  {figures[i]:>{digits}} {'█' * length:{bar}}"
        lines.append(line.rstrip())
    return lines
