"""Seconds from a drawn pixel to the prediction and the maps of all layers on the screen.

    CNN_TUI_DATA=... python -m benchmarks.drawing [--strokes 100]

Opens the app in a terminal of 200x60 that nobody sees, trains mnist_lenet for a moment, and draws
with the pen: first with the finished network, then while a training runs, whose network is
followed. A stroke ends when its maps are painted. Prints a line for each, in milliseconds, how
late the event loop was meanwhile, and the processor time that a stroke took of its thread, which
nothing else on the machine changes.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.timing import percentile
from engine.data import locate
from tui.app import CnnApp
from tui.screens.evaluate.draw.canvas import DrawingCanvas
from tui.screens.evaluate.draw.layer_rows import LayerRows
from tui.state.workspace import Workspace

CONFIG = Path(__file__).resolve().parents[1] / "configs" / "mnist_lenet.yaml"
SIZE = (200, 60)
PAUSE = 0.05
"""Seconds between two strokes, as a fast hand draws."""
BEAT = 0.01
LAPS = ("right", "down", "left", "up")
SIDE = 6
LAP = SIDE * len(LAPS)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--strokes", type=int, default=100, help="default: 100")
    strokes = parser.parse_args().strokes
    if locate("mnist") is None:
        raise SystemExit("mnist is not here; set CNN_TUI_DATA to the folder with the data sets")
    if data := os.environ.get("CNN_TUI_DATA"):
        os.environ["CNN_TUI_DATA"] = str(Path(data).resolve())
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = folder
        os.chdir(folder)
        asyncio.run(_measure(strokes))
        os.chdir("/")


async def _measure(strokes: int) -> None:
    workspace = Workspace.opened(CONFIG)
    workspace.document.override(["data.limit=2000", "train.epochs=1", "callbacks=[]"])
    app = CnnApp(workspace)
    async with app.run_test(size=SIZE):
        app.simulate_key("r")
        await _wait(lambda: app.training.started is not None and not app.training.running)
        _report("finished network", *await _draw(app, strokes))
        workspace.document.override(["data.limit=60000", "train.epochs=100", "callbacks=[]"])
        app.training.start(workspace.document.config)
        await _wait(lambda: bool(app.training.started))
        session = app.training.session
        before = session.progress.global_step
        _report("while it trains", *await _draw(app, strokes))
        print(f"  {session.progress.global_step - before} training steps meanwhile")
        app.training.stop()
        await _wait(lambda: not app.training.running)


async def _draw(app: CnnApp, strokes: int) -> tuple[list[float], list[float], float]:
    """Seconds of every stroke; those that each beat was late; processor seconds of a stroke."""
    app.simulate_key("6")
    await asyncio.sleep(0.5)
    app.simulate_key("d")
    await _wait(lambda: bool(app.screen.query(DrawingCanvas)) and not app.jobs)
    painted = asyncio.Event()
    show = LayerRows.show

    def shown(rows: LayerRows, *arguments: Any) -> None:
        show(rows, *arguments)
        rows.call_after_refresh(painted.set)

    took, lags = [], []
    pad = app.screen.query_one(DrawingCanvas)
    with patch.object(LayerRows, "show", shown):
        watch = asyncio.create_task(_beat(lags))
        app.simulate_key("space")
        await asyncio.sleep(0.5)
        used = time.thread_time()
        for stroke in range(strokes):
            if stroke % LAP == 0:
                pad.drawing.clear()  # or the next lap would change nothing
            painted.clear()
            began = time.perf_counter()
            pad.action_move(*_direction(stroke))
            await painted.wait()
            took.append(time.perf_counter() - began)
            await asyncio.sleep(PAUSE)
        used = time.thread_time() - used
        watch.cancel()
    app.simulate_key("escape")
    await asyncio.sleep(0.5)
    return took, lags, used / strokes


def _direction(stroke: int) -> tuple[int, int]:
    """Round and round, so that every stroke changes the picture."""
    lap = LAPS[stroke // SIDE % len(LAPS)]
    return {"right": (0, 1), "down": (1, 0), "left": (0, -1), "up": (-1, 0)}[lap]


async def _beat(lags: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await asyncio.sleep(BEAT)
        lags.append(time.perf_counter() - began - BEAT)


def _report(what: str, took: list[float], lags: list[float], used: float) -> None:
    print(
        f"{what}: median {1e3 * statistics.median(took):.1f} ms, "
        f"p95 {1e3 * percentile(took, 95):.1f} ms, max {1e3 * max(took):.1f} ms; "
        f"lag of the event loop p95 {1e3 * percentile(lags, 95):.1f} ms, "
        f"max {1e3 * max(lags):.1f} ms; {1e3 * used:.1f} ms of the processor a stroke"
    )


async def _wait(condition: Any) -> None:
    while not condition():
        await asyncio.sleep(0.02)


if __name__ == "__main__":
    main()
