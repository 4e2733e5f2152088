"""Registry of export formats."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from engine.export.architecture import Architecture

if TYPE_CHECKING:
    from engine.layers import Sequential

Files = Callable[[Path], list[Path]]
"""All files that are made of an output path, which comes first."""

Write = Callable[[Path, "Sequential", Architecture], None]
"""Writes those files; raises OSError where the disk refuses."""

W = TypeVar("W", bound=Write)


class Exporter(NamedTuple):
    """An export format: its files, and the function that writes them."""

    files: Files
    write: Write


EXPORTERS: dict[str, Exporter] = {}
"""Every exporter by the name of its format, which is also the suffix that the app proposes."""


def register(name: str, files: Files = lambda path: [path]) -> Callable[[W], W]:
    """Register the decorated function as the writer of a format.

    Args:
        name: the format, as in ``--format``.
        files: all files that the function makes of an output path; default: just that one.

    Raises:
        ValueError: the name is taken.
    """
    if name in EXPORTERS:
        raise ValueError(f"there are two exporters named {name}")

    def decorate(write: W) -> W:
        EXPORTERS[name] = Exporter(files, write)
        return write

    return decorate
