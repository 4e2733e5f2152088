"""One thing cut into several, by hand."""

from engine.kernels.partition import equal_parts


def bounds(parts: list[slice]) -> list[tuple[int, int]]:
    return [(part.start, part.stop) for part in parts]


def test_parts_by_hand() -> None:
    assert bounds(equal_parts(7, 3)) == [(0, 2), (2, 4), (4, 7)]
    assert bounds(equal_parts(6, 3)) == [(0, 2), (2, 4), (4, 6)]
    assert bounds(equal_parts(2, 3)) == [(0, 0), (0, 1), (1, 2)]
    assert bounds(equal_parts(5, 1)) == [(0, 5)]
    assert bounds(equal_parts(0, 2)) == [(0, 0), (0, 0)]
