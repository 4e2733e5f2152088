"""From good bytes, text and JSON to bad ones, by chance."""

import random
import re
from collections.abc import Callable, Sequence
from typing import Any

NUMBERS = (0, 1, -1, 2, 7, 9, 127, 128, 255, 256, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 10**30)
ODD: tuple[Any, ...] = (
    *(None, True, False, "", "x", "finished", "\x1b[31m\u202e", "1", "nan", [], {}, [[]], {"a": 1}),
    *(10**400, -(10**400), "x" * 2000, [0] * 200, {str(i): i for i in range(200)}),
    *([[[[[[[[[]]]]]]]]], {"a": [{"a": [{}]}]}, -5, -5.0, "2025-01-31", "9" * 400),
    *(0.5, -0.0, 1e-320, 1e308, -1e308, float("inf"), float("nan"), *NUMBERS),
)
_DIGITS = re.compile(rb"[0-9]+")


def mutate(
    data: bytes, others: Sequence[bytes], tokens: Sequence[bytes], rng: random.Random
) -> bytes:
    """Change bytes in one to eight places; the result is never longer than the longest of all.

    Args:
        data: what is changed.
        others: what parts may be taken from.
        tokens: what may be put in.
        rng: the chance.
    """
    longest = max(map(len, (*others, data)))
    for _ in range(1 << rng.randrange(4)):
        data = rng.choice(_CHANGES)(data, others, tokens, rng)
    return data[:longest]


_Change = Callable[[bytes, Sequence[bytes], Sequence[bytes], random.Random], bytes]


def _flip(data: bytes, _o: object, _t: object, rng: random.Random) -> bytes:
    if not data:
        return b"\x00"
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def _set(data: bytes, _o: object, _t: object, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + bytes([rng.choice((0, 1, 10, 32, 127, 128, 255))]) + data[at + 1 :]


def _word(data: bytes, _o: object, _t: object, rng: random.Random) -> bytes:
    at, size = rng.randrange(len(data) + 1), rng.choice((2, 4, 8))
    number = rng.choice(NUMBERS) % 256**size
    return data[:at] + number.to_bytes(size, rng.choice(("little", "big"))) + data[at + size :]


def _cut(data: bytes, _o: object, _t: object, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + 1 + int(rng.expovariate(0.05)) :]


def _end(data: bytes, _o: object, _t: object, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _repeat(data: bytes, _o: object, _t: object, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    part = data[at : at + 1 + int(rng.expovariate(0.05))]
    return data[:at] + part * rng.choice((2, 2, 2, 50)) + data[at:]


def _insert(data: bytes, _o: object, tokens: Sequence[bytes], rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(tokens) + data[at + rng.choice((0, 0, 1, 4)) :]


def _splice(data: bytes, others: Sequence[bytes], _t: object, rng: random.Random) -> bytes:
    other = rng.choice(others)
    at, start = rng.randrange(len(data) + 1), rng.randrange(len(other) + 1)
    size = rng.randrange(len(other) - start + 1)
    return data[:at] + other[start : start + size] + data[at + rng.choice((0, size)) :]


def _number(data: bytes, _o: object, _t: object, rng: random.Random) -> bytes:
    found = list(_DIGITS.finditer(data[:65536]))
    if not found:
        return data
    match = rng.choice(found)
    number = rng.choice((*map(str, NUMBERS), "1e400", "1e-5", ".nan", "0123", "1" * 400)).encode()
    return data[: match.start()] + number + data[match.end() :]


_CHANGES: tuple[_Change, ...] = (
    *(_flip, _set, _word, _cut, _end, _repeat, _insert, _splice, _number),
)


def mutate_json(value: Any, rng: random.Random) -> Any:
    """Change one to four places of plain JSON; the value itself is left as it is."""
    for _ in range(1 << rng.randrange(3)):
        value = _change(value, rng)
    return value


def _change(value: Any, rng: random.Random) -> Any:
    inside = isinstance(value, dict | list) and value and rng.random() < 0.9
    if not inside:
        return rng.choice((*ODD, [value, value], {"a": value}))
    if isinstance(value, dict):
        key = rng.choice(list(value))
        match rng.randrange(12):
            case 0:
                return {k: v for k, v in value.items() if k != key}
            case 1:
                return value | {rng.choice(("x", key + "x", "0.weight")): rng.choice(ODD)}
            case 2:
                return value | {key: value[rng.choice(list(value))]}
        return value | {key: _change(value[key], rng)}
    at = rng.randrange(len(value))
    match rng.randrange(8):
        case 0:
            return value[:at] + value[at + 1 :]
        case 1:
            return value[:at] + value[at : at + 1] * 2 + value[at + 1 :]
    return [*value[:at], _change(value[at], rng), *value[at + 1 :]]
