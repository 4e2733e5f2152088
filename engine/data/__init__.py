"""Data sets: descriptions, reading, downloads, checks, augmentation and batches.

A new data set is one file in this folder that describes it and calls ``register``: every module
here is imported, and configs, forms, commands and the app list what is registered.
"""

import pkgutil
from importlib import import_module

from engine.data.access import fetch, how_to_get, load, locate, verify
from engine.data.augment import Augmentation
from engine.data.batches import Batches, split_validation
from engine.data.dataset import (
    Dataset,
    DatasetInfo,
    FileStatus,
    Split,
    default_root,
)
from engine.data.registry import DATASETS, register

__all__ = [
    "DATASETS",
    "Augmentation",
    "Batches",
    "Dataset",
    "DatasetInfo",
    "FileStatus",
    "Split",
    "default_root",
    "fetch",
    "how_to_get",
    "load",
    "locate",
    "register",
    "split_validation",
    "verify",
]

for _module in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
