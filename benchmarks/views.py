"""What every view of a network costs while it trains.

    CNN_TUI_DATA=... python -m benchmarks.views [--samples 30000] [VIEW ...]

Trains mnist_lenet in the app in a terminal of 200x60 with one view open, and headless before and
after each. Prints how late the app's event loop was, and what it worked between two beats of 10 ms,
in processor time. Then the processor time of a sample, of all threads and workers: the median of
the epochs that began while the view was open, and its share, headless by app. What is left of it,
by the seconds of an epoch, is what the view takes of a core, however slowly the machine trains
meanwhile: a view is drawn as often then, so that the shares are too low on a machine that does
something else. Last the throughput of the last epoch beside the mean of both headless ones.
``benchmarks.drawing`` has the drawing of strokes.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.app import CONFIG, _throughput, environment
from benchmarks.report import markdown_table
from benchmarks.terminal import run_in_terminal
from engine.data import locate

SIZE = (200, 60)
EPOCHS = 5
"""Enough to open a view by some keys, and see two whole ones with it."""
VIEWS = {
    "train": ("train", "2"),
    "hints": ("hints", "2,w"),
    "inspect": ("inspect", "3"),
    "microscope": ("microscope", "3,e"),
    "weight": ("weight", "3,e,w"),
    "update of a weight": ("weight", "3,e,w,u"),
    "step": ("bench", "3,b"),
    "learned space": ("space", "3,w"),
    "why": ("why", "6,e,w"),
    "draw": ("draw", "6,d,n"),
}
"""Views: where they are, and the keys that open them."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=30_000, help="of an epoch; default: 30000")
    parser.add_argument("views", nargs="*", default=list(VIEWS), help="default: all")
    options = parser.parse_args()
    if locate("mnist") is None:
        raise SystemExit("mnist is not here; set CNN_TUI_DATA to the folder with the data sets")
    overrides = [f"data.limit={options.samples}", f"train.epochs={EPOCHS}", "callbacks=[]"]
    rows, before = [], _alone(overrides)
    for view in options.views:
        with tempfile.TemporaryDirectory() as folder:
            seen, throughput = _open(Path(folder), *VIEWS[view], overrides)
        after = _alone(overrides)
        headless, cost = ((one + other) / 2 for one, other in zip(before, after, strict=True))
        micro = [1e6 * seconds / options.samples for seconds in (seen["epoch_cost"], cost)]
        lags = f"{seen['lag_p95']:.1f}", f"{seen['lag_max']:.0f}"
        work = f"{seen['work_p95']:.1f}", f"{seen['work_max']:.0f}", f"{seen['busy']:.1%}"
        extra = (seen["epoch_cost"] - cost) / seen["epoch_seconds"]
        costs = f"{micro[0]:.0f}", f"{micro[1]:.0f}", f"{micro[1] / micro[0]:.0%}", f"{extra:.1%}"
        speed = f"{throughput:,.0f}", f"{headless:,.0f}", f"{throughput / headless:.0%}"
        rows.append((view, *lags, *work, *costs, *speed))
        before = after
        print(rows[-1], file=sys.stderr)
    heads = (
        "view", "lag, p95, ms", "lag, max, ms", "own work, p95, ms", "own work, max, ms", "busy",
        "µs a sample", "headless", "share", "of a core", "samples a second", "headless", "share",
    )  # fmt: skip
    print(markdown_table(heads, rows))


def _alone(overrides: list[str]) -> tuple[float, float]:
    """Samples a second of the last epoch, and processor seconds of an epoch."""
    with tempfile.TemporaryDirectory() as name:
        folder, result = Path(name), Path(name, "result.json")
        command = [sys.executable, "-m", "benchmarks.epoch_costs", str(result), str(CONFIG)]
        subprocess.run([*command, *overrides], cwd=folder, env=environment(folder), check=True)
        return _throughput(folder), json.loads(result.read_text())["epoch_cost"]


def _open(
    folder: Path, where: str, keys: str, overrides: list[str]
) -> tuple[dict[str, float], float]:
    result = folder / "result.json"
    kind = f"{where}:{keys}"
    command = [sys.executable, "-m", "benchmarks.app_child", kind, str(result), str(CONFIG)]
    done = run_in_terminal([*command, *overrides], folder, environment(folder), SIZE)
    if done.code != 0 or not result.is_file():
        raise SystemExit(f"{done.last}\nthe app ended with exit code {done.code}")
    return json.loads(result.read_text()), _throughput(folder)


if __name__ == "__main__":
    main()
