"""Trained networks for other programs: one module a format, and one line in ``FORMATS``."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from engine.export.architecture import Architecture
from engine.export.npz import npz_files, write_npz
from engine.layers import Sequential


class Format(NamedTuple):
    """How a network is written.

    Attributes:
        files: all files that are made of an output path, which comes first.
        write: writes them.
    """

    files: Callable[[Path], list[Path]]
    write: Callable[[Path, Sequential, Architecture], None]


FORMATS: dict[str, Format] = {"npz": Format(npz_files, write_npz)}

__all__ = ["FORMATS", "Architecture", "Format"]
