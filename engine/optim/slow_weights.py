"""Slow weights that follow the trained ones: lookahead, and an average of all of them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from engine.arrays import Array
from engine.optim.parameters import FlatParameters
from engine.parallel.shared_memory import shared_zeros

POWER = 3
"""Of the share of the run that is over, by which the slow weights come to hold what they have."""


class SlowWeights(ABC):
    """Weights that follow the trained ones, and take their place after the last step.

    Every ``every`` steps the slow weights s go towards the trained weights w:

        s ← s + (1 − d)·(w − s)

    Running statistics of a batch norm are treated as weights are: they belong to the same network.

    Args:
        every: steps between two of these moments, at least 1.
        decay: share of s that is kept in one step, in [0, 1].
        steps: of the whole run, at least 1.

    Raises:
        ValueError: an argument is out of its range.
    """

    steps_back: ClassVar[bool]
    """Whether w becomes s every time, not only behind the last step."""

    def __init__(self, every: int, decay: float, steps: int) -> None:
        if every < 1 or steps < 1:
            raise ValueError(f"every and steps must be at least 1, got {every} and {steps}")
        if not 0 <= decay <= 1:
            raise ValueError(f"decay must be from 0 to 1, got {decay}")
        self.every, self.decay, self.steps = every, decay, steps

    def attach(self, parameters: FlatParameters, buffers: Sequence[Array]) -> None:
        """Begin with the weights as they are; the slow ones are in shared memory.

        Args:
            parameters: of the network that is trained.
            buffers: its buffers, in shared memory.
        """
        self.parameters = parameters
        self.vector = shared_zeros(parameters.vector.size, parameters.dtype, "the slow weights")
        self.vector[...] = parameters.vector
        self._buffers = list(buffers)
        self.buffers = [
            shared_zeros(array.size, array.dtype, "a slow buffer").reshape(array.shape)
            for array in buffers
        ]
        for slow, array in zip(self.buffers, buffers, strict=True):
            slow[...] = array

    def swap(self) -> None:
        """Exchange slow and trained weights, all of them; a second time, and all is as before."""
        for slow, fast in self._pairs(slice(None), with_buffers=True):
            kept = fast.copy()
            fast[...] = slow
            slow[...] = kept

    def take_over(self) -> None:
        """Put the slow weights in the place of the trained ones, as behind the last step."""
        for slow, fast in self._pairs(slice(None), with_buffers=True):
            fast[...] = slow

    def _pairs(self, part: slice, *, with_buffers: bool) -> list[tuple[Array, Array]]:
        """Slow and trained weights beside each other."""
        pairs = [(self.vector[part], self.parameters.vector[part])]
        if with_buffers:
            pairs += zip(self.buffers, self._buffers, strict=True)
        return pairs

    @abstractmethod
    def share(self, t: int) -> float:
        """The share ``1 − d`` of w that s takes on after step ``t``, counted from 1."""

    def follow(self, t: int, part: slice, *, with_buffers: bool) -> None:
        """What is to be done after a step; nothing, after most of them.

        Args:
            t: steps taken.
            part: which of the parameters, while other workers care for the rest.
            with_buffers: whether for the buffers too, for which one worker cares.
        """
        due = t % self.every == 0
        for slow, fast in self._pairs(part, with_buffers=with_buffers):
            if due:
                slow += (fast - slow) * fast.dtype.type(self.share(t))
            if (due and self.steps_back) or t == self.steps:
                fast[...] = slow


class Average(SlowWeights):
    """An exponential moving average of the weights, with which the run ends.

    Training continues from the trained weights as if there were none. What is validated, and saved
    as the network of an epoch, are the slow weights. At the start the average is short, so that it
    soon forgets the first weights:

        d = min(decay, (1 + t) / (10 + t))^every

    Sources: Polyak and Juditsky, 'Acceleration of stochastic approximation by averaging', 1992;
    TensorFlow's ``ExponentialMovingAverage`` (the short start).
    """

    steps_back = False

    def share(self, t: int) -> float:
        return 1 - min(self.decay, (1 + t) / (10 + t)) ** self.every


class Lookahead(SlowWeights):
    """Slow weights that the trained ones step back to, in the form of airbench.

    Every ``every`` steps the slow weights s go towards the trained weights w, and w becomes s:

        s ← s + (1 − d)·(w − s),    w ← s,    d = decay^every · (t / steps)³

    At first d is near 0 and nothing happens. Towards the end s is a mean of many w, and training
    continues from it. After the last step w becomes s once more.

    Sources: Zhang et al., 'Lookahead optimizer: k steps forward, 1 step back', 2019; Jordan,
    '94 % on CIFAR-10 in 3.29 seconds', 2024, section 3.4 (the rising d, and the statistics).
    """

    steps_back = True

    def share(self, t: int) -> float:
        """The share ``1 − d`` of w that s takes on after step ``t``, counted from 1."""
        return 1 - self.decay**self.every * (t / self.steps) ** POWER
