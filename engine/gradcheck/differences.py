"""Central differences of L = Σ dout·y, along single entries or along directions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from engine.gradcheck.report import WORST, Measured, Row, Verdict

Array = np.ndarray
Mode = Literal["exact", "directions"]

UNIT_ROUNDOFF = float(np.finfo(np.float64).eps) / 2
SCALE_SHARE = 0.1  # of a tensor's scale, below which its relative errors are not measured
ROUNDINGS = 16  # an output's error in units of its last place, to be on the safe side
FINER = (4, 16, 64, 256)  # divisors of the step, to get kinks out of it
MAX_KINKS = 0.05  # share of a tensor's entries that may be skipped
KINK = 1e-3  # relative difference of the one-sided slopes; a smooth function has about ε·L''
LARGE_KINK = 0.1  # the same, of one that makes up much of the slope


@dataclass(frozen=True)
class Settings:
    """How to measure and to judge: see ``check_layer``."""

    mode: Mode
    samples: int | None
    eps: float
    tolerance: float

    def __post_init__(self) -> None:
        if self.mode not in ("exact", "directions"):
            raise ValueError(f"mode: expected 'exact' or 'directions', got {self.mode!r}")
        if self.samples is not None and self.samples < 1:
            raise ValueError(f"samples_per_tensor: expected at least 1, got {self.samples}")

    def probes(self, size: int) -> int:
        """How many entries or directions of a tensor of ``size`` numbers to measure."""
        if self.mode == "directions":
            return 2 if self.samples is None else self.samples
        return size if self.samples is None else min(size, self.samples)


class Probe(Protocol):
    """A line in the space of the numbers that L depends on."""

    def move(self, step: float) -> float:
        """Go to ``step`` on the line, in place; returns the step as it was rounded."""
        ...

    def restore(self) -> None:
        """Put the original numbers back, bit by bit."""
        ...


class Entry:
    """Moves one number of an array."""

    def __init__(self, array: Array, index: tuple[int, ...]) -> None:
        self.array, self.index = array, index
        self.origin = array[index]

    def move(self, step: float) -> float:
        self.array[self.index] = self.origin + step
        return float(self.array[self.index] - self.origin)

    def restore(self) -> None:
        self.array[self.index] = self.origin


class Direction:
    """Moves all numbers of some arrays along a direction of length 1."""

    def __init__(self, arrays: Sequence[Array], direction: Sequence[Array]) -> None:
        length = float(np.sqrt(sum((d * d).sum() for d in direction)))
        self.arrays = arrays
        self.direction = [d / length for d in direction]
        self.origin = [array.copy() for array in arrays]

    def move(self, step: float) -> float:
        for array, origin, d in zip(self.arrays, self.origin, self.direction, strict=True):
            array[...] = origin + step * d
        return step

    def restore(self) -> None:
        for array, origin in zip(self.arrays, self.origin, strict=True):
            array[...] = origin

    def slope(self, gradients: Sequence[Array]) -> float:
        """The derivative along the direction, by the chain rule."""
        return float(sum((g * d).sum() for g, d in zip(gradients, self.direction, strict=True)))


@dataclass
class Function:
    """L = Σ dout·y, where ``evaluate`` computes y from arrays that a probe moves.

    Attributes:
        magnitude: the size of the numbers that y is the difference of, where y is much smaller.
        noise: what rounding makes of L: a slope over ε is known to noise/ε.
    """

    evaluate: Callable[[], Array]
    dout: Array
    magnitude: float = 0.0
    base: Array = field(init=False)
    noise: float = field(init=False)

    def __post_init__(self) -> None:
        self.base = np.array(self.evaluate())
        size = np.maximum(np.abs(self.base), self.magnitude)
        self.noise = ROUNDINGS * UNIT_ROUNDOFF * float(np.linalg.norm(self.dout * size))

    def slope(self, probe: Probe, step: float) -> float:
        """The central difference."""
        (above, high), (below, low) = self._at(probe, step), self._at(probe, -step)
        return float((self.dout * (high - low)).sum()) / (above - below)

    def one_sided(self, probe: Probe, step: float) -> tuple[float, float]:
        """The smaller and the larger of the two one-sided differences."""
        (above, high), (below, low) = self._at(probe, step), self._at(probe, -step)
        forward = float((self.dout * (high - self.base)).sum()) / above
        backward = float((self.dout * (self.base - low)).sum()) / -below
        return min(forward, backward), max(forward, backward)

    def _at(self, probe: Probe, step: float) -> tuple[float, Array]:
        try:
            # A copy: the output may be a view of the arrays that are about to move back.
            return probe.move(step), np.array(self.evaluate())
        finally:
            probe.restore()


@dataclass(frozen=True)
class Comparison:
    """Analytic and numeric slopes, probe by probe."""

    analytic: Array
    numeric: Array
    error: Array
    kinks: Array
    verdict: Verdict

    @property
    def worst(self) -> int:
        """The probe with the largest error that is not a kink."""
        return int(np.argmax(np.where(self.kinks, -1.0, self.error)))

    def row(
        self,
        layer: str,
        kind: str,
        tensor: str,
        shape: tuple[int, ...],
        entries: int,
        indices: Sequence[tuple[int, ...]] | None,
    ) -> Row:
        """The comparison as a row of a report; ``indices`` are the probes' if they are entries."""
        worst = self.worst
        kinks = int(self.kinks.sum())
        return Row(
            layer=layer,
            kind=kind,
            tensor=tensor,
            shape=shape,
            entries=entries,
            checked=len(self.error) - kinks,
            kinks=kinks,
            error=float(self.error[worst]),
            index=None if indices is None else indices[worst],
            analytic=float(self.analytic[worst]),
            numeric=float(self.numeric[worst]),
            verdict=self.verdict,
            measured=tuple(
                Measured(
                    index=None if indices is None else indices[i],
                    analytic=float(self.analytic[i]),
                    numeric=float(self.numeric[i]),
                    error=float(self.error[i]),
                    kink=bool(self.kinks[i]),
                )
                for i in np.lexsort((-self.error, self.kinks))[:WORST]
            ),
        )


