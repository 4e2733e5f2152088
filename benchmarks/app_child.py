"""The app in a terminal, watched from within while it trains.

    python -m benchmarks.app_child train|watch|VIEW:KEY,KEY... RESULT CONFIG [KEY=VALUE]...
    python -m benchmarks.app_child soak RESULT CONFIG MINUTES

is the process that ``benchmarks.app`` starts: it opens the app, presses ``r``, and writes to
RESULT what it saw. ``train`` looks only now and then, so that it does not disturb; a view is
opened by some keys before it is watched.
"""

import asyncio
import json
import os
import signal
import statistics
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any
from unittest.mock import patch

from textual.pilot import Pilot

import tui.state.training
from benchmarks.epoch_costs import EpochCosts
from benchmarks.timing import percentile
from engine.callbacks import Callback, Logs
from tests.support.app_pilot import let_messages_through
from tui.app import CnnApp
from tui.state.workspace import Workspace
from tui.widgets.chart import Chart

BEAT = 0.01
"""Seconds that the event loop is asked to sleep; what it takes longer is lag."""
PAUSE = 0.03
"""Seconds that training rests after every batch of a soak, to leave the processor to others."""


@dataclass
class Seen:
    """What happened since it was made.

    Attributes:
        lags: seconds that the event loop came too late, for every beat.
        drawn: seconds that every drawing of a chart took, by the chart's id.
        work: processor seconds of the event loop's thread, for every beat: what it does itself,
            whatever else the machine does.
        stops: how often the whole process was stopped by somebody; such a beat is no lag.
    """

    lags: list[float] = field(default_factory=list)
    work: list[float] = field(default_factory=list)
    stops: int = 0
    drawn: dict[str, list[float]] = field(default_factory=dict)
    began: float = field(default_factory=time.perf_counter)

    def summary(self) -> dict[str, float]:
        """Milliseconds, and drawings of the loss a second."""
        costs = [cost for chart in self.drawn.values() for cost in chart]
        seconds = time.perf_counter() - self.began
        return {
            "lag_p95": 1e3 * percentile(self.lags, 95),
            "lag_max": 1e3 * max(self.lags, default=0.0),
            "work_p95": 1e3 * percentile(self.work, 95),
            "work_max": 1e3 * max(self.work, default=0.0),
            "busy": sum(self.work) / seconds,
            "draw": 1e3 * statistics.median(costs or [0.0]),
            "draw_p95": 1e3 * percentile(costs, 95),
            "stops": self.stops,
            "loss_hz": len(self.drawn.get("loss", ())) / seconds,
        }


class Watch:
    """Watches the charts and the event loop."""

    def __init__(self) -> None:
        self.seen = Seen()

    @contextmanager
    def charts(self) -> Iterator[None]:
        """Take the time of every drawing."""
        draw = Chart._draw

        def timed(curve: Chart, width: int, height: int) -> Any:
            began = time.perf_counter()
            try:
                return draw(curve, width, height)
            finally:
                took = time.perf_counter() - began
                self.seen.drawn.setdefault(curve.id or "", []).append(took)

        with patch.object(Chart, "_draw", timed):
            yield

    def stops(self) -> None:
        """Notice when the process continues after it was stopped; the app is told too."""
        tell_app = signal.getsignal(signal.SIGCONT)

        def gone_on(number: int, frame: FrameType | None) -> None:
            self.seen.stops += 1
            if callable(tell_app):
                tell_app(number, frame)

        signal.signal(signal.SIGCONT, gone_on)

    async def beat(self) -> None:
        """Sleep for a moment, and note how much later it was."""
        stops, began, used = self.seen.stops, time.perf_counter(), time.thread_time()
        await asyncio.sleep(BEAT)
        if self.seen.stops == stops:
            self.seen.lags.append(time.perf_counter() - began - BEAT)
            self.seen.work.append(time.thread_time() - used)


class Throttle(Callback):
    """Rests after every batch."""

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        time.sleep(PAUSE)


