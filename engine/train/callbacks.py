"""What happens beside training: Keras' hooks, called in the thread that trains.

``logs`` holds the metrics by the names that are the same everywhere: ``loss``, ``acc``,
``val_loss``, ``val_acc``, ``lr``. Epochs count from 0 in the hooks, as in Keras.
"""

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from engine import path_templates
from engine.errors import ConfigError
from engine.layers import Sequential
from engine.storage import atomic
from engine.train.results import Diverged

Array = np.ndarray
Logs = Mapping[str, float]


class Run(Protocol):
    """What a callback sees of the session that calls it."""

    history: list[dict[str, float]]

    @property
    def model(self) -> Sequential:
        """The network, between two batches."""
        ...

    @property
    def stop_reason(self) -> str | None:
        """Why training is to end, or None. Set it, and it ends after this batch or epoch."""
        ...

    @stop_reason.setter
    def stop_reason(self, reason: str | None) -> None: ...

    def save_weights(self, path: Path, latest_of: Path | None = None) -> bool:
        """Write the current weights with the network's architecture; False if it failed."""
        ...

    def warn(self, message: str) -> None:
        """Say that something went wrong that training survives."""
        ...


class Callback:
    """Base class; every hook does nothing.

    A callback that remembers something across epochs gives it to ``state_dict`` (JSON values) and
    ``arrays`` (arrays of a shape that does not change), so that a resumed run goes on exactly.
    """

    run: Run

    def on_train_begin(self) -> None:
        """Before the first batch, also of a resumed run."""

    def on_epoch_begin(self, epoch: int) -> None:
        """Before an epoch's first batch."""

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        """After an optimizer step; ``batch`` counts within the epoch."""

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """After an epoch's validation."""

    def on_train_end(self) -> None:
        """After the last epoch, not if the run is only interrupted.

        What it changes is in the finished weights, not in the last checkpoint: a run that is
        resumed for more epochs goes on from what its last epoch made, and a finished run that is
        resumed comes here again.
        """

    def state_dict(self) -> dict[str, Any]:
        """What to remember, as JSON values."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The inverse of ``state_dict``."""

    def arrays(self) -> dict[str, Array]:
        """Arrays to remember; they are written to when a run is resumed."""
        return {}


def maximises(monitor: str, mode: str) -> bool:
    """Whether a larger value of a metric is the better one.

    Args:
        monitor: the metric's name.
        mode: min, max, or auto (a loss down, an accuracy up).

    Raises:
        ConfigError: there is no such mode.
    """
    if mode not in ("auto", "min", "max"):
        raise ConfigError(f"mode: expected auto, min or max, got {mode!r}")
    return mode == "max" or (mode == "auto" and monitor.endswith("acc"))


class _Best(Callback):
    """Keeps the best value of one metric. A NaN is never better than anything."""

    def __init__(self, monitor: str, mode: str = "auto", min_delta: float = 0.0) -> None:
        self.monitor = monitor
        self.maximise = maximises(monitor, mode)
        self.min_delta = min_delta
        self.best: float | None = None

    def improves(self, logs: Logs) -> bool:
        """Whether the metric is the best so far; if so it is remembered."""
        if self.monitor not in logs:
            raise ConfigError(
                f"monitor: there is no metric {self.monitor!r}; there are {', '.join(logs)}"
            )
        value = logs[self.monitor]
        if math.isnan(value):
            return False
        if self.best is not None:
            gain = value - self.best if self.maximise else self.best - value
            if gain <= self.min_delta:
                return False
        self.best = value
        return True

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.best = state["best"]


