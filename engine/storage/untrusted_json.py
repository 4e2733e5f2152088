"""Type checks of JSON from untrusted files.

Digests tell whether a file is as it was written, not who wrote it.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from engine.sanitize import literal

METRICS = ("loss", "acc", "val_loss", "val_acc", "lr")
"""What the logs of every epoch have."""

_LONGEST = 40  # characters of a value in a message
_LARGEST = 1e300  # no metric, rate or time that we write comes near it
_MOST = 2**53
"""The largest count: what a float, and other programs' JSON, can still hold exactly."""

Count = Annotated[int, Field(strict=True, ge=0, le=_MOST)]
Number = Annotated[float, Field(strict=True, ge=-_LARGEST, le=_LARGEST)]
Rate = Annotated[float, Field(strict=True, ge=0, le=1e100)]
"""A learning rate; what it is multiplied by stays finite."""
Text = Annotated[str, Field(strict=True, max_length=10_000)]
Metrics = dict[Text, Number | None]
"""Numbers by name; null stands for one that was not finite."""


def _check_facts(value: dict[str, Any]) -> dict[str, Any]:
    def is_plain(item: Any) -> bool:
        if isinstance(item, int | float) and not isinstance(item, bool):
            return abs(item) <= _LARGEST
        return item is None or isinstance(item, str | bool)

    def is_fact(item: Any) -> bool:
        return is_plain(item) or (isinstance(item, dict) and all(map(is_plain, item.values())))

    for name, fact in value.items():
        if not all(map(is_fact, fact if isinstance(fact, list) else [fact])):
            raise ValueError(f"{_shown_part(name)}: expected text, a number or a list of such")
    return value


Facts = Annotated[dict[Text, Any], AfterValidator(_check_facts)]
"""What ``environment.environment`` tells: no deeper than it writes."""


def check_type(kind: Any, value: Any, where: str) -> Any:
    """Check that a value is of a type, be it a model, a dataclass or a type of this module.

    Args:
        kind: the type.
        value: plain JSON.
        where: its name in messages.

    Returns:
        The value as that type.

    Raises:
        ValueError: it is something else; the message is one line.
    """
    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(_shown_part(part) for part in (where, *first["loc"]) if part != "")
        message = first["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
        message = re.sub(r" or (an )?instance of \w+", "", message)
        colon = ": " if place else ""
        raise ValueError(
            f"{place}{colon}{message}, got {literal(first['input'], _LONGEST)}"
        ) from None


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _shown_part(part: str | int) -> str:
    text = str(part)
    return (
        text
        if text.isascii() and text.isprintable() and len(text) < _LONGEST
        else literal(text, _LONGEST)
    )


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
                raise ValueError(f"{where}: expected true or false, got {literal(value, _LONGEST)}")
        case int():
            check_type(Count, value, where)
        case _:
            check_type(Number | None, value, where)


def check_rates(value: Any, where: str) -> None:
    """Check that every ``lr`` and ``base_lr`` in a state is a learning rate.

    Raises:
        ValueError: one is not.
    """
    for key, item in value.items() if isinstance(value, dict) else ():
        check_rates(item, f"{where}.{key}")
        if key in ("lr", "base_lr"):
            check_type(Rate, item, f"{where}.{key}")


def check_logs(value: Any, where: str) -> None:
    """Check that a value is the logs of an epoch: numbers by name, null where one is NaN.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(value, Mapping) or not value.keys() >= set(METRICS):
        raise ValueError(f"{where}: expected metrics, {', '.join(METRICS)} among them")
    check_type(Metrics, value, where)
