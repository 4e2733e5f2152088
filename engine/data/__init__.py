"""Data sets: descriptions, reading, downloads, checks, augmentation and batches.

A data set is built in, or was imported by a user; ``find`` knows both. A new built-in one is one
file in ``sets`` that describes it and calls ``register``: every module there is imported, and
configs, forms, commands and the app list what is registered.
"""

from importlib import import_module

from engine.data.access import (
    LISTED,
    fetch,
    find,
    get,
    how_to_get,
    load,
    locate,
    meant,
    names,
    unknown,
    verify,
)
from engine.data.augment import Augmentation
from engine.data.batches import Batches, split_validation
from engine.data.dataset import (
    Dataset,
    DatasetInfo,
    FileStatus,
    Split,
    default_root,
)
from engine.data.imported import ImportedDataset, describe, described, processed_folder
from engine.data.normalisation import Normalisation
from engine.data.registry import DATASETS, register

__all__ = [
    "DATASETS",
    "LISTED",
    "Augmentation",
    "Batches",
    "Dataset",
    "DatasetInfo",
    "FileStatus",
    "ImportedDataset",
    "Normalisation",
    "Split",
    "default_root",
    "describe",
    "described",
    "fetch",
    "find",
    "get",
    "how_to_get",
    "load",
    "locate",
    "meant",
    "names",
    "processed_folder",
    "register",
    "split_validation",
    "unknown",
    "verify",
]

import_module(f"{__name__}.sets")
