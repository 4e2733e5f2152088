"""Results of a batch and of an evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.arrays import Array
from engine.events import Logs

EXPLODED = 1e3
"""A mean loss above it is a result of training: no fresh network comes near it."""


def late_divergence(history: Sequence[Logs], test_acc: float, classes: int) -> str | None:
    """The message on a run that diverged with finite numbers, or None.

    Its loss exploded in some epoch, and its last network is no better than guessing. A network
    that recovers, or is merely slow to learn, has not diverged.

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
    """Metrics of one optimizer step.

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
    """Metrics and predictions of a network for a set of samples.

    Attributes:
        loss: mean over the samples.
        acc: share of samples classified correctly.
        predictions: class indices (N,), ``metrics.NO_PREDICTION`` where a logit is NaN.
        labels: class indices (N,).
        top5: share of samples whose class is among the five likeliest.
        losses: of every sample (N,); NaN or infinite where a logit is.
        confidences: probability of the predicted class (N,); NaN where there is none.
    """

    loss: float
    acc: float
    predictions: Array
    labels: Array
    top5: float
    losses: Array
    confidences: Array
