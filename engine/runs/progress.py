"""Progress of a run, also while it trains or after it was interrupted.

The record of a run says so only once the run is over; until then its metrics and its latest
checkpoint do.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.checkpoints import checkpoint
from engine.errors import EngineError
from engine.runs.directory import RunDir
from engine.runs.listing import RunInfo
from engine.runs.provenance import KEY, Provenance, RateChange


def with_progress(info: RunInfo) -> RunInfo:
    """Complete a run's record with its epochs, last and best metrics so far."""
    if info.problem is not None or info.record.get("epochs") is not None:
        return info
    with suppress(EngineError):
        rows = RunDir.view(info.path).read_metrics()
        if rows:
            return replace(info, record={**info.record, **_progress(rows)})
    return info


def _progress(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    known = [row for row in rows if isinstance(row.get("val_acc"), int | float)]
    best = max(known, key=lambda row: row["val_acc"], default={})
    seconds = sum(row.get("seconds") or 0 for row in rows)
    return {"epochs": rows[-1].get("epoch"), "final": rows[-1], "best": best, "seconds": seconds}


def read_recorded(path: Path) -> Provenance:
    """Read the provenance of a run's weights so far.

    Raises:
        EngineError: it cannot be read.
        KeyError, TypeError, ValueError, AttributeError: it is not what we write.
    """
    run = RunDir.view(path)
    record = run.read_record()
    if record.get(KEY) is not None:
        return Provenance.from_json(record[KEY], int(record["epochs"]))
    # Not over, or of an earlier version: the latest checkpoint knows how far it came.
    latest = next(reversed(run.store.steps()), None)
    meta = {} if latest is None else checkpoint.read_meta(run.store.path(latest))
    return Provenance.from_json(meta.get(KEY), len(meta.get("history", ())))


def rates_by_hand(path: Path) -> list[RateChange]:
    """Learning rates that were set by hand; empty where they cannot be read."""
    with suppress(EngineError, KeyError, TypeError, ValueError, AttributeError):
        return read_recorded(path).rates
    return []


def shown_rates(rates: Sequence[RateChange]) -> str:
    """Format learning rates that were set by hand: ``0.01 from epoch 3, batch 5``."""
    return "; ".join(
        f"{change.lr:.3g} from epoch {change.epoch + 1}"
        + (f", batch {change.step + 1}" if change.step else "")
        for change in rates
    )
