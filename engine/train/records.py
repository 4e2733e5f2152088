"""What a run writes about itself: run.json, a row of results.csv, and the facts beside weights."""

from collections.abc import Sequence
from typing import Any

import engine
from engine.config import Config, config_hash
from engine.layers import Sequential
from engine.train.archive import JSON
from engine.train.environment import environment
from engine.train.events import Ended, Logs


def weights_meta(config: Config, model: Sequential) -> dict[str, JSON]:
    """What weights need to be used again: the network, its data, and nothing of the moment."""
    return {
        "kind": "weights",
        "dataset": config.dataset,
        "layers": model.spec(),
        "config_hash": config_hash(config),
        "seed": config.seed,
        "version": engine.__version__,
    }


def run_record(config: Config, status: str, *, parameters: int, workers: int) -> dict[str, Any]:
    """The content of ``run.json`` while a run is under way.

    Args:
        config: the run's.
        status: one of ``rundir.STATUSES``.
        parameters: of the network.
        workers: how many train.
    """
    return {
        "status": status,
        "name": config.name,
        "version": engine.__version__,
        "config_hash": config_hash(config),
        "seed": config.seed,
        "dataset": config.dataset,
        "model": config.model or "custom",
        "parameters": parameters,
        "workers": workers,
        "environment": environment(),
    }


def outcome(ended: Ended) -> dict[str, Any]:
    """What ``run.json`` says in addition when the run is over."""
    return {
        "reason": ended.reason,
        "epochs": ended.epochs_done,
        "seconds": ended.seconds,
        "samples_per_s": ended.samples_per_s,
        "final": ended.logs,
        "best": ended.best,
        "test": ended.test,
    }


def result_row(
    config: Config, ended: Ended, history: Sequence[Logs], parameters: int
) -> dict[str, str | int | float | None]:
    """The run's row of ``results.csv``."""
    return {
        "run": ended.run,
        "config_hash": config_hash(config),
        "seed": config.seed,
        "dataset": config.dataset,
        "model": config.model or "custom",
        "parameters": parameters,
        "epochs": ended.epochs_done,
        "best_val_acc": ended.best.get("val_acc"),
        "best_val_loss": min((logs["val_loss"] for logs in history), default=None),
        **{key: ended.logs.get(key) for key in ("loss", "acc", "val_loss", "val_acc")},
        **ended.test,
        "seconds": ended.seconds,
        "samples_per_s": ended.samples_per_s,
        "version": engine.__version__,
        "status": ended.status,
    }
