"""Import of a data set on the command line: its options, and the summary of what was made."""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from engine.data import default_root
from engine.errors import ConfigError
from engine.images import Preparation
from engine.importing import Found, Imported, ImportOptions, Unreadable, import_data_set
from engine.importing.removal import find_to_remove, remove
from engine.numbers import duration
from engine.paths import quote
from engine.sanitize import printable
from engine.text_table import table
from tui.cli.interruption import interruptible
from tui.cli.output import Output

_ROWS = 30  # classes that are listed


def import_from(options: argparse.Namespace, out: Output) -> int:
    """Import a data set, and say what it is and how to train on it.

    Raises:
        ConfigError: the source or an option is none that can be imported.
        DataError: something cannot be read or written.
        Interrupted: by a signal; nothing was imported.
    """
    classes = options.classes
    wanted = ImportOptions(
        name=options.name,
        size=options.size,
        channels=options.channels,
        preparation=Preparation(fit=options.fit, ink=bool(options.ink)),
        test=options.test,
        test_source=options.test_source,
        label=options.label,
        classes=None if classes is None else tuple(classes.split(",")),
        unreadable=options.unreadable,
        seed=options.seed,
        replace=options.replace,
        normalise_as=options.normalise_as,
        find_ink=options.ink is None,
    )
    made = carry_out(options.source, wanted, options.root, out)
    out.json(_facts(made))
    out.text(_summary(made))
    if made.info.preparation.ink and not wanted.preparation.ink:
        out.say(
            "these are light strokes on black: photographs and drawings to be classified will be "
            "made so, too (--no-ink does not)"
        )
    out.say(_next_step(made, options.root))
    return 0


def carry_out(source: Path, wanted: ImportOptions, root: Path | None, out: Output) -> Imported:
    """Import a data set with a progress bar, and complain of what looks like a mistake.

    Raises:
        ConfigError: the source or an option is none that can be imported.
        DataError: something cannot be read or written.
        Interrupted: by a signal; nothing was imported.
    """
    with interruptible(out) as signals:
        made = import_data_set(
            source,
            wanted,
            root,
            progress=out.progress.update,
            cancelled=lambda: signals.received is not None,
        )
    out.progress.close()
    _complain(made.unreadable, out)
    for warning in made.warnings():
        out.complain(f"warning: {warning}")
    return made


def _facts(made: Imported) -> dict[str, object]:
    info = made.info
    return {
        "name": info.name,
        "title": info.title,
        "classes": info.classes,
        "image_shape": info.image_shape,
        "train": info.train_size,
        "test": info.test_size,
        "counts": made.counts,
        "mean": info.mean,
        "std": info.std,
        "unreadable": asdict(made.unreadable),
        "duplicates": asdict(made.duplicates),
        "source": made.source,
        "seconds": made.seconds,
        "place": str(made.place),
    }


def _summary(made: Imported) -> str:
    info = made.info
    rows = [
        (printable(name), f"{train:,}", f"{test:,}")
        for name, train, test in zip(
            info.classes, made.counts["train"], made.counts["test"], strict=True
        )
    ]
    if len(rows) > _ROWS:
        rows[_ROWS:] = [(f"and {len(rows) - _ROWS:,} more", "", "")]
    rows.append(("all", f"{info.train_size:,}", f"{info.test_size:,}"))
    shape = "×".join(map(str, info.image_shape))
    mean, std = (", ".join(f"{one:.4f}" for one in some) for some in (info.mean, info.std))
    left_out = made.source.get("left_out")
    return "\n".join(
        [
            f"{info.name}: {made.source['kind']}, images {shape}, in {made.place}, "
            f"{duration(made.seconds)}",
            table(("class", "train", "test"), rows, "lrr"),
            f"mean {mean}  std {std}",
            *([f"{left_out:,} other files were left out"] if left_out else []),
        ]
    )


def _complain(unreadable: Found[Unreadable], out: Output) -> None:
    if unreadable.count:
        out.complain(f"warning: {unreadable.count:,} could not be read and were skipped:")
        for one in unreadable.first:
            out.complain(f"  {one.where}: {one.reason}")
        if unreadable.count > len(unreadable.first):
            out.complain(f"  and {unreadable.count - len(unreadable.first):,} more")


def _next_step(made: Imported, root: Path | None) -> str:
    name = made.info.name
    write = f"cnn-tui config new --dataset {name}"
    if root is not None and root != default_root():
        write += f" --root {quote(str(root))} > {name}.yaml"
        return f"next: '{write}' writes a config, 'cnn-tui train {name}.yaml' trains it"
    return f"next: 'cnn-tui train {name}' trains a first network; '{write}' prints its config"


def remove_imported(name: str, root: Path | None, out: Output, *, yes: bool) -> int:
    """Remove an imported data set, once that was confirmed.

    Args:
        name: of the data set.
        root: the folder of the data sets.
        out: gets the folder that is gone.
        yes: do not ask.

    Raises:
        ConfigError: there is no such data set, or nobody to ask.
        DataError: it cannot be removed.
    """
    folder = find_to_remove(name, root)
    if not yes:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise ConfigError(f"{folder} would be removed for good; add --yes to have it done")
        out.prompt(f"{folder}: remove it for good? [y/N] ")
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            out.say("it stays")
            return 0
    remove(name, root)
    out.json({"name": name, "removed": str(folder)})
    out.text(f"{folder} is removed")
    return 0
