"""The app against the headless command, and against time.

    CNN_TUI_DATA=... python -m benchmarks.app [--quick] [--output reports]
    python -m benchmarks.app --soak MINUTES [--output reports]

The first trains mnist_lenet in turn in the app, which draws its charts in a terminal of 120x40,
and headless, and compares the throughputs that the runs noted themselves; in further runs in the
app its event loop is watched. Run it on a machine that does nothing else. It writes ``app.md``.

The second lets the app train for so long, slowly and with little of the processor, and says how
its memory and the time for a drawing change. It writes ``soak.md``, anew every minute.
"""

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.report import (
    Section,
    Verdict,
    load_average,
    markdown_table,
    verdict_table,
    write_markdown,
)
from benchmarks.soak import soak
from benchmarks.terminal import COLUMNS, LINES, run_in_terminal
from benchmarks.timing import Comparison
from engine.data import locate
from engine.runs.listing import list_runs

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "configs" / "mnist_lenet.yaml"
EPOCHS = 2
"""The last one counts: the first wakes threads and fills caches."""


def main() -> None:
    options = _options()
    options.output.mkdir(parents=True, exist_ok=True)
    if options.soak is not None:
        with tempfile.TemporaryDirectory() as folder:
            soak(options.soak, options.output / "soak.md", environment(Path(folder)))
        return
    if locate("mnist") is None:
        raise SystemExit("mnist is not here; set CNN_TUI_DATA to the folder with the data sets")
    rounds, samples = (3, 10_000) if options.quick else (15, 40_000)
    load = load_average()
    section = compare_with_headless(rounds, samples)
    preface = f"`python -m benchmarks.app`, {rounds} rounds of {samples:,} samples an epoch."
    if load is not None:
        preface += f" Load average before it: {load:.2f}."
    path = options.output / "app.md"
    write_markdown(path, [section], preface, title="The app against the headless command")
    print(verdict_table(section.verdicts))
    print(f"written to {path}", file=sys.stderr)


def compare_with_headless(rounds: int, samples: int) -> Section:
    """Throughput in turn, and the lag of the app's event loop."""
    overrides = [f"data.limit={samples}", f"train.epochs={EPOCHS}", "callbacks=[]"]
    seen: list[dict[str, float]] = []
    ways: dict[str, Callable[[Path], object]] = {
        "headless": lambda folder: _headless(folder, overrides),
        "app": lambda folder: _in_the_app(folder, "train", overrides),
        "app, watched": lambda folder: seen.append(_in_the_app(folder, "watch", overrides)),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    for turn in range(rounds):
        for i in range(len(names)):
            name = names[(i + turn) % len(names)]
            with tempfile.TemporaryDirectory() as folder:
                ways[name](Path(folder))
                seconds[name].append(1 / _throughput(Path(folder)))
        print(f"round {turn + 1} of {rounds}", file=sys.stderr)
    return _section(Comparison(seconds), seen)


def _section(comparison: Comparison, seen: Sequence[dict[str, float]]) -> Section:
    low, high = comparison.speedup_range("app", "headless")
    lag, worst = (_median(seen, key) for key in ("lag_p95", "lag_max"))
    loss_hz = _median(seen, "loss_hz")
    rows = [
        (name, f"{1 / comparison.median(name):,.0f}", *(f"{1 / s:,.0f}" for s in runs))
        for name, runs in comparison.seconds.items()
    ]
    rounds = [f"round {i + 1}" for i in range(len(rows[0]) - 2)]
    drawing = [
        (name, *(f"{run[key]:.3g}" for run in seen))
        for name, key in (
            ("lag, p95, ms", "lag_p95"),
            ("lag, max, ms", "lag_max"),
            ("stopped by somebody", "stops"),
            ("a drawing, median, ms", "draw"),
            ("a drawing, p95, ms", "draw_p95"),
            ("drawings of the loss a second", "loss_hz"),
        )
    ]
    return Section(
        f"mnist_lenet, in a terminal of {COLUMNS}x{LINES}",
        text=[
            "Samples a second while training, of each run's last epoch:",
            markdown_table(("", "median", *rounds), rows),
            "The app's event loop and its charts, in runs by themselves, since watching costs too:",
            markdown_table(("", *rounds), drawing),
        ],
        verdicts=[
            Verdict(
                "throughput in the app, of that headless",
                100 * comparison.speedup("app", "headless"),
                95,
                98,
                " %",
                note=f"rounds {100 * low:.1f} to {100 * high:.1f} %",
            ),
            Verdict("lag of the event loop, p95", lag, 20, 10, " ms", low=True),
            Verdict("lag of the event loop, max", worst, 100, 50, " ms", low=True,
                    note=f"in any round {max(run['lag_max'] for run in seen):.0f} ms"),
            Verdict("drawings of the loss a second", loss_hz, 4, 4),
        ],
    )  # fmt: skip


def _median(seen: Sequence[dict[str, float]], key: str) -> float:
    return statistics.median(run[key] for run in seen)


def _in_the_app(folder: Path, kind: str, overrides: Sequence[str]) -> dict[str, float]:
    result = folder / "result.json"
    command = [sys.executable, "-m", "benchmarks.app_child", kind, str(result), str(CONFIG)]
    done = run_in_terminal([*command, *overrides], folder, environment(folder))
    if done.code != 0 or not result.is_file():
        raise SystemExit(f"{done.last}\nthe app ended with exit code {done.code}")
    return json.loads(result.read_text())


def _headless(folder: Path, overrides: Sequence[str]) -> None:
    changes = [word for override in overrides for word in ("--set", override)]
    command = [sys.executable, "-m", "tui", "--no-ui", "--quiet", "--config", str(CONFIG)]
    subprocess.run(
        [*command, *changes], cwd=folder, env=environment(folder), check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip


def _throughput(folder: Path) -> float:
    """Samples a second of the last epoch of the only run in a folder."""
    (run,) = list_runs(folder / "runs")
    with (run.path / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return float(rows[-1]["samples_per_s"])


def environment(folder: Path) -> dict[str, str]:
    """That of a process that finds this project from any folder, and leaves no trace elsewhere."""
    data = os.environ.get("CNN_TUI_DATA")
    return os.environ | {
        "PYTHONPATH": str(ROOT),
        "XDG_STATE_HOME": str(folder / "state"),
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        **({"CNN_TUI_DATA": str(Path(data).resolve())} if data else {}),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="half a minute; less exact")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="watch it for so long")
    parser.add_argument("--output", type=Path, default=Path("reports"), help="default: reports")
    return parser.parse_args()


if __name__ == "__main__":
    main()
