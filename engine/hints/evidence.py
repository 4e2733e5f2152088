"""Evidence: all that the rules may look at."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from engine.config import Config
from engine.events import Logs

_MORE, _MARGIN, _LESS_WRONG = 0.5, 0.05, 0.3
"""A network may be guessing up to half as much more than guessing gives, but no more than five
points, and with no more than three tenths fewer mistakes."""


@dataclass(frozen=True)
class LayerStats:
    """A layer in one batch.

    Attributes:
        name: full name in the network (``3.body.0``).
        kind: its class.
        grad_rms: root mean square of the weight's gradient; None without a weight.
        update_ratio: RMS of the update of the weight, divided by that of the weight.
        dead: of a ReLU, the share of its channels that were 0 everywhere.
    """

    name: str
    kind: str
    grad_rms: float | None = None
    update_ratio: float | None = None
    dead: float | None = None


@dataclass(frozen=True)
class Look:
    """All layers in a late batch of an epoch.

    Attributes:
        epoch: from 1.
        layers: in the order of the network.
    """

    epoch: int
    layers: tuple[LayerStats, ...]


@dataclass(frozen=True)
class Evidence:
    """A training so far, as its rules see it.

    Attributes:
        config: what is trained.
        history: the logs of all epochs so far, oldest first.
        counts: training samples of each class; none where they are not known.
        classes: names of the classes.
        looks: at the layers, in the last epochs of the history, oldest first.
        inputs: mean and standard deviation of the images as the network gets them, or None.
        diverged: why the numbers of the training broke down, or empty.
    """

    config: Config
    history: Sequence[Logs] = ()
    counts: Sequence[int] = ()
    classes: Sequence[str] = ()
    looks: Sequence[Look] = ()
    inputs: tuple[float, float] | None = None
    diverged: str = ""

    def column(self, name: str) -> list[float]:
        """A metric of every epoch; NaN where it is missing."""
        return [logs.get(name, math.nan) for logs in self.history]

    @property
    def guessing(self) -> float:
        """Accuracy of always answering the commonest class."""
        total = sum(self.counts)
        even = 1 / max(len(self.classes), 1)
        return max(self.counts) / total if total else even

    @property
    def guessing_loss(self) -> float | None:
        """The cross-entropy of evenly spread probabilities; None for another loss."""
        if self.config.train.loss != "cross_entropy" or len(self.classes) < 2:
            return None
        return math.log(len(self.classes))

    @property
    def chance(self) -> float:
        """Accuracy up to which a network may be guessing."""
        guess = self.guessing
        return guess + min(_MORE * guess, _MARGIN, _LESS_WRONG * (1 - guess))

    @property
    def lr_lowered(self) -> bool:
        """Whether the learning rate is well below what it was: a schedule's end, or by hand."""
        rates = self.column("lr")
        return bool(rates) and rates[-1] < 0.3 * max(rates)

    @property
    def most_dead(self) -> float:
        """The largest share of dead channels of any ReLU in the last look."""
        last = self.looks[-1].layers if self.looks else ()
        return max((layer.dead for layer in last if layer.dead is not None), default=0.0)

    def ratios(self) -> list[float]:
        """The largest update/weight ratio of any layer, in every look."""
        found = [
            [layer.update_ratio for layer in look.layers if layer.update_ratio is not None]
            for look in self.looks
        ]
        return [max(ratios) for ratios in found if ratios]