class EarlyStopping(_Best):
    """Stops when a metric no longer gets better, and goes back to the best weights.

    Args:
        monitor: the metric's name.
        patience: epochs without an improvement after which training stops.
        mode: min, max, or auto (a loss down, an accuracy up).
        min_delta: change that counts as an improvement.
        restore_best: whether the weights of the best epoch come back at the end.

    Source: Prechelt, 'Early stopping - but when?', 1998.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 5,
        mode: str = "auto",
        min_delta: float = 0.0,
        restore_best: bool = True,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience = patience
        self.restore_best = restore_best
        self.wait = 0
        self.best_epoch = 0
        self._weights: dict[str, Array] = {}

    @property
    def is_out_of_patience(self) -> bool:
        """Whether it wants training to stop."""
        return self.wait >= max(self.patience, 1)

    def on_train_begin(self) -> None:
        if self.restore_best and not self._weights:
            self._weights = {k: a.copy() for k, a in self.run.model.state_dict().items()}

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        if self.improves(logs):
            self.wait, self.best_epoch = 0, epoch
            if self.restore_best:
                for name, array in self.run.model.state_dict().items():
                    self._weights[name][...] = array
            return
        self.wait += 1
        if self.is_out_of_patience:
            self.run.stop_reason = (
                f"early stopping: {self.monitor} was best in epoch {self.best_epoch + 1}"
            )

    def on_train_end(self) -> None:
        if self.restore_best and self.best is not None:
            self.run.model.load_state_dict(self._weights)

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "wait": self.wait, "best_epoch": self.best_epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self.wait, self.best_epoch = state["wait"], state["best_epoch"]

    def arrays(self) -> dict[str, Array]:
        return self._weights


class ModelCheckpoint(_Best):
    """Writes the weights to a file whenever a metric is the best so far.

    What could not be written does not count: the next epoch that beats the file is written.

    Args:
        filepath: the file; its folder is made. Placeholders such as ``{epoch:02d}`` are filled in,
            see ``engine.path_templates``.
        monitor, mode: as for ``EarlyStopping``.
    """

    def __init__(self, filepath: Path, monitor: str = "val_loss", mode: str = "auto") -> None:
        super().__init__(monitor, mode)
        self.filepath = filepath

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        in_file = self.best
        if not self.improves(logs):
            return
        path = Path(path_templates.fill(str(self.filepath), epoch + 1, logs))
        if not self.run.save_weights(path, latest_of=self.filepath):
            self.best = in_file


class CSVLogger(Callback):
    """Writes the metrics of all epochs so far as a table, anew after every epoch.

    Args:
        filepath: the file; its folder is made. A brace in its name is written twice, as in all
            names of ``engine.path_templates``.
    """

    def __init__(self, filepath: Path) -> None:
        self.filepath = Path(path_templates.fill(str(filepath), 0, {}))

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        table = io.StringIO()
        writer = csv.DictWriter(table, ["epoch", *logs], lineterminator="\n")
        writer.writeheader()
        for number, past in enumerate([*self.run.history, dict(logs)], start=1):
            writer.writerow({"epoch": number} | {k: past.get(k, "") for k in logs})
        try:
            atomic.make_folder(self.filepath.parent)
            atomic.write_atomic(self.filepath, table.getvalue().encode(), follow_symlinks=True)
        except OSError as error:
            self.run.warn(
                f"{self.filepath}: the metrics were not written: {error.strerror or error}"
            )


class LearningRateLog(Callback):
    """Remembers the learning rate of every batch in ``rates``."""

    def __init__(self) -> None:
        self.rates: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        self.rates.append(logs["lr"])


class History(Callback):
    """Remembers the metrics of every epoch in ``epochs``."""

    def __init__(self) -> None:
        self.epochs: list[dict[str, float]] = []

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        self.epochs.append(dict(logs))


class TerminateOnNaN(Callback):
    """Ends the run as diverged when the loss of an epoch or of its validation is not finite.

    Every run has it. A batch whose loss or gradient is not finite ends the run by itself, before
    it reaches the weights; this sees what only the validation shows.
    """

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        for name in ("loss", "val_loss"):
            if not math.isfinite(logs[name]):
                raise Diverged(f"{name} is {logs[name]}", epoch, None, logs["lr"])
