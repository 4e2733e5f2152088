"""The configs: ``cnn-tui config list``, ``check``, ``show`` and ``schema``."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from engine import paths
from engine.commands.output import Output, table
from engine.config import Config, ConfigProblems, dump, json_schema, list_configs, load
from engine.data import DATASETS
from engine.layers import Summary
from engine.models import build
from engine.resources import shipped
from engine.train import setup

DEFAULT = "quickstart"


def resolve(argument: str | None) -> Path:
    """The config that an argument means: a file, or the name of one that ships with the project.

    ``quickstart`` and ``configs/quickstart.yaml`` are found from any folder.

    Raises:
        ConfigError: it is no path.
    """
    path = paths.parse(DEFAULT if argument is None else argument)
    if os.path.lexists(path):
        return path
    if path.parent in (Path(), Path("configs")):
        ours = shipped("configs") / f"{path.stem}.yaml"
        if path.suffix in ("", ".yaml") and os.path.isfile(ours):
            return ours
    return path


def list_all(out: Output) -> int:
    """The configs that ship with the project, and those in ./configs."""
    rows = []
    for path in list_configs():
        try:
            config = load(path)
        except ConfigProblems as error:
            rows.append((path.stem, "", "", str(error).splitlines()[0]))
            out.json({"name": path.stem, "path": str(path), "problem": str(error)})
            continue
        rows.append((path.stem, config.dataset, config.model or "layers", str(path)))
        out.json(
            {
                "name": path.stem,
                "path": str(path),
                "dataset": config.dataset,
                "model": config.model,
            }
        )
    out.text(table(("name", "dataset", "model", "file"), rows))
    return 0


def check(path: Path, overrides: Sequence[str], out: Output) -> int:
    """Read a config and say whether it can be run, with the network that it makes.

    Raises:
        ConfigProblems: it cannot be run.
    """
    config = load(path, overrides)
    setup.check_files(config)
    summary = network_summary(config)
    out.json({"ok": True, "parameters": summary.parameters, "config": json.loads(_as_json(config))})
    out.text(str(summary))
    out.say(f"{path}: fine")
    return 0


def show(path: Path, overrides: Sequence[str], out: Output) -> int:
    """The config with every value spelled out, as YAML."""
    config = load(path, overrides)
    out.json(json.loads(_as_json(config)))
    out.text(dump(config).rstrip())
    return 0


def schema(out: Output) -> int:
    """The JSON Schema of a config, for editors."""
    text = json.dumps(json_schema(), indent=None if out.as_json else 2)
    out.json(json.loads(text))
    out.text(text)
    return 0


def network_summary(config: Config) -> Summary:
    """The config's network in numbers, before it runs."""
    shape = DATASETS[config.dataset].image_shape
    return build(config.specs, shape).summary(shape)


def _as_json(config: Config) -> str:
    return config.model_dump_json()
