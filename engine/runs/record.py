"""Records of a run: run.json, a row of results.csv, and the metadata of weights.

A run.json is untrusted: ``check_record`` checks it before it is used.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

import engine
from engine.checkpoints.archive import JSON
from engine.config import Config, config_hash
from engine.data import DatasetInfo, describe, described
from engine.data.imported import Description
from engine.events import Ended, Logs, Traffic
from engine.layers import Sequential
from engine.runs.environment import environment
from engine.storage.untrusted_json import Count, Facts, Metrics, Number, Text, check_type

RunStatus = Literal["running", "finished", "stopped", "failed", "diverged", "interrupted"]
STATUSES: tuple[RunStatus, ...] = get_args(RunStatus)
"""Statuses in a record. ``running`` in a run without a lock counts as ``interrupted``."""

GROUP = "group"
"""Where a run's place in its group stands, see ``engine.runs.groups``."""

MOST_RUNS = 1000
"""Runs that a group can have."""

KEPT = ("started", "origin", "changes", GROUP)
"""What is recorded once, and stays so when a run is resumed."""


DATA_SET = "data_set"
"""Where the description of a run's data set stands, in its record and in saved weights."""


def described_in(record: Mapping[str, Any]) -> DatasetInfo | None:
    """The data set that a record or the meta of weights describes; None if it describes none.

    Raises:
        ValueError: the description is damaged.
    """
    value = record.get(DATA_SET)
    return None if value is None else described(value, DATA_SET)


def format_time(moment: datetime) -> str:
    """Format a time for records: UTC, to the microsecond."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def parse_time(text: str) -> datetime:
    """Parse a time written by ``format_time``.

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
    """Types of the record of ``locations.origin``."""

    model_config = ConfigDict(strict=True)

    folder: Text
    data_root: Text
    config_ctime_ns: Text


class Change(BaseModel):
    """Types of a change that a resume made to the config, see ``extending.apply``."""

    model_config = ConfigDict(strict=True)

    time: Annotated[Text, AfterValidator(_check_time)]
    epoch: Count
    step: Count
    key: Text
    old: Text | Number | None
    new: Text | Number | None


class GroupRecord(BaseModel):
    """Types of a run's place in its group, see ``groups.Place``."""

    model_config = ConfigDict(strict=True)

    group: Annotated[str, Field(pattern=r"^[a-z]{1,20}-[0-9a-f]{6}$")]
    index: Annotated[int, Field(ge=1, le=MOST_RUNS)]
    size: Annotated[int, Field(ge=2, le=MOST_RUNS)]

    @model_validator(mode="after")
    def _check_index(self) -> "GroupRecord":
        if self.index > self.size:
            raise ValueError("expected an index up to the size")
        return self


class HintRecord(BaseModel):
    """Types of a hint that held at the end, see ``engine.hints``."""

    model_config = ConfigDict(strict=True)

    rule: Text
    title: Text
    message: Text
    why: Text
    fix: list[Text]
    fix_label: Text


class RanksRecord(BaseModel):
    """Types of what the ranks of a run sent each other, see ``engine.events.Traffic``."""

    model_config = ConfigDict(strict=True)

    ranks: Count
    machines: Count
    steps: Count
    sent: Count
    bytes_per_step: Count


class Record(BaseModel):
    """Types of ``run.json``; keys that earlier versions did not write may be missing."""

    model_config = ConfigDict(strict=True)

    status: RunStatus
    started: Annotated[Text, AfterValidator(_check_time)] | None = None
    origin: Origin | None = None
    changes: list[Change] | None = None
    group: GroupRecord | None = None
    name: Text | None = None
    version: Text | None = None
    config_hash: Text | None = None
    seed: Count | None = None
    dataset: Text | None = None
    model: Text | None = None
    parameters: Count | None = None
    workers: Count | None = None
    data: dict[Text, Text] | None = None
    data_set: Description | None = None
    environment: Facts | None = None
    reason: Text | None = None
    epochs: Count | None = None
    seconds: Number | None = None
    samples_per_s: Number | None = None
    final: Metrics | None = None
    best: Metrics | None = None
    test: Metrics | None = None
    hints: list[HintRecord] | None = None
    ranks: RanksRecord | None = None


def check_record(value: Any) -> dict[str, Any]:
    """Check the types of a ``run.json``.

    Raises:
        ValueError: it is not.
    """
    check_type(Record, value, "")
    return value


def weights_meta(config: Config, model: Sequential) -> dict[str, JSON]:
    """Metadata of saved weights: the network and its data, without times."""
    return {
        "kind": "weights",
        "dataset": config.dataset,
        DATA_SET: describe(config.dataset_info),
        "layers": model.spec(),
        "config_hash": config_hash(config),
        "seed": config.seed,
        "version": engine.__version__,
    }


def run_record(
    config: Config, status: str, *, parameters: int, workers: int, digests: Mapping[str, str]
) -> dict[str, Any]:
    """Content of ``run.json`` while a run trains.

    Args:
        config: the run's.
        status: one of ``STATUSES``.
        parameters: of the network.
        workers: how many train.
        digests: of the samples, see ``factory.Sources``.
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
        DATA_SET: describe(config.dataset_info),
        "environment": environment(),
    }


def outcome(ended: Ended, traffic: Traffic | None = None) -> dict[str, Any]:
    """Additional content of ``run.json`` when the run is over.

    Args:
        ended: how it ended.
        traffic: between its ranks; None if it had one.
    """
    ranks = {} if traffic is None else {"ranks": asdict(traffic)}
    return {
        **ranks,
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
    """Row of a run in ``results.csv``."""
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
