"""Ranges of numbers, from which ``--random`` and ``--optuna`` take values: ``log:0.0001..0.1``."""

import math
import re
from dataclasses import dataclass

from engine.sanitize import printable

_FORM = re.compile(r"(log:)?([-+.0-9eE]+)\.\.([-+.0-9eE]+)")
_WHOLE = re.compile(r"[+-]?[0-9]+")


@dataclass(frozen=True)
class Range:
    """All numbers from a first to a last.

    Attributes:
        low, high: its ends, which belong to it.
        log: whether equal factors are equally likely, in place of equal differences.
        whole: whether it holds whole numbers alone; those of which both ends are written as one.
    """

    low: float
    high: float
    log: bool
    whole: bool

    def at(self, share: float) -> str:
        """The number that lies so far between its ends, as it is written in YAML.

        Args:
            share: from 0 to 1. Equally likely shares make equally likely whole numbers.
        """
        half = 0.5 if self.whole else 0.0
        low, high = self.low - half, self.high + half
        if self.log:
            return self.text(low * math.exp(share * math.log(high / low)))
        return self.text(low + share * (high - low))

    def text(self, value: float) -> str:
        """A number of it as it is written in YAML; with four digits, unless it is whole."""
        if self.whole:
            return str(int(min(max(round(value), self.low), self.high)))
        rounded = float(f"{value:.4g}")
        return f"{rounded:.4g}" if self.low <= rounded <= self.high else repr(value)


def parse_range(text: str) -> Range | None:
    """The range that a text stands for, such as ``0.1..0.5`` or ``log:8..512``; None if it is none.

    ``1..5``, which stands for each of the five, is none.

    Raises:
        ValueError: its ends cannot be.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    log, whole = bool(found[1]), all(_WHOLE.fullmatch(found[end]) for end in (2, 3))
    if whole and not log:
        return None
    try:
        low, high = float(found[2]), float(found[3])
    except ValueError:
        low = high = math.nan
    if not (-math.inf < low < high < math.inf and (low > 0 or not log)):
        least = "0 < LOW < HIGH" if log else "LOW < HIGH"
        raise ValueError(f"{printable(text)}: expected numbers with {least}")
    return Range(low, high, log, whole)
