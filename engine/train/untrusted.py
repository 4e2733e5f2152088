"""JSON from a file that somebody else may have made: is it of the kind that we write?

Digests tell whether a file is as it was written, not who wrote it.
"""

from collections.abc import Mapping
from typing import Any

METRICS = ("loss", "acc", "val_loss", "val_acc", "lr")
"""What the logs of every epoch have."""

_LARGEST = 1e300  # no metric, rate or time that we write comes near it
_MOST = 2**53
"""The largest count: what a float, and other programs' JSON, can still hold exactly."""


def check_alike(value: Any, like: Any, where: str) -> None:
    """Check that a value has the build of another one: the same keys, and the same types.

    Args:
        value: the value.
        like: what it should look like. Where it has a float or None, a finite number or None will
            do; a whole number stands for one that is not negative.
        where: its name in messages.

    Raises:
        ValueError: it looks otherwise.
    """
    match like:
        case dict():
            if not isinstance(value, dict) or value.keys() != like.keys():
                raise ValueError(f"{where}: expected {', '.join(like) or 'nothing'}")
            for key in like:
                check_alike(value[key], like[key], f"{where}.{key}")
        case bool():
            if not isinstance(value, bool):
                raise ValueError(f"{where}: expected true or false, got {_shown(value)}")
        case int():
            _check_count(value, where)
        case _:
            if value is not None:
                _check_number(value, where)


def check_logs(value: Any, where: str) -> None:
    """Check that a value is the logs of an epoch: numbers by name, null where one is NaN.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(value, Mapping) or not value.keys() >= set(METRICS):
        raise ValueError(f"{where}: expected metrics, {', '.join(METRICS)} among them")
    for key, number in value.items():
        if number is not None:
            _check_number(number, f"{where}.{key}")


def _check_count(value: Any, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST:
        raise ValueError(f"{where}: expected a whole number from 0 up, got {_shown(value)}")


def _check_number(value: Any, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
        raise ValueError(f"{where}: expected a finite number, got {_shown(value)}")


def _shown(value: Any) -> str:
    text = ascii(value)
    return text if len(text) < 40 else f"{text[:37]}..."
