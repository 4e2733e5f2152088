"""Trained networks for other programs.

A new format is one file in this folder with a function that writes it, decorated by ``register``:
every module here is imported, and ``--format`` and the app list what is registered. NumPy and the
format's own library are imported when a network is written, so that ``--help`` is quick.
"""

import pkgutil
from importlib import import_module

from engine.export.architecture import Architecture
from engine.export.registry import EXPORTERS, Exporter, register

__all__ = ["EXPORTERS", "Architecture", "Exporter", "register"]

for _module in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
