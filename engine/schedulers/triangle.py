"""A triangle: straight up to the learning rate, then straight down."""

from pydantic import Field

from engine.schedulers.scheduler import (
    ClosedFormScheduler,
    WholeRunOptions,
    at_least_zero,
    count,
    register,
)


@register("triangle")
class TriangleLR(ClosedFormScheduler):
    """``base_lr`` times a share that rises from ``start`` to 1 and falls to ``end``, by steps.

    With n = floor(pct_start · total_steps) steps that rise, step k has the share

        start + (1 − start)·k/n  for k < n,    1 − (1 − end)·(k − n)/(total_steps − n)  after.

    Args:
        base_lr: the highest learning rate, above 0.
        total_steps: optimizer steps of the whole run, at least 1.
        start: share of ``base_lr`` at the first step, 0 to 1.
        pct_start: share of the steps that go up, 0 to below 1.
        end: share of ``base_lr`` behind the last step, 0 to 1.

    Raises:
        ValueError: an argument is out of its range.

    Sources: Smith, 'Cyclical learning rates', 2017, section 3; Page, 'How to train your ResNet',
    2019; Jordan, '94 % on CIFAR-10 in 3.29 seconds', 2024 (the default shares).
    """

    class Options(WholeRunOptions):
        """Straight up to lr and straight down again, step by step (Page 2019; Jordan 2024)."""

        start: float = Field(default=0.2, ge=0, le=1, description="first rate, as a share of lr")
        pct_start: float = Field(
            default=0.23, ge=0, lt=1, description="share of the steps with a rising rate"
        )
        end: float = Field(default=0.07, ge=0, le=1, description="last rate, as a share of lr")

    interval = "step"

    def __init__(
        self,
        base_lr: float,
        total_steps: int,
        start: float = 0.2,
        pct_start: float = 0.23,
        end: float = 0.07,
    ) -> None:
        super().__init__(base_lr)
        self.total_steps = count("total_steps", total_steps, 1)
        if not 0.0 <= pct_start < 1.0:
            raise ValueError(f"pct_start must be at least 0 and below 1, got {pct_start}")
        self.start, self.end = at_least_zero("start", start), at_least_zero("end", end)
        self.pct_start = pct_start

    def lr_at(self, k: int) -> float:
        rising = int(self.pct_start * self.total_steps)
        if k < rising:
            return self.base_lr * (self.start + (1 - self.start) * k / rising)
        done = min((k - rising) / (self.total_steps - rising), 1.0)
        return self.base_lr * (1 - (1 - self.end) * done)
