"""Configs: the schema, reading with line numbers, comment-keeping edits, and dumps.

A new key is one line in ``schema.py``, or among the options of a schedule or a callback beside
its class: checks, messages, forms, help and JSON Schema follow from it.
"""

from engine.config import line_ends
from engine.config.advice import Advice, advise
from engine.config.catalog import list_configs
from engine.config.diff import MISSING, differences
from engine.config.dump import config_hash, dump, inline
from engine.config.errors import ConfigProblems, Mark, Problem, value_at
from engine.config.fields import Field, fields, json_schema
from engine.config.loader import FurtherCheck, load, loads, locate, read_raw, read_stream, read_text
from engine.config.schema import Augment, CheckpointEvery, Config, Data, Train, Warmup
from engine.config.yaml_edit import read_values, remove_value, set_value

__all__ = [
    "MISSING",
    "Advice",
    "Augment",
    "CheckpointEvery",
    "Config",
    "ConfigProblems",
    "Data",
    "Field",
    "FurtherCheck",
    "Mark",
    "Problem",
    "Train",
    "Warmup",
    "advise",
    "config_hash",
    "differences",
    "dump",
    "fields",
    "inline",
    "json_schema",
    "line_ends",
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
    "value_at",
]
