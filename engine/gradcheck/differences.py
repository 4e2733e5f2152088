"""Central differences of L = Σ dout·y, along single entries or along directions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from engine.arrays import Array
from engine.errors import EngineError
from engine.gradcheck.extrapolation import DEVIATIONS, extrapolate, standard_deviation
from engine.gradcheck.report import WORST, Measured, Row, Verdict
from engine.numbers import exponent

Mode = Literal["exact", "directions"]

UNIT_ROUNDOFF = float(np.finfo(np.float64).eps) / 2
SCALE_SHARE = 0.1  # of a tensor's scale, below which its relative errors are not measured
ROUNDINGS = 16  # an output's error in units of its last place, to be on the safe side
FINER = (4, 16, 64, 256)  # divisors of the step, to get kinks out of it
COARSER = (4, 16, 64, 256, 1024)  # multiples of it, to get out of the rounding
EXCUSED = 1e-3  # uncertainty of a slope, relative to it, within which any gradient passes
NEGLIGIBLE = 1e-5  # of ‖dout·y‖: uncertainty of slopes that are 0 as far as can be measured
NEAR = (1 / 64, 1 / 4)  # of the step: distances at which L is a straight line but for rounding
MAX_KINKS = 0.05  # share of a tensor's entries that may be skipped
KINK = 1e-3  # relative difference of the one-sided slopes; a smooth function has about ε·L''
LARGE_KINK = 0.1  # the same, of one that makes up much of the slope


@dataclass(frozen=True)
class Settings:
    """Settings of the measurement and the verdict: see ``check_layer``."""

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
        """The number of entries or directions to measure of a tensor of ``size`` numbers."""
        if self.mode == "directions":
            return 2 if self.samples is None else self.samples
        return size if self.samples is None else min(size, self.samples)


class Probe(Protocol):
    """A line in the space of the numbers that L depends on."""

    def move(self, step: float) -> float:
        """Move to ``step`` on the line, in place; returns the step as it was rounded."""
        ...

    def restore(self) -> None:
        """Put the original numbers back, bit by bit."""
        ...


class SingleEntry:
    """The line along one entry of an array."""

    def __init__(self, array: Array, index: tuple[int, ...]) -> None:
        self.array, self.index = array, index
        self.origin = array[index]

    def move(self, step: float) -> float:
        self.array[self.index] = self.origin + step
        return float(self.array[self.index] - self.origin)

    def restore(self) -> None:
        self.array[self.index] = self.origin


class Direction:
    """The line along a direction of length 1 in all entries of some arrays."""

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
        size: of L, ‖dout·y‖.
        noise: what rounding the output makes of L: a slope over ε is known to noise/ε at best.
    """

    evaluate: Callable[[], Array]
    dout: Array
    magnitude: float = 0.0
    base: Array = field(init=False)
    size: float = field(init=False)
    noise: float = field(init=False)

    def __post_init__(self) -> None:
        self.base = np.array(self.evaluate())
        sizes = np.maximum(np.abs(self.base), self.magnitude)
        self.size = float(np.linalg.norm(self.dout * sizes))
        self.noise = ROUNDINGS * UNIT_ROUNDOFF * self.size

    def slope(self, probe: Probe, step: float) -> float:
        """The central difference.

        Raises:
            EngineError: the step is lost in rounding.
        """
        (above, high), (below, low) = self._at(probe, step), self._at(probe, -step)
        _check_moved(above - below, step)
        return float((self.dout * (high - low)).sum()) / (above - below)

    def one_sided(self, probe: Probe, step: float) -> tuple[float, float]:
        """The smaller and the larger of the two one-sided differences.

        Raises:
            EngineError: the step is lost in rounding.
        """
        (above, high), (below, low) = self._at(probe, step), self._at(probe, -step)
        _check_moved(above, step)
        _check_moved(below, step)
        forward = float((self.dout * (high - self.base)).sum()) / above
        backward = float((self.dout * (self.base - low)).sum()) / -below
        return min(forward, backward), max(forward, backward)

    def rounding(self, probe: Probe, distance: float) -> float:
        """The rounding noise of L, measured at points ``distance`` apart."""
        return standard_deviation(
            lambda i: float((self.dout * (self._at(probe, i * distance)[1] - self.base)).sum())
        )

    def _at(self, probe: Probe, step: float) -> tuple[float, Array]:
        try:
            # A copy: the output may be a view of the arrays that are about to move back.
            return probe.move(step), np.array(self.evaluate())
        finally:
            probe.restore()


def _check_moved(distance: float, step: float) -> None:
    if distance == 0:
        raise EngineError(
            f"a number is so large that a step of {exponent(step)} is lost in its rounding, so "
            "there is no gradient to compare with; has the training diverged?"
        )


@dataclass(frozen=True)
class SlopeComparison:
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
) -> SlopeComparison:
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
    count = len(probes)
    numeric = np.empty(count)
    for i, probe in enumerate(probes):
        numeric[i] = function.slope(probe, eps)
        tick()
    judge = _Judge(function, max(rms(analytic), rms(numeric), typical), settings)
    error = relative_error(analytic, numeric, judge.floor(function.noise / eps))
    resolution = np.full(count, function.noise / eps)
    kinks, undecided = np.zeros(count, bool), np.zeros(count, bool)
    # The largest first: once one is beyond excuse, the others need none.
    for i in np.argsort(-error, kind="stable"):
        if error[i] <= tolerance or not np.isfinite(error[i]):
            break
        second = judge.measure_again(probes[i], float(analytic[i]))
        if second is None:
            break
        numeric[i], error[i], resolution[i] = second.slope, second.error, second.resolution
        kinks[i], undecided[i] = second.kink, second.undecided
    scale = max(rms(analytic), rms(numeric), typical)
    verdict: Verdict = "zero" if scale <= resolution.max() else "ok"
    if kinks.sum() > MAX_KINKS * count or (error[~kinks] > tolerance).any():
        verdict = "FAILED"
    elif undecided.any():
        verdict = "undecided"
    return SlopeComparison(analytic, numeric, error, kinks, verdict)


