"""Warm-up for any schedule that goes by epochs."""

from collections.abc import Mapping
from typing import Any

from engine.schedulers.scheduler import Scheduler, count


class Warmup(Scheduler):
    """PyTorch's ``LinearLR`` on top of another schedule: linear warm-up.

    The inner schedule's learning rate is multiplied by a factor that rises linearly from
    ``start_factor`` at step 0 to 1 at step ``steps``, and stays there. (Goyal et al. 2017,
    section 2.2, warm up in this way.)

    Args:
        inner: any schedule that goes by epochs.
        steps: optimizer steps until the factor is 1, at least 1.
        start_factor: the first factor, above 0 and at most 1.

    Raises:
        ValueError: an argument is out of its range, or ``inner`` goes by steps.
    """

    interval = "step"

    def __init__(self, inner: Scheduler, steps: int, start_factor: float = 1 / 3) -> None:
        if inner.interval == "step":
            raise ValueError(
                f"warm-up on top of {type(inner).__name__}, which goes by steps, is not supported; "
                "OneCycleLR has a rise of its own"
            )
        if not 0.0 < start_factor <= 1.0:
            raise ValueError(f"start_factor must be above 0 and at most 1, got {start_factor}")
        super().__init__(inner.base_lr)
        self.inner = inner
        self.steps = count("steps", steps, 1)
        self.start_factor = start_factor

    @property
    def base_lr(self) -> float:
        return self.inner.base_lr

    def set_base_lr(self, new: float) -> None:
        self.inner.set_base_lr(new)

    def factor_at(self, k: int) -> float:
        """The factor on the inner learning rate at step ``k``, counted from 0."""
        return self.start_factor + (1.0 - self.start_factor) * min(k, self.steps) / self.steps

    def lr(self, epoch: int, step: int) -> float:
        return self.inner.lr(epoch, step) * self.factor_at(step)

    def observe(self, metric: float) -> None:
        self.inner.observe(metric)

    def state_dict(self) -> dict[str, Any]:
        return {"inner": self.inner.state_dict()}

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.inner.load_state_dict(state["inner"])