def compare(
    function: Function,
    probes: Sequence[Probe],
    analytic: Array,
    settings: Settings,
    tick: Callable[[], None],
    typical: float = 0.0,
) -> Comparison:
    """Measure the slope along every probe and judge the analytic ones.

    Args:
        function: L.
        probes: where to measure.
        analytic: the slope along each, from ``backward``.
        settings: step and tolerance.
        tick: called after every probe; may raise to stop.
        typical: the size that slopes have on average, where the few measured may all be small.
    """
    eps, tolerance = settings.eps, settings.tolerance
    numeric = np.empty(len(probes))
    for i, probe in enumerate(probes):
        numeric[i] = function.slope(probe, eps)
        tick()
    scale = max(rms(analytic), rms(numeric), typical)

    def floor(step: float) -> float:
        return max(SCALE_SHARE * scale, function.noise / step / tolerance, np.finfo(float).tiny)

    error = relative_error(analytic, numeric, floor(eps))
    kinks = np.zeros(len(probes), bool)
    # The largest first: once one is beyond excuse, the others need none.
    for i in np.argsort(-error, kind="stable"):
        if error[i] <= tolerance:
            break
        if not np.isfinite(error[i]):
            break
        for step in (eps / divisor for divisor in FINER):
            slope = function.slope(probes[i], step)
            finer = float(relative_error(analytic[i], np.asarray(slope), floor(step)))
            if finer <= tolerance:
                numeric[i], error[i] = slope, finer
                break
        else:
            step = eps / FINER[-1]
            low, high = function.one_sided(probes[i], step)
            sides = np.array([low, high])
            errors = relative_error(np.full(2, analytic[i]), sides, floor(step))
            jump = (high - low) / max(abs(low), abs(high), floor(step))
            if errors.min() <= tolerance:
                # The kink lies on one side. The other side's slope is the gradient's measure.
                numeric[i], error[i] = sides[errors.argmin()], errors.min()
                kinks[i] = jump > LARGE_KINK
            elif jump > KINK and low <= analytic[i] <= high:
                kinks[i] = True
            else:
                break
    return Comparison(
        analytic, numeric, error, kinks, _verdict(error, kinks, scale, function, settings)
    )


def relative_error(analytic: Array, numeric: Array, floor: float) -> Array:
    """|a − n| / max(|a|, |n|, floor), elementwise; infinite where one is not finite."""
    with np.errstate(invalid="ignore"):
        larger = np.maximum(np.maximum(np.abs(analytic), np.abs(numeric)), floor)
        error = np.abs(analytic - numeric) / larger
    return np.where(np.isfinite(error), error, np.inf)


def _verdict(
    error: Array, kinks: Array, scale: float, function: Function, settings: Settings
) -> Verdict:
    too_many = kinks.sum() > MAX_KINKS * len(kinks)
    if too_many or (error[~kinks] > settings.tolerance).any():
        return "FAILED"
    return "zero" if scale <= function.noise / settings.eps else "ok"


def rms(values: Array) -> float:
    """Root mean square of those that are finite."""
    finite = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(finite * finite))) if finite.size else 0.0
