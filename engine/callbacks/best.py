"""Early stopping and saving the best weights: callbacks that follow the best value of a metric."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field

from engine import path_templates
from engine.arrays import Array
from engine.callbacks.callback import Callback, CallbackOptions, Logs, register
from engine.errors import ConfigError
from engine.options import Mode, Monitor, OutputFiles, maximises


class _Best(Callback):
    """The best value of one metric. A NaN is never better than anything."""

    def __init__(self, monitor: str, mode: str = "auto", min_delta: float = 0.0) -> None:
        self.monitor = monitor
        self.maximise = maximises(monitor, mode)
        self.min_delta = min_delta
        self.best: float | None = None

    def improves(self, logs: Logs) -> bool:
        """Whether the metric is the best so far; if so, remember it."""
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


@register("early_stopping", "stop when it no longer gets better")
class EarlyStopping(_Best):
    """Stop when a metric no longer improves, and restore the best weights.

    Args:
        monitor: the metric's name.
        patience: epochs without an improvement after which training stops.
        mode: min, max, or auto (a loss down, an accuracy up).
        min_delta: change that counts as an improvement.
        restore_best: whether the weights of the best epoch are restored at the end.

    Source: Prechelt, 'Early stopping - but when?', 1998.
    """

    class Options(CallbackOptions):
        """Stop when a metric no longer gets better."""

        monitor: Monitor = "val_loss"
        mode: Mode = "auto"
        patience: int = Field(
            default=5, ge=0, le=100_000, description="epochs without improvement before stopping"
        )
        min_delta: float = Field(
            default=0.0, ge=0, description="change that counts as an improvement"
        )
        restore_best: bool = Field(
            default=True, description="go back to the weights of the best epoch"
        )

        @classmethod
        def starting_values(cls, name: str) -> dict[str, Any]:
            return {"monitor": "val_loss", "patience": 5}

    keeps_weights = True

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
        """Whether training is to stop."""
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


@register("checkpoint", "save the best weights")
class ModelCheckpoint(_Best):
    """Write the weights to a file whenever a metric is the best so far.

    A file that could not be written does not count: the next epoch that beats the last one
    written is saved.

    Args:
        filepath: the file; its folder is made. Placeholders such as ``{epoch:02d}`` are filled in,
            see ``engine.path_templates``.
        monitor, mode: as for ``EarlyStopping``.
    """

    class Options(CallbackOptions):
        """Save the weights whenever a metric is the best so far."""

        model_config = ConfigDict(title="Checkpoint")

        filepath: OutputFiles = Field(
            description="file to write, e.g. checkpoints/best.npz, "
            "or net-{epoch:02d}-{val_acc:.4f}.npz"
        )
        monitor: Monitor = "val_acc"
        mode: Mode = "auto"

        @classmethod
        def starting_values(cls, name: str) -> dict[str, Any]:
            return {"filepath": f"checkpoints/{name}.npz", "monitor": "val_acc"}

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
