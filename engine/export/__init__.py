"""Trained networks for other programs: one file a format, and one line in ``FORMATS``."""

from collections.abc import Callable
from pathlib import Path

from engine.export.architecture import Architecture
from engine.export.npz import write_npz
from engine.layers import Sequential

FORMATS: dict[str, Callable[[Path, Sequential, Architecture], list[Path]]] = {"npz": write_npz}
"""Format name -> writer, which returns the files that it wrote."""

__all__ = ["FORMATS", "Architecture"]
