"""Which settings of a sweep matter: the share of the results' variance that each explains."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from engine.arrays import Array
from engine.sweeps.results import Outcome

FEWEST = 4
"""Finished trials below which nothing is said."""


def importance(outcomes: Sequence[Outcome], metric: str = "val_acc") -> dict[str, float]:
    """The share of the variance of a metric that each key of a sweep explains by itself.

    These are the main effects of a functional analysis of variance (Hutter, Hoos and Leyton-Brown
    2014, 'An efficient approach for assessing hyperparameter importance'), where a sum of one
    effect per key, fitted by least squares, stands in place of their forest. On a whole grid an
    effect is the mean over the trials with a value, less the mean over all, and the shares are the
    η² of statistics. What is missing to 1 is due to values that only matter together. Numbers of
    which few trials share one, as planned or random trials have them, are taken together in √n
    classes with about as many trials each.

    Args:
        outcomes: of a sweep; the finished ones with the metric count.
        metric: one of ``results.METRICS``.

    Returns:
        Shares from 0 to 1 by key, in the order of the keys, which sum up to 1 at most. Empty where
        fewer than four trials count, or all have one result.
    """
    finished = [one for one in outcomes if one.finished]
    return shares(
        [one.trial.settings for one in finished],
        [one.results.get(metric, math.nan) for one in finished],
    )


def shares(settings: Sequence[Mapping[str, str]], values: Sequence[float]) -> dict[str, float]:
    """The same as ``importance``, from the settings and the results of finished trials.

    Args:
        settings: the values of each trial, all of the same keys.
        values: the result of each; what is not finite does not count.
    """
    rows = [row for row, value in zip(settings, values, strict=True) if math.isfinite(value)]
    results = np.array([value for value in values if math.isfinite(value)])
    if len(rows) < FEWEST or not results.std():
        return {}
    keys = list(rows[0])
    tables = [_indicators([row[key] for row in rows]) for key in keys]
    whole = np.hstack(tables)
    effects = np.linalg.lstsq(whole, results - results.mean(), rcond=None)[0]
    ends = np.cumsum([table.shape[1] for table in tables])[:-1]
    parts = np.split(effects, ends)
    spread = [float(np.var(table @ part)) for table, part in zip(tables, parts, strict=True)]
    # Where the trials are no whole grid, effects overlap, and their variances need not add up.
    total = max(float(results.var()), sum(spread))
    return {key: one / total for key, one in zip(keys, spread, strict=True)}


def _indicators(values: Sequence[str]) -> Array:
    """A column for each value or class of values, 1 where a trial has it and less its mean; (n, C).

    Columns whose mean is 0 leave the mean of the results alone, so that of many solutions of the
    least squares, the smallest is the one with effects around 0.
    """
    names = sorted(set(values))
    codes = np.array([names.index(value) for value in values])
    if len(names) > math.sqrt(len(values)) and len(names) * 2 > len(values):
        numbers = _numbers(values)
        if numbers is not None:
            ranks = np.searchsorted(np.sort(numbers), numbers)
            codes = ranks * math.isqrt(len(values)) // len(values)
    columns = (codes[:, None] == np.unique(codes)).astype(np.float64)
    return columns - columns.mean(axis=0)


def _numbers(values: Sequence[str]) -> Array | None:
    try:
        return np.array([float(value) for value in values])
    except ValueError:
        return None