def train(
    result: Path,
    config: Path,
    overrides: list[str],
    *,
    watched: bool,
    keys: Sequence[str] = (),
    view: str = "",
) -> None:
    """Train to the end, and write the lag of the event loop meanwhile, if it is watched."""
    app = _app(config, overrides)
    watch, costs = Watch(), EpochCosts()

    async def look(pilot: Pilot) -> None:
        await _begin(app)
        watch.stops()
        for key in keys:
            await _press(app, key)
        shown = getattr(app.screen, "WHERE", "")
        if view and shown != view:
            raise RuntimeError(f"the keys led to {shown}, not to {view}")
        watch.seen = Seen()
        costs.begin()
        while app.training.phase in ("training", "validating"):
            await (watch.beat() if watched else asyncio.sleep(0.25))
        if watched and not watch.seen.lags:
            raise RuntimeError("the training ended before its view was open; train for longer")
        result.write_text(json.dumps(watch.seen.summary() | costs.summary()))
        while app.training.running:
            await asyncio.sleep(BEAT)
        app.exit(0)

    counted = partial(tui.state.training.TrainingSession, extra_callbacks=[costs])
    with watch.charts(), patch.object(tui.state.training, "TrainingSession", counted):
        app.run(auto_pilot=look)
    sys.exit(app.return_code)


def soak(result: Path, config: Path, minutes: float) -> None:
    """Train for so long, and append a line of JSON a minute."""
    app = _app(config, [])
    watch = Watch()

    async def look(pilot: Pilot) -> None:
        await _begin(app)
        watch.stops()
        began = time.monotonic()
        for minute in range(1, max(1, round(minutes)) + 1):
            watch.seen = Seen()
            while time.monotonic() < began + 60 * minute and app.training.running:
                await watch.beat()
            if not app.training.running:
                raise RuntimeError(f"training ended: {app.training.phase}")
            session = app.training.session
            assert session is not None
            line = watch.seen.summary() | {
                "minute": minute,
                "rss": resident_bytes(),
                "threads": threading.active_count(),
                "steps": session.progress.global_step,
                "epochs": session.progress.epoch,
            }
            with result.open("a") as file:
                file.write(json.dumps(line) + "\n")
        app.shut_down()

    slow = partial(tui.state.training.TrainingSession, extra_callbacks=[Throttle()])
    with watch.charts(), patch.object(tui.state.training, "TrainingSession", slow):
        app.run(auto_pilot=look)
    sys.exit(app.return_code)


def resident_bytes() -> int:
    """The memory that this process has now; Linux only."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _app(config: Path, overrides: list[str]) -> CnnApp:
    workspace = Workspace.opened(config)
    workspace.document.override(overrides)
    return CnnApp(workspace)


async def _begin(app: CnnApp) -> None:
    """Press r, and wait for the first batch."""
    app.simulate_key("r")
    while app.training.session is None or not app.training.session.progress.global_step:
        if app.training.error is not None:
            raise app.training.error
        await asyncio.sleep(BEAT)


async def _press(app: CnnApp, key: str) -> None:
    """Press a key as soon as it may be pressed, and wait for the jobs that it starts."""
    while not ((binding := app.screen.active_bindings.get(key)) and binding.enabled):
        await asyncio.sleep(BEAT)
    app.simulate_key(key)
    await let_messages_through(app)
    await asyncio.sleep(1.5)  # a snapshot of a training is no job
    begun = set(app.jobs)  # what follows a training always has another one
    while begun & app.jobs:
        await asyncio.sleep(BEAT)


def main() -> None:
    kind, result, config, *rest = sys.argv[1:]
    if kind == "soak":
        soak(Path(result), Path(config), float(rest[0]))
    else:
        view, _, keys = kind.partition(":")
        train(
            Path(result),
            Path(config),
            rest,
            watched=kind != "train",
            keys=keys.split(",") if keys else (),
            view=view if keys else "",
        )


if __name__ == "__main__":
    main()
