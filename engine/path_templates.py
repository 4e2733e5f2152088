"""File name templates with placeholders for epoch and metrics: ``net-{epoch:02d}.npz``.

As in Keras, epochs count from 1, and ``{{`` stands for a brace. What ``str.format`` would do
beyond that, such as reading attributes, is refused.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from string import Formatter

from engine.sanitize import printable

METRICS = ("loss", "acc", "val_loss", "val_acc", "lr")
NAMES = ("epoch", *METRICS)

_SPEC = re.compile(r"0?[0-9]{0,2}(\.[0-9]{1,2})?[defg]?")
_SAMPLE: Mapping[str, float] = {"epoch": 1, **dict.fromkeys(METRICS, 0.5)}


def problem(text: str, names: tuple[str, ...]) -> str | None:
    """Find the problem of a template; None if it is valid.

    Args:
        text: the name, with placeholders.
        names: those that it may have.
    """
    try:
        parts = [part[1:] for part in Formatter().parse(text) if part[1] is not None]
    except ValueError:
        return "a brace without its partner; for a brace in a name write it twice: {{ or }}"
    for name, spec, conversion in parts:
        shown = printable(f"{{{name}}}")
        if name not in names:
            known = ", ".join(f"{{{known}}}" for known in names)
            expected = f"expected one of {known}" if names else "this file has none"
            return f"unknown placeholder {shown}; {expected} (for braces in a name write {{{{ }}}})"
        try:
            if conversion is not None or not _SPEC.fullmatch(spec or ""):
                raise ValueError
            format(_SAMPLE[str(name)], spec or "")
        except ValueError:
            example = "{epoch:03d}" if name == "epoch" else f"{{{name}:.4f}}"
            return f"the format of the placeholder {shown} is not understood; e.g. {example}"
    return None


def fill(text: str, epoch: int, logs: Mapping[str, float]) -> str:
    """Fill in the template of an epoch's file.

    Args:
        text: a name without a ``problem``.
        epoch: counted from 1.
        logs: the metrics of the epoch.
    """
    return text.format(epoch=epoch, **{name: logs[name] for name in METRICS if name in logs})


def below(folder: Path, name: Path) -> Path:
    """Join a folder and a template; braces of the folder are escaped."""
    return Path(str(folder).replace("{", "{{").replace("}", "}}")) / name


def sample(text: str) -> str:
    """Example of a file name that a template gives."""
    return fill(text, 1, _SAMPLE)
