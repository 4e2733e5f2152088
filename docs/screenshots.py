"""The pictures of README and docs, taken from the app itself while it trains on the bundled digits.

    python -m docs.screenshots

Run it again when screens change; it takes a minute, and writes ``docs/screenshots/*.svg``. The
networks come out the same every time; dates, run names and speeds do not.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

from docs.svg import portable
from engine.config import load
from engine.resources import shipped
from engine.train.session import TrainingSession
from tui.app import CnnApp
from tui.screens.configs.data.screen import AugmentedSample, DataScreen
from tui.screens.configs.screen import ConfigsScreen
from tui.screens.dialogs import Choose
from tui.screens.evaluate.draw.canvas import DrawingCanvas
from tui.screens.evaluate.draw.screen import DrawScreen
from tui.screens.evaluate.screen import EvaluateScreen
from tui.screens.gradients.screen import GradientsScreen
from tui.screens.inspect.gallery import Sample
from tui.screens.inspect.screen import InspectScreen
from tui.screens.runs.screen import RunsScreen

SIZE = (120, 40)
TARGET = Path(__file__).with_name("screenshots")
BEFORE = (
    ("sgd", ("train.optimizer=sgd", "train.lr=0.05", "train.momentum=0")),
    ("hot", ("train.lr=0.02", "train.scheduler=null")),
)
"""Runs to compare with: names, and what is different from quickstart."""
SWEEP = (
    "--grid", "train.lr=0.01,0.003,0.001", "--grid", "train.optimizer=adam,sgd",
    "--grid", "seed=1..2", "--set", "train.epochs=4",
)  # fmt: skip
"""A sweep of quickstart, as on the command line."""
SEEN_EPOCH = 8
"""The epoch in the middle of which training is looked at."""
IMAGE = 8
"""A five of the test set."""
THREE = ((6, 8), (4, 12), (5, 17), (9, 17), (12, 12), (15, 18), (20, 17), (22, 12), (20, 7))
"""Where the pen goes to draw a digit."""


def main() -> None:
    """Train what is shown, and take all pictures."""
    TARGET.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["XDG_STATE_HOME"] = folder
        os.environ.pop("CNN_TUI_DATA", None)
        os.environ.pop("NO_COLOR", None)
        for name, overrides in BEFORE:
            print(f"training {name} ...", file=sys.stderr)
            config = load(shipped("configs/quickstart.yaml"), [f"name={name}", *overrides])
            TrainingSession(config).run()
        print("training a sweep ...", file=sys.stderr)
        command = [sys.executable, "-m", "tui", "sweep", "quickstart", *SWEEP]
        subprocess.run(command, check=True, capture_output=True)
        with patch(
            "tui.screens.configs.summary.locate", lambda name, root: name == "mnist_mini" or None
        ):
            asyncio.run(_look())


async def _look() -> None:
    app = CnnApp()
    async with app.run_test(size=SIZE):
        for take in PICTURES:
            await take(app)
            name = take.__name__.strip("_")
            size = _save(app, name)
            print(f"{name}.svg {size // 1000} kB", file=sys.stderr)


async def _configs(app: CnnApp) -> None:
    config = app.workspace.document.config
    assert config is not None
    await _until(lambda: app.speed.epoch_seconds(config))
    await asyncio.sleep(0.5)


async def _data(app: CnnApp) -> None:
    await _press(app, "d")
    screen = app.screen
    assert isinstance(screen, DataScreen)
    await _until(lambda: len(screen.query_one(AugmentedSample).pictures) and not app.jobs)
    await asyncio.sleep(0.5)


async def _train(app: CnnApp) -> None:
    await _press(app, "escape")
    await _until(lambda: isinstance(app.screen, ConfigsScreen))
    await _press(app, "r")
    await _until(lambda: (app.training.view().epoch, app.training.view().step) > (SEEN_EPOCH, 60))


async def _inspect(app: CnnApp) -> None:
    await _press(app, "3")
    screen = app.screen
    assert isinstance(screen, InspectScreen)
    await _until(lambda: screen.inspector.inspection)
    screen.show_image(IMAGE)
    await _until(lambda: screen.query_one(Sample).captions == (f"#{IMAGE}",))
    await asyncio.sleep(0.5)


async def _gradients(app: CnnApp) -> None:
    await _until(lambda: not app.training.running)
    await _press(app, "4", "g")
    screen = app.screen
    assert isinstance(screen, GradientsScreen)
    await _until(lambda: screen.report)
    await asyncio.sleep(0.5)


async def _rates(app: CnnApp) -> None:
    await _press(app, "2", "f")
    await _still(app)


async def _microscope(app: CnnApp) -> None:
    await _press(app, "escape", "3", "m", "e")
    await _still(app)


async def _weight(app: CnnApp) -> None:
    await _press(app, "w", "u")
    await _still(app)


async def _film(app: CnnApp) -> None:
    await _press(app, "escape", "escape", "less_than_sign", *["full_stop"] * 5)
    await _still(app)


async def _space(app: CnnApp) -> None:
    await _press(app, "greater_than_sign", "full_stop", "w")
    await _still(app)


async def _workbench(app: CnnApp) -> None:
    await _press(app, "escape", "b", "a")
    await _still(app)


async def _break(app: CnnApp) -> None:
    await _press(app, "b", "enter")
    await _still(app)


async def _runs(app: CnnApp) -> None:
    await _press(app, "escape", "escape")
    await _press(app, "5")
    screen = app.screen
    assert isinstance(screen, RunsScreen)
    await _until(lambda: len(screen.store.runs or ()) == len(BEFORE) + 1)
    for _ in range(len(BEFORE) + 1):
        await _press(app, "space", "down")
    await _press(app, "home")
    await _until(lambda: not app.jobs)
    await asyncio.sleep(0.5)


async def _sweeps(app: CnnApp) -> None:
    await _press(app, "7")
    await _still(app)
    await _press(app, "p")
    await _still(app)


async def _evaluate(app: CnnApp) -> None:
    await _press(app, "6", "e")
    screen = app.screen
    assert isinstance(screen, EvaluateScreen)
    await _until(lambda: screen.found and screen.focused)
    await asyncio.sleep(0.5)


async def _why(app: CnnApp) -> None:
    await _press(app, "y")
    await _still(app)


async def _mistakes(app: CnnApp) -> None:
    await _press(app, "escape", "m")
    await _still(app)


async def _compare(app: CnnApp) -> None:
    await _press(app, "escape", "c")
    await _until(lambda: isinstance(app.screen, Choose))
    await _press(app, "enter")
    await _still(app)


async def _draw(app: CnnApp) -> None:
    await _press(app, "escape", "d")
    screen = app.screen
    assert isinstance(screen, DrawScreen)
    await _until(lambda: screen.ready and not app.jobs)
    pad = screen.query_one(DrawingCanvas)
    for start, end in pairwise(THREE):
        pad.drawing.stroke(start, end)
    pad.cursor = THREE[-1]
    pad.show(pad.drawing.ink.copy())
    await asyncio.sleep(0.5)


async def _lesson(app: CnnApp) -> None:
    await _press(app, "escape", "3", "8")
    await _still(app)
    await _press(app, "enter")
    await _still(app)


async def _hints(app: CnnApp) -> None:
    await _press(app, "8", "1")
    document = app.workspace.document
    for key, value in {"train.lr": 0.05, "train.scheduler": None, "train.epochs": 4}.items():
        document.set(key, value)
    await _press(app, "2", "r")
    await _until(lambda: app.training.hints and not app.training.running)
    await _press(app, "w")
    await _still(app)


async def _press(app: CnnApp, *keys: str) -> None:
    """``pilot.press`` would wait for an idle processor, which training does not leave."""
    for key in keys:
        app.simulate_key(key)
        await asyncio.sleep(0.2)


async def _still(app: CnnApp) -> None:
    """Wait until nothing is computed any more, and all is drawn."""
    await asyncio.sleep(0.5)
    await _until(lambda: not app.jobs)
    await asyncio.sleep(1)


async def _until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("waited for a minute")
        await asyncio.sleep(0.02)


PICTURES = (
    _configs, _data, _train, _inspect, _gradients, _rates, _microscope, _weight, _film,
    _space, _workbench, _break, _runs, _sweeps, _evaluate, _why, _mistakes, _compare, _draw,
    _lesson, _hints,
)  # fmt: skip
"""In this order: each begins where the one before ended."""


def _save(app: CnnApp, name: str) -> int:
    """Write a picture, and return its size in bytes."""
    app.clear_notifications()
    svg = portable(app.export_screenshot(title="cnn-tui"))
    return (TARGET / f"{name}.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
