"""Details of a run, read when it is shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.config import read_values
from engine.errors import EngineError
from engine.runs.directory import RunDir
from engine.runs.groups import RunGroup, band
from engine.runs.progress import rates_by_hand
from engine.runs.provenance import RateChange
from engine.train.weights import SavedWeights, list_weights


@dataclass(frozen=True)
class RunDetails:
    """Metrics, weights and config of a run.

    Attributes:
        metrics: a row an epoch.
        weights: its files of weights.
        values: of its config; empty where it cannot be read.
        rates: learning rates that were set by hand.
        stds: of a group, whose metrics are means: the standard deviations, a row an epoch.
        problem: what could not be read, in one line, or None.
    """

    metrics: Sequence[Mapping[str, Any]] = ()
    weights: Sequence[SavedWeights] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    rates: Sequence[RateChange] = ()
    stds: Sequence[Mapping[str, Any]] = ()
    problem: str | None = None


def read_details(path: Path) -> RunDetails:
    """Read a run; broken parts are left out and named in ``problem``."""
    problems: list[str] = []
    metrics: Sequence[Mapping[str, Any]] = ()
    weights: Sequence[SavedWeights] = ()
    values: Any = {}
    try:
        run = RunDir.view(path)
    except EngineError as error:
        return RunDetails(problem=str(error))
    try:
        metrics = run.read_metrics()
    except EngineError as error:
        problems.append(str(error))
    try:
        weights = list_weights(path)
    except EngineError as error:
        problems.append(str(error))
    try:
        values = read_values(run.read_config())
    except EngineError as error:
        line = str(error).splitlines()[0]
        problems.append(line.replace("<text>", str(path / "config.yaml"), 1))
    if not isinstance(values, Mapping):
        values = {}
    problem = problems[0] if problems else None
    return RunDetails(metrics, weights, values, rates_by_hand(path), problem=problem)


def group_details(
    group: RunGroup, details: Mapping[Path, RunDetails], metric: str | None
) -> RunDetails | None:
    """Details of a group from those of its runs: a metric's means, and one config for all seeds.

    Args:
        group: the group.
        details: of runs, by path.
        metric: the one that is wanted; None for none.

    Returns:
        None while nothing of it is known.
    """
    counted = group.finished or tuple(group.parts.values())
    known = [details[info.path] for info in counted if info.path in details]
    if not known:
        return None
    values = {**known[0].values, "seed": group.seeds}
    found = band([one.metrics for one in known], metric) if metric else None
    if metric is None or found is None:
        return RunDetails(values=values)
    epochs = found.epochs.tolist()
    means, stds = (
        [{"epoch": epoch, metric: value} for epoch, value in zip(epochs, column, strict=True)]
        for column in (found.mean.tolist(), found.std.tolist())
    )
    return RunDetails(means, values=values, stds=stds if found.n > 1 else ())
