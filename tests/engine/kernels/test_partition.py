"""One thing cut into several, by hand."""

import numpy as np
import pytest

from engine.kernels.gemm import SMALL_PRODUCT, small_parts
from engine.kernels.partition import equal_parts, parts_of_at_most


def bounds(parts: list[slice]) -> list[tuple[int, int]]:
    return [(part.start, part.stop) for part in parts]


def test_parts_by_hand() -> None:
    assert bounds(equal_parts(7, 3)) == [(0, 2), (2, 4), (4, 7)]
    assert bounds(equal_parts(6, 3)) == [(0, 2), (2, 4), (4, 6)]
    assert bounds(equal_parts(2, 3)) == [(0, 0), (0, 1), (1, 2)]
    assert bounds(equal_parts(5, 1)) == [(0, 5)]
    assert bounds(equal_parts(0, 2)) == [(0, 0), (0, 0)]
    assert bounds(parts_of_at_most(7, 3)) == [(0, 2), (2, 4), (4, 7)]
    assert bounds(parts_of_at_most(6, 3)) == [(0, 3), (3, 6)]


@pytest.mark.parametrize("rows", [1, 24, 40, 256])
@pytest.mark.parametrize("depth", [3, 256, 2000])
@pytest.mark.parametrize("columns", [1, 32, 130, 513])
def test_small_parts_cover_a_product_once(rows: int, depth: int, columns: int) -> None:
    covered = np.zeros((rows, columns), int)
    for row, column in small_parts(rows, depth, columns):
        covered[row, column] += 1
    assert (covered == 1).all()


def test_a_product_that_is_small_stays_whole() -> None:
    assert small_parts(64, 64, 128) == [(slice(0, 64), slice(0, 128))]
    assert all(
        256 * (row.stop - row.start) * (column.stop - column.start) <= SMALL_PRODUCT
        for row, column in small_parts(256, 256, 128)
    )
