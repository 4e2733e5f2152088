"""Dump of a config to YAML, and its hash, which identifies equal experiments."""

import hashlib
import json
from typing import Any

import yaml

from engine.callbacks import CALLBACKS
from engine.config.schema import Config
from engine.config.yaml_reader import resolvers
from engine.parallel.micro_batches import MICRO_BATCH


class _Dumper(yaml.SafeDumper):
    """A YAML dumper that quotes the words that our reader would take for something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_text(self, text: str) -> yaml.ScalarNode:
        """Represent text on one line: double quotes escape line breaks."""
        style = None if text.isprintable() else '"'
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _Dumper.represent_text)
_ours, _theirs = resolvers(), yaml.SafeDumper.yaml_implicit_resolvers
# Words that other YAML readers take for something else, such as yes, get quotes as well.
_Dumper.yaml_implicit_resolvers = {
    first: _ours.get(first, []) + _theirs.get(first, []) for first in _ours | _theirs
}


def dump(config: Config) -> str:
    """Write a config as YAML with every value, defaults included; it loads to an equal config."""
    values = config.model_dump(mode="json")
    for network in ("model", "layers"):
        if values[network] is None:
            del values[network]
    return _dump(values, default_flow_style=None, width=100)


def inline(value: Any) -> str:
    """Write a value in one line of YAML, for after ``key:`` and inside ``{...}``."""
    # Inside a list, all that would need quotes in either place gets them.
    return _dump([value], default_flow_style=True, width=float("inf")).strip()[1:-1]


def config_hash(config: Config) -> str:
    """SHA-256 of all values that determine the result of a run, in hexadecimal.

    Names and places of files, the number of workers, how often to save and whether to keep a film
    are left out.
    """
    values = config.model_dump(mode="json", exclude={"name", "runs_dir", "reports_dir"})
    del values["data"]["root"]
    for key in ("workers", "checkpoint_every", "film"):
        del values["train"][key]
    for key in ("class_weights", "init_from", "init_except", "freeze", "portable"):
        if not values["train"][key]:
            del values["train"][key]  # a key that older runs do not have
    if values["train"]["micro_batch"] == MICRO_BATCH:
        del values["train"]["micro_batch"]  # likewise
    values["callbacks"] = [
        {name: {key: value for key, value in options.items() if key != "filepath"}}
        for item in values["callbacks"]
        for name, options in item.items()
        if CALLBACKS[name].shapes_result
    ]
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _dump(value: Any, **style: Any) -> str:
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, **style)
