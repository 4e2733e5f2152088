"""The app over a long time: whether its memory grows, or its drawing becomes slower."""

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.report import load_average, machine, markdown_table
from benchmarks.terminal import COLUMNS, LINES, run_in_terminal

CONFIG = """\
name: soak
dataset: mnist_mini
layers:
  - Conv2D: {out_channels: 4, kernel_size: 5, stride: 3}
  - ReLU
  - Flatten
  - Dense: {out_features: 10}
train: {epochs: 100000, batch_size: 32, lr: 0.002, workers: 1}
"""
WARM = 0.25
"""The part of the time that does not count: caches fill, and charts reach their full detail."""

Row = dict[str, float]


def soak(minutes: float, report: Path, environment: dict[str, str]) -> None:
    """Let the app train for so long, and keep the report up to date meanwhile."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result, config = folder / "rows.jsonl", folder / "soak.yaml"
        config.write_text(CONFIG)
        command = [sys.executable, "-m", "benchmarks.app_child", "soak", str(result), str(config)]
        over = threading.Event()

        def keep_up_to_date() -> None:
            while not over.wait(5):
                write(report, read(result), minutes)

        writer = threading.Thread(target=keep_up_to_date, daemon=True)
        writer.start()
        began = time.monotonic()
        try:
            done = run_in_terminal([*command, str(minutes)], folder, environment)
        finally:
            over.set()
            writer.join()
        rows = read(result)
        write(report, rows, minutes)
        took = time.monotonic() - began
    if done.code != 0 or not rows:
        raise SystemExit(
            f"{done.last}\nthe app ended after {took:.0f} s with exit code {done.code}"
        )
    print(report.read_text())
    print(f"{done.written / 1e6:.1f} MB went to the terminal; written to {report}", file=sys.stderr)


def read(result: Path) -> list[Row]:
    """The rows so far."""
    if not result.is_file():
        return []
    return [json.loads(line) for line in result.read_text().splitlines()]


def write(report: Path, rows: Sequence[Row], minutes: float) -> None:
    """The report of the rows so far; it is replaced as a whole."""
    columns = {
        "minute": lambda row: f"{row['minute']:.0f}",
        "RSS, MB": lambda row: f"{row['rss'] / 1e6:.1f}",
        "a drawing, ms": lambda row: f"{row['draw']:.2f}",
        "p95": lambda row: f"{row['draw_p95']:.2f}",
        "lag p95, ms": lambda row: f"{row['lag_p95']:.1f}",
        "max": lambda row: f"{row['lag_max']:.0f}",
        "stops": lambda row: f"{row['stops']:.0f}",
        "loss drawn, Hz": lambda row: f"{row['loss_hz']:.1f}",
        "threads": lambda row: f"{row['threads']:.0f}",
        "steps": lambda row: f"{row['steps']:,.0f}",
        "epochs": lambda row: f"{row['epochs']:,.0f}",
    }
    parts = [
        "# The app over a long time",
        f"`python -m benchmarks.app --soak {minutes:g}`, in a terminal of {COLUMNS}x{LINES}; "
        f"{len(rows)} of {max(1, round(minutes))} minutes so far; "
        f"load average {load_average() or 0:.2f}.",
        machine(),
        *verdict(rows),
        "Stops: how often somebody stopped the whole process for a while; that is no lag.",
        markdown_table(tuple(columns), [[show(row) for show in columns.values()] for row in rows]),
    ]
    report.parent.mkdir(parents=True, exist_ok=True)
    partial = report.with_suffix(".partial")
    partial.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    os.replace(partial, report)


def verdict(rows: Sequence[Row]) -> list[str]:
    """How memory and drawing change over an hour, by the line through what counts."""
    counted = rows[int(len(rows) * WARM) :]
    if len(counted) < 2:
        return []
    memory, drawing = (
        60 * float(np.polyfit([r["minute"] for r in counted], [r[key] for r in counted], 1)[0])
        for key in ("rss", "draw")
    )
    first, last = counted[0], counted[-1]
    return [
        f"From minute {first['minute']:.0f} on: memory {first['rss'] / 1e6:.1f} to "
        f"{last['rss'] / 1e6:.1f} MB, that is {memory / 1e6:+.1f} MB an hour; a drawing "
        f"{first['draw']:.2f} to {last['draw']:.2f} ms, {drawing:+.2f} ms an hour."
    ]
