"""Slopes from many steps (Richardson), with an error bar that ignores the analytic gradient."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

RATIO = 4
"""Ratio of two neighbouring steps."""

ORDERS = 3
"""Even powers of the step that are eliminated at most."""

DEVIATIONS = 4
"""Standard deviations of a value of L that a slope times its step may be wrong by. The slope's
own are 0.7 of them, since it is the difference of two values over twice the step."""


@dataclass(frozen=True)
class Estimate:
    """A measured slope and its uncertainty."""

    slope: float
    uncertainty: float


def extrapolate(slopes: Sequence[float], steps: Sequence[float], noise: float) -> Estimate:
    """The slope at step 0, from central differences at several steps.

    The error of a central difference is a series in even powers of the step, so neighbouring
    steps tell how large it is, and a combination of them is free of its first terms (Richardson).
    The combination that its own neighbours agree with best is taken: of small steps beside a
    kink, of large ones where rounding is large.

    Args:
        slopes: a central difference for each step.
        steps: the smallest first, each ``RATIO`` times the one before.
        noise: standard deviation of what rounding does to L.

    Source: Ridders, 'Accurate computation of F'(x) and F'(x)F''(x)', 1982.
    """
    best = Estimate(slopes[0], np.inf)
    column = list(slopes)
    for order in range(1, ORDERS + 1):
        weight = RATIO ** (2 * order)
        finer = [a + (a - b) / (weight - 1) for a, b in pairwise(column)]
        for value, (a, b), step in zip(finer, pairwise(column), steps, strict=False):
            spread = max(abs(value - a), abs(value - b))
            uncertainty = spread + DEVIATIONS * noise / step
            if uncertainty < best.uncertainty:
                best = Estimate(value, uncertainty)
        column = finer
    return best


def standard_deviation(value: Callable[[int], float]) -> float:
    """The noise of a function, from its values at equally spaced points.

    Over a distance at which the function itself is a straight line, its third differences are
    those of the noise alone: of independent noise with variance σ² they have 20·σ². A kink
    between two points spoils at most three of the ten, so the fourth largest counts; of ten
    normal deviates it is about one standard deviation.

    Args:
        value: the function at point i, from 0 to 12.

    Source: Moré and Wild, 'Estimating computational noise', 2011.
    """
    third = np.diff([value(i) for i in range(13)], 3)
    return float(np.sort(np.abs(third))[-4] / np.sqrt(20))
