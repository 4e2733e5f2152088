"""What was trained: ``cnn-tui runs list``, ``show`` and ``compare``."""

import difflib
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine.commands.output import Output, table
from engine.errors import CheckpointError, ConfigError, EngineError, RunError
from engine.numbers import duration, significant
from engine.paths import look_at, parse
from engine.runs.directory import RECORD, RunDir, check_path
from engine.runs.listing import RunInfo, list_runs
from engine.runs.progress import rates_by_hand, shown_rates, up_to_date
from engine.suggest import suggestion

_SHOWN = (
    "run",
    "status",
    "reason",
    "dataset",
    "model",
    "parameters",
    "seed",
    "version",
)
_LISTED = 6
"""Runs that an ambiguous name is answered with."""
_METRICS = ("loss", "acc", "val_loss", "val_acc", "lr")


def list_all(root: Path, out: Output) -> int:
    """All runs, the newest first."""
    rows = []
    for info in map(up_to_date, _runs_in(root)):
        record = info.record
        best = record.get("best") or {}
        test = record.get("test") or {}
        rows.append(
            (
                info.id,
                info.status or "broken",
                str(record.get("dataset", "")),
                str(record.get("model", "")),
                str(record.get("epochs", "")),
                _number(best.get("val_acc")),
                _number(test.get("test_acc")),
                info.problem or "",
            )
        )
        out.json({**_facts(info), "problem": info.problem})
    if not rows:
        out.say(f"{root}: no runs yet")
        return 0
    header = ("run", "status", "dataset", "model", "epochs", "best val_acc", "test_acc", "")
    out.text(table(header, rows, "llllrrrl"))
    return 0


def show(root: Path, name: str, out: Output) -> int:
    """The record of a run, and its metrics by epoch.

    Raises:
        CheckpointError: there is no such run.
    """
    info = up_to_date(find(root, name))
    metrics = RunDir.view(info.path).read_metrics()
    facts = _facts(info)
    out.json({**facts, "epochs_log": metrics})
    shown = [(key, str(facts[key])) for key in _SHOWN if facts.get(key) not in (None, "")]
    shown += [(key, words) for key, words in _results(info) if words]
    rates = rates_by_hand(info.path)
    if rates:
        shown.append(("lr by hand", shown_rates(rates)))
    out.text("\n".join(f"{key:<11} {value}" for key, value in shown))
    out.text("")
    rows = [(str(row["epoch"]), *(_number(row[key]) for key in _METRICS)) for row in metrics]
    out.text(table(("epoch", *_METRICS), rows, "r" * 6))
    return 0


def compare(root: Path, names: Sequence[str], out: Output) -> int:
    """Two or more runs side by side, and what differs between their configs.

    Raises:
        CheckpointError: there is no such run.
    """
    infos = [up_to_date(find(root, name)) for name in names]
    configs = [RunDir.view(info.path).read_config().splitlines() for info in infos]
    rows = []
    for info in infos:
        final, best = info.record.get("final") or {}, info.record.get("best") or {}
        test = info.record.get("test") or {}
        row = (final.get("loss"), final.get("val_acc"), best.get("val_acc"), test.get("test_acc"))
        rows.append((info.id, info.status or "broken", *map(_number, row)))
        out.json(_facts(info))
    header = ("run", "status", "loss", "val_acc", "best val_acc", "test_acc")
    out.text(table(header, rows, "llrrrr"))
    for info, config in zip(infos[1:], configs[1:], strict=True):
        lines = list(
            difflib.unified_diff(configs[0], config, infos[0].id, info.id, lineterm="", n=0)
        )
        out.text("\n" + "\n".join(lines) if lines else f"\n{info.id}: the same config")
    by_hand = [(info.id, shown_rates(rates_by_hand(info.path))) for info in infos]
    if any(rates for _, rates in by_hand):
        out.text("\nlearning rates set by hand:")
        for run, rates in by_hand:
            out.text(f"  {run}: {rates or 'none'}")
    return 0


def find(root: Path, name: str) -> RunInfo:
    """The run that a name means, in every command that takes one.

    Args:
        root: the folder of the runs.
        name: a run's id, or a part of it; or a path of the run, or of a file in it.

    Raises:
        CheckpointError: there is none, or it cannot be read.
        ConfigError: there are several; the message lists them.
    """
    path = run_at(name)
    if path is not None:
        root, name = path.parent, path.name
    runs = _runs_in(root)
    matches = [info for info in runs if info.id == name] or [
        info for info in runs if name and name in info.id
    ]
    if not matches:
        if path is None and _holds_a_record(name):
            raise CheckpointError(
                f"{name}: it holds a run, and is not named like one; rename the folder to "
                "<date>-<time>-<name>-<4 hex digits>, as runs are"
            )
        known = [part for info in runs for part in (info.id, info.record.get("name", ""))]
        raise CheckpointError(
            f"{root}: no run {name!r}.{suggestion(name, known)} "
            "'cnn-tui runs list' shows those there are"
        )
    if len(matches) > 1:
        listed = ", ".join(info.id for info in matches[:_LISTED])
        more = f" and {len(matches) - _LISTED} more" if len(matches) > _LISTED else ""
        raise ConfigError(
            f"{name!r} is a part of the names of {len(matches)} runs: {listed}{more}; "
            "write more of the name that you mean"
        )
    found = matches[0]
    look_at(found.path / RECORD, CheckpointError)
    return found


def _holds_a_record(name: str) -> bool:
    with suppress(EngineError):
        return look_at(parse(name) / RECORD) == "file"
    return False


def _runs_in(root: Path) -> list[RunInfo]:
    try:
        return list_runs(root)
    except RunError as error:
        raise CheckpointError(str(error)) from None


def run_at(name: str) -> Path | None:
    """The run directory that a path names, or that the file at the path lies in, or None."""
    with suppress(EngineError, OSError):
        path = parse(name)
        path = Path(os.path.realpath(path) if path.is_symlink() else os.path.abspath(path))
        if look_at(path) in ("file", "folder"):
            for folder in (path, *path.parents[:2]):
                with suppress(EngineError):
                    return check_path(folder)
    return None


def _facts(info: RunInfo) -> dict[str, Any]:
    """A run's record; the status is what it is now, not what was written last."""
    return {**info.record, "run": info.id, "status": info.status}


def _results(info: RunInfo) -> list[tuple[str, str]]:
    """How long it took, and what came out."""
    record, seconds = info.record, info.record.get("seconds")
    found = [("time", duration(seconds) if isinstance(seconds, float | int) else "")]
    for section, key, label in (
        ("best", "val_acc", "val_acc"),
        ("test", "test_acc", "test_acc"),
        ("test", "test_loss", "test_loss"),
    ):
        found.append((label, _number((record.get(section) or {}).get(key))))
    return found


def _number(value: object) -> str:
    return significant(value, 4) if isinstance(value, float | int) else ""
