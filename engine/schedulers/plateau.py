"""Reduction of the learning rate on a plateau of a metric."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from engine.options import Mode, Monitor, maximises
from engine.schedulers.scheduler import (
    Scheduler,
    SchedulerOptions,
    at_least_zero,
    count,
    register,
)


@register("plateau")
class ReduceLROnPlateau(Scheduler):
    """A reduction whenever a metric has not improved for more than ``patience`` epochs.

    A metric improves if it beats the best one so far by more than the share ``threshold`` of
    it. One that is not finite is no improvement: NaN is not a good loss.

    Args:
        base_lr: the first learning rate, above 0.
        mode: "min" for a metric that should fall, "max" for one that should rise.
        factor: of a reduction, above 0 and below 1.
        patience: epochs without improvement that are tolerated, 0 or more.
        threshold: the smallest improvement that counts, relative to the best metric.
        cooldown: epochs after a reduction that are not counted, 0 or more.
        min_lr: the lowest learning rate; 0 or more.

    Raises:
        ValueError: an argument is out of its range.
    """

    class Options(SchedulerOptions):
        """Multiply the learning rate by factor when a metric no longer gets better."""

        monitor: Monitor = "val_loss"
        mode: Mode = "auto"
        factor: float = Field(default=0.1, gt=0, lt=1, description="factor of each reduction")
        patience: int = Field(
            default=10,
            ge=0,
            le=100_000,
            description="epochs without improvement before a reduction",
        )
        threshold: float = Field(
            default=1e-4, ge=0, description="relative change that counts as an improvement"
        )
        cooldown: int = Field(
            default=0, ge=0, le=100_000, description="epochs to wait after a reduction"
        )
        min_lr: float = Field(default=0.0, ge=0, description="never go below this")

        def arguments(self, lr: float, epochs: int, steps_per_epoch: int) -> dict[str, Any]:
            given = super().arguments(lr, epochs, steps_per_epoch)
            del given["monitor"]
            return given | {"mode": "max" if maximises(self.monitor, self.mode) else "min"}

    SMALLEST_DROP: ClassVar[float] = 1e-8
    """A reduction by no more than this is left out (PyTorch's eps)."""

    def __init__(
        self,
        base_lr: float,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(base_lr)
        if mode not in ("min", "max"):
            raise ValueError(f"mode must be 'min' or 'max', got {mode!r}")
        if not 0.0 < factor < 1.0:
            raise ValueError(f"factor must be above 0 and below 1, got {factor}")
        self.mode = mode
        self.factor = factor
        self.patience = count("patience", patience, 0)
        self.threshold = at_least_zero("threshold", threshold)
        self.cooldown = count("cooldown", cooldown, 0)
        self.min_lr = at_least_zero("min_lr", min_lr)
        self._lr = self.base_lr
        self._best: float | None = None
        self._bad_epochs = 0
        self._cooling = 0

    def lr(self, epoch: int, step: int) -> float:
        """The learning rate after all reductions so far."""
        return self._lr

    def observe(self, metric: float) -> None:
        """Count an epoch with this metric, and reduce the learning rate if patience is exceeded."""
        if self._improves(metric):
            self._best = float(metric)
            self._bad_epochs = 0
        else:
            self._bad_epochs += 1
        if self._cooling > 0:
            self._cooling -= 1
            self._bad_epochs = 0
        if self._bad_epochs > self.patience:
            lower = max(self._lr * self.factor, self.min_lr)
            if self._lr - lower > self.SMALLEST_DROP:
                self._lr = lower
            self._cooling = self.cooldown
            self._bad_epochs = 0

    def set_base_lr(self, new: float) -> None:
        # The ratio by itself is exactly 1 before the first drop, so that lr is then the new base.
        old = self.base_lr
        super().set_base_lr(new)
        self._lr = self.base_lr * (self._lr / old)

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {
            "lr": self._lr,
            "best": self._best,
            "bad_epochs": self._bad_epochs,
            "cooling": self._cooling,
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        super()._restore(state)
        self._lr = state["lr"]
        self._best = state["best"]
        self._bad_epochs = state["bad_epochs"]
        self._cooling = state["cooling"]

    def _improves(self, metric: float) -> bool:
        if not math.isfinite(metric):
            return False
        if self._best is None:
            return True
        if self.mode == "min":
            return metric < self._best * (1.0 - self.threshold)
        return metric > self._best * (1.0 + self.threshold)
