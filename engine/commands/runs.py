"""What was trained: ``cnn-tui runs list``, ``show`` and ``compare``."""

import difflib
from collections.abc import Sequence
from pathlib import Path

from engine.commands.output import Output, table
from engine.errors import RunError
from engine.train.rundir import RunDir
from engine.train.runlist import RunInfo, list_runs

_METRICS = ("loss", "acc", "val_loss", "val_acc", "lr")


def list_all(root: Path, out: Output) -> int:
    """All runs, the newest first."""
    rows = []
    for info in list_runs(root):
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
        out.json({"run": info.id, "status": info.status, "problem": info.problem, **record})
    if not rows:
        out.say(f"{root}: no runs yet")
        return 0
    header = ("run", "status", "dataset", "model", "epochs", "best val_acc", "test_acc", "")
    out.text(table(header, rows, "llllrrrl"))
    return 0


def show(root: Path, name: str, out: Output) -> int:
    """The record of a run, and its metrics by epoch.

    Raises:
        RunError: there is no such run.
    """
    info = find(root, name)
    run = RunDir.view(info.path)
    metrics = run.read_metrics()
    out.json({"run": info.id, "status": info.status, **info.record, "epochs_log": metrics})
    facts = ("status", "reason", "dataset", "model", "parameters", "seed", "seconds", "version")
    shown = {"run": info.id, **info.record, "status": info.status}
    out.text(table(("", ""), [(k, str(shown[k])) for k in ("run", *facts) if shown.get(k)])[1:])
    out.text("")
    rows = [(str(row["epoch"]), *(_number(row[key]) for key in _METRICS)) for row in metrics]
    out.text(table(("epoch", *_METRICS), rows, "r" * 6))
    return 0


def compare(root: Path, names: Sequence[str], out: Output) -> int:
    """Two or more runs side by side, and what differs between their configs.

    Raises:
        RunError: there is no such run.
    """
    infos = [find(root, name) for name in names]
    configs = [RunDir.view(info.path).read_config().splitlines() for info in infos]
    rows = []
    for info in infos:
        final, best = info.record.get("final") or {}, info.record.get("best") or {}
        test = info.record.get("test") or {}
        row = (final.get("loss"), final.get("val_acc"), best.get("val_acc"), test.get("test_acc"))
        rows.append((info.id, info.status or "broken", *map(_number, row)))
        out.json({"run": info.id, "status": info.status, **info.record})
    header = ("run", "status", "loss", "val_acc", "best val_acc", "test_acc")
    out.text(table(header, rows, "llrrrr"))
    for info, config in zip(infos[1:], configs[1:], strict=True):
        lines = list(
            difflib.unified_diff(configs[0], config, infos[0].id, info.id, lineterm="", n=0)
        )
        out.text("\n" + "\n".join(lines) if lines else f"\n{info.id}: the same config")
    return 0


def find(root: Path, name: str) -> RunInfo:
    """The run of that id, or the newest whose id contains ``name``; or a path of a run.

    Raises:
        RunError: there is none.
    """
    path = Path(name)
    if path.is_dir():
        root, name = path.absolute().parent, path.absolute().name
    runs = list_runs(root)
    for info in runs:
        if info.id == name:
            return info
    for info in runs:
        if name in info.id:
            return info
    raise RunError(f"{root}: no run {name!r}; 'cnn-tui runs list' shows those there are")


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float | int) else ""
