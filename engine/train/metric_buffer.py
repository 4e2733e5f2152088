"""The metrics of every step of a run, to be polled, in a buffer of a fixed size."""

import threading
from dataclasses import dataclass

import numpy as np

FIELDS = ("step", "loss", "acc", "lr", "grad_norm")


@dataclass(frozen=True)
class Curve:
    """Points of a curve, oldest first; each is the mean over ``stride`` steps.

    Attributes:
        values: (points, fields) in the order of ``FIELDS``.
        version: grows with every change; the same version is the same curve.
        stride: steps that one point stands for.
    """

    values: np.ndarray
    version: int
    stride: int

    def column(self, field: str) -> np.ndarray:
        """One field's values, a view."""
        return self.values[:, FIELDS.index(field)]


class MetricBuffer:
    """A locked buffer of the metrics of every step.

    It covers the whole run: when it is full, neighbouring points are averaged in pairs and each
    new point stands for twice as many steps. Writing costs about a microsecond.

    Args:
        capacity: how many points there are at most, an even number.
    """

    def __init__(self, capacity: int = 8192) -> None:
        if capacity < 2 or capacity % 2:
            raise ValueError(f"capacity: expected an even number, got {capacity}")
        self._lock = threading.Lock()
        self._values = np.zeros((capacity, len(FIELDS)))
        self._length = 0
        self._version = 0
        self._stride = 1
        self._pending = np.zeros(len(FIELDS))
        self._pending_count = 0

    def append(self, step: int, loss: float, acc: float, lr: float, grad_norm: float) -> None:
        """Add the metrics of one step."""
        with self._lock:
            self._pending += (step, loss, acc, lr, grad_norm)
            self._pending_count += 1
            if self._pending_count == self._stride and self._length == len(self._values):
                self._halve()  # the new point now has to stand for twice as many steps as well
            if self._pending_count < self._stride:
                return
            self._values[self._length] = self._pending / self._pending_count
            self._length += 1
            self._version += 1
            self._pending[:] = 0
            self._pending_count = 0

    def _halve(self) -> None:
        half = self._length // 2
        self._values[:half] = self._values.reshape(half, 2, -1).mean(axis=1)
        self._length = half
        self._stride *= 2
        self._version += 1

    def curve(self) -> Curve:
        """A copy of all points."""
        with self._lock:
            return Curve(self._values[: self._length].copy(), self._version, self._stride)

    @property
    def version(self) -> int:
        """The version of the curve that ``curve`` would give."""
        return self._version
