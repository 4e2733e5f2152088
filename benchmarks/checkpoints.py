"""What it costs to save after every epoch: ``python -m benchmarks.checkpoints``.

It trains the shipped ``mnist_lenet`` and prints, as a share of an epoch, the time from the end of
its validation to the moment its checkpoint is durably on the disk: hash, metrics row, checkpoint,
and the best one where it is. Both come from the same epochs, so a busy machine hits both alike.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from engine import data
from engine.callbacks import Callback, Logs
from engine.config import load
from engine.events import EpochEnded, Event
from engine.resources import shipped
from engine.train.session import TrainingSession

GOAL = 0.01
"""The most that saving may take of an epoch."""


class Watch(Callback):
    """Takes the time at both ends of every epoch, and before it is saved."""

    def __init__(self) -> None:
        self.shares: list[float] = []
        self._began = self._trained = 0.0

    def on_epoch_begin(self, epoch: int) -> None:
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        self._trained = time.perf_counter()

    def on_event(self, event: Event) -> None:
        if isinstance(event, EpochEnded):
            saved = time.perf_counter()
            self.shares.append((saved - self._trained) / (saved - self._began))


def measure(epochs: int, folder: Path) -> tuple[str, list[float]]:
    """The data set that was trained on, and the share of every epoch that went into saving."""
    name = "mnist" if data.locate("mnist") is not None else "mnist_mini"
    changes = [f"dataset={name}", f"train.epochs={epochs}", "callbacks=[]"]
    places = [f"runs_dir={folder / 'runs'}", f"reports_dir={folder / 'reports'}"]
    config = load(shipped("configs") / "mnist_lenet.yaml", [*changes, *places])
    watch = Watch()
    TrainingSession(config, on_event=watch.on_event, extra_callbacks=[watch]).run()
    return name, watch.shares


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=5, help="default: 5")
    parser.add_argument(
        "--runs", type=Path, default=Path(), help="a folder on the disk to measure; default: here"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix=".cnn-tui-bench-", dir=options.runs) as folder:
        name, shares = measure(options.epochs, Path(folder))
    print(
        f"mnist_lenet on {name}: saving takes {statistics.median(shares):.2%} of an epoch "
        f"(median of {len(shares)}, {min(shares):.2%} to {max(shares):.2%}); goal {GOAL:.0%}"
    )
    if name != "mnist":
        print("An epoch of mnist_mini is short: set CNN_TUI_DATA to measure on MNIST.")


if __name__ == "__main__":
    main()
