"""What a run writes about itself: run.json, a row of results.csv, and the facts beside weights.

A run.json may be anybody's: ``check_record`` stands between the file and all who use it.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict

import engine
from engine.checkpoints.archive import JSON
from engine.config import Config, config_hash
from engine.events import Ended, Logs
from engine.layers import Sequential
from engine.runs.environment import environment
from engine.storage.untrusted_json import Count, Facts, Metrics, Number, Text, check_type

Status = Literal["running", "finished", "stopped", "failed", "diverged", "interrupted"]
STATUSES: tuple[Status, ...] = get_args(Status)
"""What a record may say. Who reads ``running`` of a run that nobody holds reads ``interrupted``."""

KEPT = ("started", "origin", "changes")
"""What is recorded once, and stays so when a run is resumed."""


def format_time(moment: datetime) -> str:
    """A time as records hold it: UTC, to the microsecond."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def parse_time(text: str) -> datetime:
    """The inverse of ``format_time``.

    Raises:
        ValueError: it is no time, or not one in UTC.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo != UTC:
        raise ValueError("expected a time in UTC, such as 2025-01-31T22:59:58.123456+00:00")
    return moment


def _check_time(text: str) -> str:
    parse_time(text)
    return text


class Origin(BaseModel):
    """The types of what ``places.origin`` records."""

    model_config = ConfigDict(strict=True)

    folder: Text
    data_root: Text
    config_ctime_ns: Text


class Change(BaseModel):
    """The types of a change that a resume made to the config, see ``extending.apply``."""

    model_config = ConfigDict(strict=True)

    time: Annotated[Text, AfterValidator(_check_time)]
    epoch: Count
    step: Count
    key: Text
    old: Text | Number | None
    new: Text | Number | None


class Record(BaseModel):
    """The types of ``run.json``; a key that an earlier version did not write may be missing."""

    model_config = ConfigDict(strict=True)

    status: Status
    started: Annotated[Text, AfterValidator(_check_time)] | None = None
    origin: Origin | None = None
    changes: list[Change] | None = None
    name: Text | None = None
    version: Text | None = None
    config_hash: Text | None = None
    seed: Count | None = None
    dataset: Text | None = None
    model: Text | None = None
    parameters: Count | None = None
    workers: Count | None = None
    data: dict[Text, Text] | None = None
    environment: Facts | None = None
    reason: Text | None = None
    epochs: Count | None = None
    seconds: Number | None = None
    samples_per_s: Number | None = None
    final: Metrics | None = None
    best: Metrics | None = None
    test: Metrics | None = None


def check_record(value: Any) -> dict[str, Any]:
    """The content of a ``run.json``, if every key of ``Record`` that it has is of its type.

    Raises:
        ValueError: it is not.
    """
    check_type(Record, value, "")
    return value


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


def run_record(
    config: Config, status: str, *, parameters: int, workers: int, digests: Mapping[str, str]
) -> dict[str, Any]:
    """The content of ``run.json`` while a run is under way.

    Args:
        config: the run's.
        status: one of ``rundir.STATUSES``.
        parameters: of the network.
        workers: how many train.
        digests: of the samples, see ``setup.Sources``.
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
        "data": dict(digests),
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
