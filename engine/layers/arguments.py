"""Checks of constructor arguments, with errors that name the argument."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

from engine.kernels.window import PaddingArgument


class ArgumentError(ValueError):
    """Error of a constructor argument.

    Attributes:
        name: which argument.
        reason: what was expected and what was given.
    """

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(f"{name}: {reason}")


MOST = 1_000_000_000
"""The largest whole number; products of two fit into 64 bits."""


def whole(name: str, value: Any, minimum: int = 1) -> int:
    """Check a whole number of at least ``minimum``."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < minimum:
        raise ArgumentError(name, f"expected a whole number >= {minimum}, got {value!r}")
    number = int(value)
    if number > MOST:
        raise ArgumentError(name, f"expected at most {MOST:,}, got {number:,}")
    return number


def whole_or_pair(name: str, value: Any, minimum: int = 1) -> int | tuple[int, int]:
    """Check a whole number, or two of them for height and width."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) != 2:
            raise ArgumentError(name, f"expected a number or a pair [height, width], got {value!r}")
        return whole(name, value[0], minimum), whole(name, value[1], minimum)
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ArgumentError(name, f"expected a number or a pair [height, width], got {value!r}")
    return whole(name, value, minimum)


def padding(name: str, value: Any) -> PaddingArgument:
    """Check a padding: a number, a pair, or ``"same"``."""
    if value == "same":
        return "same"
    if isinstance(value, str):
        raise ArgumentError(name, f"expected a number, a pair or 'same', got {value!r}")
    return whole_or_pair(name, value, minimum=0)


def flag(name: str, value: Any) -> bool:
    """Check a truth value."""
    if not isinstance(value, bool):
        raise ArgumentError(name, f"expected true or false, got {value!r}")
    return value


def number(name: str, value: Any, low: float, high: float, *, open_high: bool = False) -> float:
    """Check a real number from ``low`` to ``high`` (below it, if ``open_high``)."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not low <= value <= high or (open_high and value == high):
        limit = f"{low} <= number {'<' if open_high else '<='} {high}"
        raise ArgumentError(name, f"expected {limit}, got {value!r}")
    return float(value)


def choice(name: str, value: Any, options: Sequence[str]) -> str:
    """Check a word against its options."""
    if not isinstance(value, str) or value not in options:
        raise ArgumentError(name, f"expected one of {', '.join(options)}; got {value!r}")
    return value
