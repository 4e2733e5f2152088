"""Pruning: trials that are stopped before their end, for others do better."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median

Curve = Mapping[int, float]
"""A metric by epoch, from 1; more is better."""

FEWEST = 4
"""Finished trials before ``median`` prunes any."""

REDUCTION = 3
"""Of the trials that reach a rung, ``halving`` lets the best one of so many continue."""


def by_median(own: Curve, epoch: int, finished: Sequence[Curve], others: Sequence[Curve]) -> bool:
    """Whether the best of a trial so far is worse than the median of the finished ones'.

    Args:
        own: of the trial.
        epoch: its last one.
        finished: of the trials that were trained to their end.
        others: of the trials that were pruned, which do not count.

    Source: the median stopping rule of Golovin et al. 2017, 'Google Vizier', section 3.2.1, with
    best values in place of running averages, as Optuna has it.
    """
    bests = [_best(curve, epoch) for curve in finished if curve and min(curve) <= epoch]
    return len(bests) >= FEWEST and _best(own, epoch) < median(bests)


def by_halving(own: Curve, epoch: int, finished: Sequence[Curve], others: Sequence[Curve]) -> bool:
    """Whether a trial is not among the best third of those that came to the same rung.

    Rungs are after epochs 1, 3, 9, 27 and so on. At each, the trial is compared with all that were
    there before it; so no trial waits for another.

    Args:
        own, epoch: of the trial.
        finished, others: of all trials before it.

    Source: Li et al. 2020, 'A system for massively parallel hyperparameter tuning' (ASHA), in the
    form that stops trials.
    """
    if not _is_rung(epoch):
        return False
    there = [_best(curve, epoch) for curve in [*finished, *others] if epoch in curve]
    best_first = sorted([*there, _best(own, epoch)], reverse=True)
    places = max(len(best_first) // REDUCTION, 1)
    return _best(own, epoch) < best_first[places - 1]


PRUNERS: dict[str, Callable[[Curve, int, Sequence[Curve], Sequence[Curve]], bool]] = {
    "median": by_median,
    "halving": by_halving,
}
"""What decides after an epoch of a trial whether it is stopped, by name."""


def _best(curve: Curve, epoch: int) -> float:
    """The best value up to an epoch."""
    return max(value for at, value in curve.items() if at <= epoch)


def _is_rung(epoch: int) -> bool:
    while epoch % REDUCTION == 0:
        epoch //= REDUCTION
    return epoch == 1
