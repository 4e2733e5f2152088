"""Events of a training session: rare occurrences, as typed messages.

They are called in the thread that trains. The metrics of every step are not events; watchers
poll ``session.metric_buffer`` for them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Logs = dict[str, float]
EndStatus = Literal["finished", "stopped", "diverged", "failed"]


@dataclass(frozen=True)
class Started:
    """The data is loaded and training begins, or resumes at ``epoch`` and ``step``.

    ``finished`` if the run is over already, and nothing is left to train.
    """

    run: str
    run_dir: Path
    epoch: int
    step: int
    epochs: int
    steps_per_epoch: int
    samples: int
    parameters: int
    dataset: str
    seed: int
    finished: bool = False

    @property
    def resumed(self) -> str:
        """Where a resumed run continues, in words; empty for one from its start."""
        if self.finished:
            return f"finished already after epoch {self.epoch}: nothing is left to train"
        done = [f"epoch {self.epoch}"] if self.epoch else []
        if self.step:
            done.append(f"batch {self.step} of epoch {self.epoch + 1}")
        return f"resumed after {', '.join(done)}" if done else ""


@dataclass(frozen=True)
class EpochEnded:
    """An epoch is trained and validated; ``epoch`` counts from 1."""

    epoch: int
    epochs: int
    logs: Logs


@dataclass(frozen=True)
class CheckpointSaved:
    """A checkpoint is durably on disk."""

    path: Path
    epoch: int
    step: int
    best: bool


@dataclass(frozen=True)
class LearningRateChanged:
    """The learning rate was changed during training."""

    step: int
    lr: float


@dataclass(frozen=True)
class Warned:
    """Something went wrong that training survives."""

    message: str


@dataclass(frozen=True)
class Noted:
    """A consequence of the config that has to be known, and is no mistake.

    Attributes:
        key: of the config.
        message: what it does, in a line.
    """

    key: str
    message: str


@dataclass(frozen=True)
class Hinted:
    """A hint on the course of training: a rule of ``engine.hints`` began to hold.

    Attributes:
        rule: its name.
        title: what it is called, in a few words.
        message: the facts, in a line.
        why: what it means.
        fix: what to change, as ``key=value``; empty where no key helps by itself.
        fix_label: the same in words.
        epoch: epochs done.
        at_end: whether training is over, and the hint still holds.
    """

    rule: str
    title: str
    message: str
    why: str
    fix: tuple[str, ...]
    fix_label: str
    epoch: int
    at_end: bool = False


@dataclass
class Traffic:
    """What the ranks that trained together have sent each other, before ``Ended``.

    Attributes:
        ranks: how many they were.
        machines: on how many machines.
        steps: optimizer steps that they took together.
        sent: bytes, of all ranks in all steps.
        bytes_per_step: of all ranks in one step.
    """

    ranks: int
    machines: int
    steps: int = 0
    sent: int = 0
    bytes_per_step: int = 0

    def count(self, steps: int, sent: int) -> None:
        """Add some steps, and the bytes that they took."""
        self.steps += steps
        self.sent += sent
        self.bytes_per_step = round(self.sent / max(self.steps, 1))


@dataclass(frozen=True)
class Ended:
    """The run is over."""

    run: str
    run_dir: Path
    status: EndStatus
    reason: str
    epochs_done: int
    seconds: float
    samples_per_s: float
    logs: Logs
    best: Logs
    test: Logs


Event = (
    Started
    | EpochEnded
    | CheckpointSaved
    | LearningRateChanged
    | Warned
    | Noted
    | Hinted
    | Traffic
    | Ended
)
