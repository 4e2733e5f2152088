"""The contract of learning rate schedules.

A schedule has no clock of its own: ``lr(epoch, step)`` is a pure function of how much training is
done, so a run that is resumed anywhere has the right learning rate at once. Only
``ReduceLROnPlateau``, which follows a metric, has a state beside its base.

``epoch`` counts completed epochs and ``step`` the optimizer steps of the whole run; both are 0
while the first batch is trained. A schedule reads one of them, named by its ``interval``.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import Field

from engine.errors import CheckpointError
from engine.options import Section


class SchedulerOptions(Section):
    """Base of the options that a config can give to a schedule.

    Attributes:
        name: of the schedule; its class's name, as in PyTorch, is read too.
    """

    name: str = Field(description="which scheduler")

    def arguments(self, lr: float, epochs: int, steps_per_epoch: int) -> dict[str, Any]:
        """The keyword arguments of the schedule's constructor in a run.

        Args:
            lr: the config's learning rate.
            epochs: of the run.
            steps_per_epoch: optimizer steps in each.
        """
        return {"base_lr": lr, **self.model_dump(exclude={"name"})}

    @classmethod
    def starting_values(cls, epochs: int) -> dict[str, Any]:
        """The values that a form writes, in a run of so many epochs, for what has no default."""
        return {}


class WholeRunOptions(SchedulerOptions):
    """Base of the options of a schedule that is told the steps of the run: ``total_steps``."""

    def arguments(self, lr: float, epochs: int, steps_per_epoch: int) -> dict[str, Any]:
        given = super().arguments(lr, epochs, steps_per_epoch)
        return given | {"total_steps": epochs * steps_per_epoch}


class Scheduler(ABC):
    """Base of the schedules: a learning rate for every moment of a run.

    Args:
        base_lr: the learning rate that the schedule scales, above 0.

    Raises:
        ValueError: an argument is out of its range.
    """

    class Options(SchedulerOptions):
        """The options of a schedule without any."""

    interval: ClassVar[Literal["epoch", "step"]] = "epoch"

    def __init__(self, base_lr: float) -> None:
        self._base_lr = positive("base_lr", base_lr)

    @property
    def base_lr(self) -> float:
        """The learning rate that is scaled: the first one (``OneCycleLR``: the highest)."""
        return self._base_lr

    def set_base_lr(self, new: float) -> None:
        """Scale the rest of the schedule to another base, in the middle of a run.

        Raises:
            ValueError: ``new`` is not a finite number above 0.
        """
        self._base_lr = positive("base_lr", new)

    @abstractmethod
    def lr(self, epoch: int, step: int) -> float:
        """The learning rate after ``epoch`` completed epochs and ``step`` optimizer steps."""

    def observe(self, metric: float) -> None:  # noqa: B027  (most schedules do not look)
        """Report a metric, once after every epoch; only some schedules use it."""

    def state_dict(self) -> dict[str, Any]:
        """The state as plain JSON values."""
        return {"base_lr": self.base_lr}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state; arguments other than ``base_lr`` are not part of it.

        Raises:
            CheckpointError: the state is of another kind of schedule.
        """
        expected = self.state_dict().keys()
        if state.keys() != expected:
            raise CheckpointError(
                f"a state of {type(self).__name__} has {', '.join(sorted(expected))}, "
                f"got {', '.join(sorted(state)) or 'nothing'}: it is of another schedule"
            )
        self._restore(state)

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.set_base_lr(state["base_lr"])


class ClosedFormScheduler(Scheduler):
    """A schedule that is a formula in the number of epochs or steps done."""

    @abstractmethod
    def lr_at(self, k: int) -> float:
        """The learning rate after ``k`` epochs or steps, as in PyTorch after ``k`` calls."""

    def lr(self, epoch: int, step: int) -> float:
        return self.lr_at(epoch if self.interval == "epoch" else step)


SCHEDULERS: dict[str, type[Scheduler]] = {}
"""Every schedule by its name in configs, in the order of every list."""

Schedule = TypeVar("Schedule", bound=Scheduler)


def register(name: str) -> Callable[[type[Schedule]], type[Schedule]]:
    """Make a schedule known by a name: to configs, ``--set``, the form and the JSON Schema.

    Raises:
        ValueError: the name is taken.
    """

    def add(cls: type[Schedule]) -> type[Schedule]:
        if name in SCHEDULERS:
            raise ValueError(f"there are two schedules named {name}")
        SCHEDULERS[name] = cls
        return cls

    return add


def positive(name: str, value: float) -> float:
    """A finite number above 0; a ValueError names the argument otherwise."""
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be a finite number above 0, got {value}")
    return float(value)


def at_least_zero(name: str, value: float) -> float:
    """A finite number of at least 0; a ValueError names the argument otherwise."""
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{name} must be a finite number of at least 0, got {value}")
    return float(value)


def count(name: str, value: int, least: int) -> int:
    """A whole number of at least ``least``; a ValueError names the argument otherwise."""
    if not isinstance(value, int) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {value}")
    return value