@dataclass(frozen=True)
class _Second:
    """The result of measuring a probe again."""

    slope: float
    error: float
    resolution: float
    kink: bool = False
    undecided: bool = False


@dataclass(frozen=True)
class _Judge:
    """Measurements with other steps, where the first one did not agree.

    Attributes:
        function: L.
        scale: what slopes of this tensor are like.
        settings: step and tolerance.
    """

    function: Function
    scale: float
    settings: Settings

    def floor(self, resolution: float) -> float:
        """The smallest denominator of a relative error of slopes known to ``resolution``."""
        tiny = float(np.finfo(float).tiny)
        return max(SCALE_SHARE * self.scale, resolution / self.settings.tolerance, tiny)

    def measure_again(self, probe: Probe, analytic: float) -> _Second | None:
        """A better measurement, or a kink that explains the difference; else None."""
        second = self._finer(probe, analytic)
        if second is not None:
            return second
        noise = max(self.function.rounding(probe, self.settings.eps * near) for near in NEAR)
        second = self._extrapolated(probe, analytic, noise)
        if second is None or second.undecided:
            return self._beside_a_kink(probe, analytic, noise) or second
        return second

    def _finer(self, probe: Probe, analytic: float) -> _Second | None:
        """Small steps, which leave nearly every kink outside."""
        for divisor in FINER:
            step = self.settings.eps / divisor
            resolution = self.function.noise / step
            slope = self.function.slope(probe, step)
            error = _error(analytic, slope, self.floor(resolution))
            excused = resolution <= self._most_excused(max(abs(analytic), abs(slope)))
            if error <= self.settings.tolerance and excused:
                return _Second(slope, error, resolution)
        return None

    def _extrapolated(self, probe: Probe, analytic: float, noise: float) -> _Second | None:
        """Small and large steps together, with the rounding as measured."""
        eps, tolerance, function = self.settings.eps, self.settings.tolerance, self.function
        steps = [*(eps / n for n in reversed(FINER)), eps, *(eps * n for n in COARSER)]
        slopes = [function.slope(probe, step) for step in steps]
        estimate = extrapolate(slopes, steps, noise)
        slope, resolution = estimate.slope, estimate.uncertainty + function.noise
        error = _error(analytic, slope, self.floor(0))
        if error <= tolerance:
            return _Second(slope, error, resolution)
        larger = max(abs(analytic), abs(slope))
        # What the first step cannot tell from 0 is 0: ``backward`` rounds as well.
        if larger <= (least := function.noise / eps):
            return _Second(slope, _error(analytic, slope, self.floor(2 * least)), 2 * least)
        error = _error(analytic, slope, self.floor(resolution))
        if error <= tolerance:
            negligible = larger <= 2 * resolution <= NEGLIGIBLE * function.size
            excused = resolution <= self._most_excused(larger)
            return _Second(slope, error, resolution, undecided=not (negligible or excused))
        return None

    def _beside_a_kink(self, probe: Probe, analytic: float, noise: float) -> _Second | None:
        """The one-sided differences, with the smallest step that is precise enough."""
        noise = max(self.function.noise, DEVIATIONS * noise)
        for divisor in (*reversed(FINER), 1):
            step = self.settings.eps / divisor
            low, high = self.function.one_sided(probe, step)
            larger = max(abs(low), abs(high))
            if noise / step <= self._most_excused(larger):
                break
        else:
            return None
        if high - low <= 2 * noise / step:
            return None
        floor = self.floor(noise / step)
        jump = (high - low) / max(larger, floor)
        error, slope = min((_error(analytic, side, floor), side) for side in (low, high))
        if error <= self.settings.tolerance:
            # The kink lies on one side. The other side's slope is the gradient's measure.
            return _Second(slope, error, noise / step, kink=jump > LARGE_KINK)
        if jump > KINK and low <= analytic <= high:
            return _Second(slope, error, noise / step, kink=True)
        return None

    def _most_excused(self, slope: float) -> float:
        """The largest resolution at which a slope of that size still counts as measured."""
        return EXCUSED * max(slope, SCALE_SHARE * self.scale)


def relative_error(analytic: Array, numeric: Array, floor: float) -> Array:
    """|a − n| / max(|a|, |n|, floor), elementwise; infinite where one is not finite."""
    with np.errstate(invalid="ignore"):
        larger = np.maximum(np.maximum(np.abs(analytic), np.abs(numeric)), floor)
        error = np.abs(analytic - numeric) / larger
    return np.where(np.isfinite(error), error, np.inf)


def _error(analytic: float, numeric: float, floor: float) -> float:
    return float(relative_error(np.asarray(analytic), np.asarray(numeric), floor))


def rms(values: Array) -> float:
    """Root mean square of the finite numbers."""
    finite = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(finite * finite))) if finite.size else 0.0
