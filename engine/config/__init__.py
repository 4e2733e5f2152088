"""Configs: the schema, reading with line numbers, comment-keeping edits, and what they add up to.

A new key is one line in ``schema.py`` (or ``schedulers.py``, ``callbacks.py``): checks, messages,
forms, help and JSON Schema follow from it.
"""

from engine.config.advice import Advice, advise
from engine.config.callbacks import (
    Checkpoint,
    CheckpointItem,
    CSVLogger,
    CSVLoggerItem,
    EarlyStopping,
    EarlyStoppingItem,
    TerminateOnNaN,
    TerminateOnNaNItem,
)
from engine.config.catalogue import list_configs
from engine.config.compare import MISSING, differences
from engine.config.describe import Field, fields, json_schema
from engine.config.dump import config_hash, dump, inline
from engine.config.edit import read_values, remove_value, set_value
from engine.config.load import load, loads, locate, read_raw, read_stream, read_text
from engine.config.problems import ConfigProblems, Problem
from engine.config.schedulers import (
    CosineAnnealingLR,
    ExponentialLR,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
    StepLR,
)
from engine.config.schema import Augment, CheckpointEvery, Config, Data, Train, Warmup

__all__ = [
    "MISSING",
    "Advice",
    "Augment",
    "CSVLogger",
    "CSVLoggerItem",
    "Checkpoint",
    "CheckpointEvery",
    "CheckpointItem",
    "Config",
    "ConfigProblems",
    "CosineAnnealingLR",
    "Data",
    "EarlyStopping",
    "EarlyStoppingItem",
    "ExponentialLR",
    "Field",
    "MultiStepLR",
    "OneCycleLR",
    "Problem",
    "ReduceLROnPlateau",
    "StepLR",
    "TerminateOnNaN",
    "TerminateOnNaNItem",
    "Train",
    "Warmup",
    "advise",
    "config_hash",
    "differences",
    "dump",
    "fields",
    "inline",
    "json_schema",
    "list_configs",
    "load",
    "loads",
    "locate",
    "read_raw",
    "read_stream",
    "read_text",
    "read_values",
    "remove_value",
    "set_value",
]
