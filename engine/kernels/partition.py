"""One thing cut into several."""

from itertools import pairwise


def equal_parts(length: int, parts: int) -> list[slice]:
    """0 to length in order, in parts of which none is longer than another by more than one."""
    bounds = [length * part // parts for part in range(parts + 1)]
    return [slice(a, b) for a, b in pairwise(bounds)]
