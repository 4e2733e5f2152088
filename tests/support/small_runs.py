"""Runs that take a tenth of a second: tiny networks on a few of the bundled digits."""

import csv
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from engine.callbacks import Callback, Logs
from engine.checkpoints.checkpoint import load
from engine.config import Config, loads
from engine.events import Ended, Event, Started, Warned
from engine.parallel.ranks import Leader
from engine.runs.weight_files import WEIGHTS
from engine.storage import atomic
from engine.train.extending import Extension
from engine.train.session import TrainingSession

TIMING = {"seconds", "samples_per_s"}
"""Columns that differ from run to run."""

PLAIN = """
dataset: mnist_mini
seed: 7
layers:
  - Conv2D: {out_channels: 3, kernel_size: 5, stride: 3}
  - ReLU
  - Flatten
  - Dense: {out_features: 10}
data: {limit: 200, validation: 0.2}
train: {epochs: 3, batch_size: 48, lr: 0.02, optimizer: sgd, momentum: 0.9}
"""

RICH = """
dataset: mnist_mini
seed: 7
layers:
  - Conv2D: {out_channels: 4, kernel_size: 5, stride: 3, bias: false}
  - BatchNorm2D
  - ReLU
  - Residual: {body: [Conv2D: {out_channels: 4, kernel_size: 3, padding: same}, BatchNorm2D]}
  - Flatten
  - Dropout: {p: 0.3}
  - Dense: {out_features: 16}
  - BatchNorm1D
  - Tanh
  - Dense: {out_features: 10}
data: {limit: 200, validation: 0.2, augment: {shift: 2, flip: true, cutout: 5}}
train: {epochs: 3, batch_size: 48, lr: 0.01, optimizer: adam, scheduler: {name: cosine}}
"""
"""Batch norm, dropout, a residual block, augmentation, Adam: all that has a state or chance.

160 samples in batches of 48 are four batches an epoch, the last one of 16.
"""

STEPS = 4
"""Batches in an epoch of both."""


def make_config(folder: Path, text: str = PLAIN, *overrides: str) -> Config:
    """A config whose runs and reports go to a folder."""
    places = [f"runs_dir={folder / 'runs'}", f"reports_dir={folder / 'reports'}"]
    return loads(text, "small.yaml", [*places, *overrides])


@dataclass
class Run:
    """What a session did."""

    session: TrainingSession
    ended: Ended
    events: list[Event]

    @property
    def path(self) -> Path:
        return self.ended.run_dir

    @property
    def weights(self) -> bytes:
        return (self.path / WEIGHTS).read_bytes()

    @property
    def history(self) -> list[dict[str, float]]:
        return [without_timing(logs) for logs in self.session.history]

    @property
    def metrics(self) -> list[dict[str, str]]:
        with (self.path / "metrics.csv").open(newline="") as file:
            return [without_timing(row) for row in csv.DictReader(file)]

    @property
    def warnings(self) -> list[str]:
        return [event.message for event in self.events if isinstance(event, Warned)]


def without_timing(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in TIMING}


def train(
    config: Config,
    *callbacks: Callback,
    resume: Path | None = None,
    extension: Extension | None = None,
    stop: "Stop | None" = None,
    adopt: bool = False,
    leader: Leader | None = None,
) -> Run:
    """Run a session; ``stop`` says when it is told to stop."""
    events: list[Event] = []

    def on_event(event: Event) -> None:
        events.append(event)
        if stop:
            stop.on_event(event)

    session = TrainingSession(
        config,
        resume=resume,
        extension=extension,
        adopt=adopt,
        on_event=on_event,
        on_progress=lambda label, *_: stop.on_progress(label) if stop else None,
        extra_callbacks=[*callbacks, *([stop.callback] if stop else [])],
        leader=leader,
    )
    if stop:
        stop.session = session
    # Waiting for the disk is most of the time that a small run takes, and proves nothing here.
    with patch.object(atomic, "sync"), patch.object(atomic, "sync_folder"):
        return Run(session, session.run(), events)


class Stop:
    """Tells a session to stop at a moment.

    Args:
        moment: ``"start"``; or the epoch and batch after which, as ``(0, 2)``; or a phase.
        nth: the how manieth progress report of the phase, from 1.
    """

    def __init__(self, moment: str | tuple[int, int], nth: int = 1) -> None:
        self.moment, self.left = moment, nth
        self.session: TrainingSession | None = None
        self.callback = _AfterBatch(self)

    def now(self) -> None:
        assert self.session is not None
        self.session.controls.stop("test")

    def on_event(self, event: Event) -> None:
        if isinstance(event, Started) and self.moment == "start":
            self.now()

    def on_progress(self, label: str) -> None:
        if label == self.moment:
            self.left -= 1
            if self.left == 0:
                self.now()


class _AfterBatch(Callback):
    def __init__(self, stop: Stop) -> None:
        self.stop = stop

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        assert self.stop.session is not None
        if (self.stop.session.progress.epoch, batch) == self.stop.moment:
            self.stop.now()


@dataclass
class Recorder(Callback):
    """Keeps what every hook saw, and copies of the weights."""

    calls: list[str] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    after_batch: list[dict[str, np.ndarray]] = field(default_factory=list)
    after_epoch: list[dict[str, np.ndarray]] = field(default_factory=list)

    def on_train_begin(self) -> None:
        self.calls.append("train begin")

    def on_epoch_begin(self, epoch: int) -> None:
        self.calls.append(f"epoch begin {epoch}")

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        self.calls.append(f"batch end {batch}")
        self.rates.append(logs["lr"])
        self.after_batch.append(copy_state(self.run.model))

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        self.calls.append(f"epoch end {epoch}")
        self.after_epoch.append(copy_state(self.run.model))

    def on_train_end(self) -> None:
        self.calls.append("train end")


class Do(Callback):
    """Does something after a batch, counted over the whole session from 0."""

    def __init__(self, at: int, action: Callable[[Any], object]) -> None:
        self.at, self.action, self.seen = at, action, 0

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        if self.seen == self.at:
            self.action(self.run)
        self.seen += 1


def copy_state(model: Any) -> dict[str, np.ndarray]:
    return {name: array.copy() for name, array in model.state_dict().items()}


def saved_model(path: Path) -> dict[str, np.ndarray]:
    """The network in a file of weights or a checkpoint, by parameter name."""
    arrays = load(path, only="model/").arrays
    return {name.removeprefix("model/"): array for name, array in arrays.items()}


def same_arrays(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> bool:
    """Whether two sets of arrays agree in every bit."""
    return one.keys() == other.keys() and all(
        one[name].tobytes() == other[name].tobytes() for name in one
    )


def results(folder: Path) -> list[dict[str, str]]:
    with (folder / "reports" / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def all_finite(arrays: Iterable[np.ndarray]) -> bool:
    return all(math.isfinite(float(np.abs(array).max(initial=0))) for array in arrays)
