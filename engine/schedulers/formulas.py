"""Schedules in closed form: every learning rate follows from a count alone."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from pydantic import Field

from engine.options import Milestones
from engine.schedulers.scheduler import (
    ClosedFormScheduler,
    SchedulerOptions,
    WholeRunOptions,
    at_least_zero,
    count,
    positive,
    register,
)


class FixedLR(ClosedFormScheduler):
    """A constant learning rate, for a run without a schedule."""

    def lr_at(self, k: int) -> float:
        return self.base_lr


@register("step")
class StepLR(ClosedFormScheduler):
    """``base_lr * gamma^floor(k / step_size)``: a drop every ``step_size`` epochs.

    Args:
        base_lr: the first learning rate, above 0.
        step_size: epochs between drops, at least 1.
        gamma: factor of a drop, above 0.

    Raises:
        ValueError: an argument is out of its range.
    """

    class Options(SchedulerOptions):
        """Multiply the learning rate by gamma every step_size epochs."""

        step_size: int = Field(ge=1, le=100_000, description="epochs between two reductions")
        gamma: float = Field(default=0.1, gt=0, le=1, description="factor of each reduction")

        @classmethod
        def starting_values(cls, epochs: int) -> dict[str, Any]:
            return {"step_size": max(1, epochs // 3)}

    def __init__(self, base_lr: float, step_size: int, gamma: float = 0.1) -> None:
        super().__init__(base_lr)
        self.step_size = count("step_size", step_size, 1)
        self.gamma = positive("gamma", gamma)

    def lr_at(self, k: int) -> float:
        return self.base_lr * self.gamma ** (k // self.step_size)


@register("multi_step")
class MultiStepLR(ClosedFormScheduler):
    """``base_lr * gamma^(milestones up to k)``: a drop at each of the given epochs.

    Args:
        base_lr: the first learning rate, above 0.
        milestones: epochs of the drops, each at least 1, in any order; one that is given
            twice drops twice.
        gamma: factor of a drop, above 0.

    Raises:
        ValueError: an argument is out of its range.
    """

    class Options(SchedulerOptions):
        """Multiply the learning rate by gamma at each of the milestones."""

        milestones: Milestones = Field(description="epochs after which the rate is reduced")
        gamma: float = Field(default=0.1, gt=0, le=1, description="factor of each reduction")

        @classmethod
        def starting_values(cls, epochs: int) -> dict[str, Any]:
            return {"milestones": [max(1, epochs // 2), max(2, 3 * epochs // 4)]}

    def __init__(self, base_lr: float, milestones: Sequence[int], gamma: float = 0.1) -> None:
        super().__init__(base_lr)
        self.milestones = sorted(count("a milestone", epoch, 1) for epoch in milestones)
        self.gamma = positive("gamma", gamma)

    def lr_at(self, k: int) -> float:
        return self.base_lr * self.gamma ** bisect_right(self.milestones, k)


@register("exponential")
class ExponentialLR(ClosedFormScheduler):
    """``base_lr * gamma^k``: a drop every epoch.

    Args:
        base_lr: the first learning rate, above 0.
        gamma: factor of a drop, above 0.

    Raises:
        ValueError: an argument is out of its range.
    """

    class Options(SchedulerOptions):
        """Multiply the learning rate by gamma every epoch."""

        gamma: float = Field(gt=0, le=1, description="factor of every epoch")

        @classmethod
        def starting_values(cls, epochs: int) -> dict[str, Any]:
            return {"gamma": 0.9}

    def __init__(self, base_lr: float, gamma: float) -> None:
        super().__init__(base_lr)
        self.gamma = positive("gamma", gamma)

    def lr_at(self, k: int) -> float:
        return self.base_lr * self.gamma**k


@register("cosine")
class CosineAnnealingLR(ClosedFormScheduler):
    r"""``eta_min + (base_lr - eta_min) * (1 + cos(pi * k / T_max)) / 2``.

    Half a cosine, from ``base_lr`` at 0 down to ``eta_min`` at ``T_max`` (Loshchilov and Hutter
    2017, equation 5, without restarts). Past ``T_max`` the cosine rises again, as in PyTorch.

    Args:
        base_lr: the first learning rate, above 0.
        T_max: epochs down to the lowest one, at least 1.
        eta_min: the lowest learning rate, 0 or more.

    Raises:
        ValueError: an argument is out of its range.
    """

    class Options(SchedulerOptions):
        """Let the learning rate fall along half a cosine (Loshchilov and Hutter 2017)."""

        T_max: int | None = Field(
            default=None,
            ge=1,
            le=100_000,
            description="epochs until the bottom; null is train.epochs",
        )
        eta_min: float = Field(default=0.0, ge=0, description="learning rate at the bottom")

        def arguments(self, lr: float, epochs: int, steps_per_epoch: int) -> dict[str, Any]:
            given = super().arguments(lr, epochs, steps_per_epoch)
            return given | {"T_max": epochs if self.T_max is None else self.T_max}

    def __init__(self, base_lr: float, T_max: int, eta_min: float = 0.0) -> None:
        super().__init__(base_lr)
        self.T_max = count("T_max", T_max, 1)
        self.eta_min = at_least_zero("eta_min", eta_min)

    def lr_at(self, k: int) -> float:
        return _cosine(self.base_lr, self.eta_min, k / self.T_max)


@register("one_cycle")
class OneCycleLR(ClosedFormScheduler):
    r"""Up to ``base_lr`` and down to almost nothing, both along a cosine, within one run.

    Smith and Topin 2018, in PyTorch's form with its defaults (two phases, ``anneal_strategy``
    cos), and without a cycle of the momentum. ``base_lr`` is PyTorch's ``max_lr``: the top,
    reached at step ``pct_start * total_steps - 1``. The cycle starts at ``base_lr /
    div_factor`` and ends at ``base_lr / div_factor / final_div_factor``.

    Args:
        base_lr: the highest learning rate, above 0.
        total_steps: optimizer steps of the whole run, at least 1.
        pct_start: share of them that goes up, 0 to 1.
        div_factor: the highest learning rate over the first one, above 0.
        final_div_factor: the first learning rate over the last one, above 0.

    Raises:
        ValueError: an argument is out of its range.
    """

    class Options(WholeRunOptions):
        """Up to max_lr and down again, step by step (Smith and Topin 2018)."""

        max_lr: float | None = Field(default=None, gt=0, description="the peak; null is train.lr")
        pct_start: float = Field(
            default=0.3, gt=0, lt=1, description="share of the steps with a rising rate"
        )
        div_factor: float = Field(
            default=25.0, ge=1, description="the first rate is max_lr divided by this"
        )
        final_div_factor: float = Field(
            default=1e4, ge=1, description="the last rate is the first one divided by this"
        )

        def arguments(self, lr: float, epochs: int, steps_per_epoch: int) -> dict[str, Any]:
            peak = lr if self.max_lr is None else self.max_lr
            given = super().arguments(peak, epochs, steps_per_epoch)
            del given["max_lr"]
            return given

    interval = "step"

    def __init__(
        self,
        base_lr: float,
        total_steps: int,
        pct_start: float = 0.3,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
    ) -> None:
        super().__init__(base_lr)
        self.total_steps = count("total_steps", total_steps, 1)
        if not 0.0 <= pct_start <= 1.0:
            raise ValueError(f"pct_start must be from 0 to 1, got {pct_start}")
        self.pct_start = pct_start
        self.div_factor = positive("div_factor", div_factor)
        self.final_div_factor = positive("final_div_factor", final_div_factor)

    def lr_at(self, k: int) -> float:
        """The learning rate of step ``k``, counted from 0.

        Raises:
            ValueError: ``k`` is beyond ``total_steps``; that one itself is allowed, as in
                PyTorch, which steps its scheduler once more after the last batch.
        """
        if k > self.total_steps:
            raise ValueError(
                f"OneCycleLR was asked for step {k} of {self.total_steps}; "
                "make total_steps the number of steps of the whole run"
            )
        first = self.base_lr / self.div_factor
        last = first / self.final_div_factor
        top, end = self.pct_start * self.total_steps - 1.0, self.total_steps - 1.0
        # A phase without steps (a very short run, or pct_start of 1) is over at once.
        if k <= top:
            return _cosine(first, self.base_lr, k / top if top > 0 else 1.0)
        return _cosine(self.base_lr, last, (k - top) / (end - top) if end > top else 1.0)


def _cosine(start: float, end: float, share: float) -> float:
    """Half a cosine from ``start`` at 0 to ``end`` at 1."""
    return end + (start - end) * (1.0 + math.cos(math.pi * share)) / 2.0
