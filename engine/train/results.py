"""What comes of a batch, and of an evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.arrays import Array
from engine.events import Logs

EXPLODED = 1e3
"""A mean loss above it was driven there by the steps: no fresh network comes near it."""


def late_divergence(history: Sequence[Logs], test_acc: float, classes: int) -> str | None:
    """Why a run with finite numbers has diverged all the same, or None.

    Its loss exploded in some epoch, and the network that it ended with guesses. Where a network
    recovers, or is merely slow to learn, nothing is said.

    Args:
        history: the logs of every epoch.
        test_acc: accuracy of the finished network.
        classes: how many there are.
    """
    highest = max((logs["loss"] for logs in history), default=0.0)
    if highest <= EXPLODED or test_acc > 1.5 / classes:
        return None
    return (
        f"diverged: the loss rose to {highest:.3g}, and the network ended no better than guessing "
        f"(test_acc {test_acc:.2f}). Try a smaller lr, or train.clip_norm"
    )


@dataclass(frozen=True)
class StepResult:
    """What one optimizer step tells.

    Attributes:
        loss: mean over the batch, before the step.
        correct: how many samples were classified correctly, before the step.
        samples: how many there were.
        grad_norm: of all gradients together, before clipping.
    """

    loss: float
    correct: int
    samples: int
    grad_norm: float


@dataclass(frozen=True)
class Evaluation:
    """What a network makes of a set of samples.

    Attributes:
        loss: mean over the samples.
        acc: share of samples classified correctly.
        predictions: class indices (N,), ``metrics.NO_PREDICTION`` where a logit is NaN.
        labels: class indices (N,).
        top5: share of samples whose class is among the five likeliest.
    """

    loss: float
    acc: float
    predictions: Array
    labels: Array
    top5: float
