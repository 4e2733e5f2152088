"""The manifest of a sweep, ``sweep.json``: what its trials are made from, and which there are."""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

import engine
from engine.config.yaml_reader import MAX_BYTES
from engine.errors import ConfigError, UnreadableRunError
from engine.runs.record import format_time
from engine.storage import atomic
from engine.storage.untrusted_json import Text, check_type
from engine.sweeps.grid import MOST_TRIALS, Axis
from engine.sweeps.plan import Recipe, Trial, check_trials
from engine.sweeps.planner import OBJECTIVES
from engine.sweeps.pruning import PRUNERS

MANIFEST = "sweep.json"

_LIMIT = 16 << 20  # bytes


class _Axis(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    key: Text
    values: Annotated[list[Text], Field(min_length=1, max_length=MOST_TRIALS)]


class _Trial(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    set: dict[Text, Text]
    config_hash: Text
    pruned: Annotated[int, Field(ge=1)] | None = None


_Count = Annotated[int, Field(ge=1)]


class Manifest(BaseModel):
    """Types of ``sweep.json``."""

    model_config = ConfigDict(strict=True)

    version: Text
    created: Text
    folder: Text
    source: Text
    config: Annotated[str, Field(max_length=MAX_BYTES)]
    overrides: list[Text]
    grid: list[_Axis]
    random: int | None
    optuna: Annotated[int, Field(ge=1, le=MOST_TRIALS)] | None = None
    prune: Text | None = None
    metric: Text = "val_acc"
    jobs: _Count
    trials: Annotated[list[_Trial], Field(min_length=1, max_length=MOST_TRIALS)]

    @property
    def recipe(self) -> Recipe:
        """What the trials are made from."""
        return Recipe(
            self.config,
            self.source,
            tuple(self.overrides),
            tuple(Axis(axis.key, tuple(axis.values)) for axis in self.grid),
            self.random,
            self.optuna,
            self.prune,
            self.metric,
        )

    @property
    def pruned(self) -> dict[int, int]:
        """The epoch after which a trial was pruned, by its number."""
        return {
            index: trial.pruned
            for index, trial in enumerate(self.trials, 1)
            if trial.pruned is not None
        }


def read(path: Path) -> Manifest:
    """Read a manifest, which may be anybody's.

    Raises:
        UnreadableRunError: it is missing or damaged.
    """
    try:
        value = json.loads(atomic.read_limited(path, _LIMIT).decode("utf-8"))
        manifest: Manifest = check_type(Manifest, value, "")
        _check(manifest)
    except OSError as error:
        raise UnreadableRunError(f"{path}: {error.strerror or error}") from None
    except RecursionError:
        raise UnreadableRunError(f"{path}: damaged: nested too deep") from None
    except ValueError as error:
        raise UnreadableRunError(f"{path}: damaged: {error}") from None
    return manifest


def _check(manifest: Manifest) -> None:
    """Check what no type tells.

    Raises:
        ValueError: a trial is not of the grid, or a name is unknown.
    """
    axes = manifest.recipe.axes
    for index, trial in enumerate(manifest.trials, 1):
        if list(trial.set) != [axis.key for axis in axes]:
            raise ValueError(f"trials.{index}: its keys are not those of the grid")
        for axis in axes:
            if not axis.holds(trial.set[axis.key]):
                raise ValueError(f"trials.{index}: its {axis.key} is not in the grid")
    if manifest.prune is not None and manifest.prune not in PRUNERS:
        raise ValueError(f"prune: expected one of {', '.join(PRUNERS)}")
    if manifest.metric not in OBJECTIVES:
        raise ValueError(f"metric: expected one of {', '.join(OBJECTIVES)}")


def trials_of(manifest: Manifest, path: Path) -> list[Trial]:
    """The trials of a manifest, each config checked.

    Args:
        manifest: of a sweep.
        path: its file, for messages.

    Raises:
        ConfigError: a config is wrong, or not the one that the sweep began with.
    """
    trials = check_trials(manifest.recipe, [trial.set for trial in manifest.trials])
    if manifest.version == engine.__version__:
        for trial, was in zip(trials, manifest.trials, strict=True):
            if trial.hash != was.config_hash:
                raise ConfigError(
                    f"{path}: it was changed: trial {trial.index} ({trial}) "
                    "has another config than the sweep began with; start a new sweep"
                )
    return trials


def write(
    path: Path,
    recipe: Recipe,
    trials: Sequence[Trial],
    jobs: int,
    pruned: Mapping[int, int],
    created: str | None = None,
) -> None:
    """Write a manifest.

    Args:
        path: the file.
        recipe, trials, jobs, pruned: of the sweep.
        created: when it began; now, by default.

    Raises:
        OSError: the disk refused; an old file is untouched.
    """
    manifest: dict[str, Any] = {
        "version": engine.__version__,
        "created": created or format_time(datetime.now(UTC)),
        "folder": os.getcwd(),
        "source": recipe.source,
        "config": recipe.text,
        "overrides": list(recipe.overrides),
        "grid": [{"key": axis.key, "values": list(axis.values)} for axis in recipe.axes],
        "random": recipe.random,
        "optuna": recipe.optuna,
        "prune": recipe.prune,
        "metric": recipe.metric,
        "jobs": jobs,
        "trials": [
            {"set": dict(one.settings), "config_hash": one.hash, "pruned": pruned.get(one.index)}
            for one in trials
        ],
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
    atomic.write_atomic(path, text.encode())
