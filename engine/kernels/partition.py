"""Equal parts of a range."""

from itertools import pairwise


def equal_parts(length: int, parts: int) -> list[slice]:
    """The range from 0 to ``length`` in order, in parts whose lengths differ by at most one."""
    bounds = [length * part // parts for part in range(parts + 1)]
    return [slice(a, b) for a, b in pairwise(bounds)]


def parts_of_at_most(length: int, most: int) -> list[slice]:
    """The same range, in as few equal parts as have at most ``most`` numbers each."""
    return equal_parts(length, -(-length // most))
