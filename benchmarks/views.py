"""What every view of a network costs while it trains.

    CNN_TUI_DATA=... python -m benchmarks.views [--samples 30000] [VIEW ...]

Trains mnist_lenet in the app in a terminal of 200x60 with one view open, and headless before and
after each. Prints how late the app's event loop was; what it worked between two beats of 10 ms, in
processor time, which nothing else on the machine changes; and the throughput of the last epoch
beside the mean of both headless ones. Run it on a machine that does nothing else;
``benchmarks.drawing`` has the drawing of strokes.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from benchmarks.app import CONFIG, EPOCHS, _headless, _throughput, environment
from benchmarks.report import markdown_table
from benchmarks.terminal import run_in_terminal
from engine.data import locate

SIZE = (200, 60)
VIEWS = {
    "train": "2",
    "hints": "2,w",
    "inspect": "3",
    "microscope": "3,e",
    "weight": "3,e,w",
    "update of a weight": "3,e,w,u",
    "step": "3,b",
    "learned space": "3,w",
    "why": "6,e,w",
    "draw": "6,d,n",
}
"""Views, and the keys that open them."""


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
            seen, throughput = _open(Path(folder), VIEWS[view], overrides)
        after = _alone(overrides)
        share = throughput / ((before + after) / 2)
        lags = f"{seen['lag_p95']:.1f}", f"{seen['lag_max']:.0f}"
        work = f"{seen['work_p95']:.1f}", f"{seen['work_max']:.0f}", f"{seen['busy']:.1%}"
        rows.append((view, *lags, *work, f"{throughput:,.0f}", f"{before:,.0f}", f"{share:.0%}"))
        before = after
        print(rows[-1], file=sys.stderr)
    heads = (
        "view", "lag, p95, ms", "lag, max, ms", "own work, p95, ms", "own work, max, ms", "busy",
        "samples a second", "headless", "share",
    )  # fmt: skip
    print(markdown_table(heads, rows))


def _alone(overrides: list[str]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        _headless(Path(folder), overrides)
        return _throughput(Path(folder))


def _open(folder: Path, keys: str, overrides: list[str]) -> tuple[dict[str, float], float]:
    result = folder / "result.json"
    kind = f"view:{keys}"
    command = [sys.executable, "-m", "benchmarks.app_child", kind, str(result), str(CONFIG)]
    done = run_in_terminal([*command, *overrides], folder, environment(folder), SIZE)
    if done.code != 0 or not result.is_file():
        raise SystemExit(f"{done.last}\nthe app ended with exit code {done.code}")
    return json.loads(result.read_text()), _throughput(folder)


if __name__ == "__main__":
    main()
