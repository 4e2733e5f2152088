"""Data sets: reading, getting and checking them, and making batches of them.

A new data set is one file that describes it and one line in ``registry.py``.
"""

from engine.data.augment import Augment
from engine.data.batches import Batches, one_hot, split_validation
from engine.data.dataset import (
    Dataset,
    DatasetInfo,
    FileStatus,
    Split,
    default_root,
)
from engine.data.download import FetchCancelledError
from engine.data.registry import DATASETS, fetch, how_to_get, load, locate, verify

__all__ = [
    "DATASETS",
    "Augment",
    "Batches",
    "Dataset",
    "DatasetInfo",
    "FetchCancelledError",
    "FileStatus",
    "Split",
    "default_root",
    "fetch",
    "how_to_get",
    "load",
    "locate",
    "one_hot",
    "split_validation",
    "verify",
]
