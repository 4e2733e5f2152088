"""Matrix products in the sizes that OpenBLAS multiplies fastest.

With AVX-512, it computes small products without packing the operands first, up to twice as fast.
What counts as small was measured, for single precision. Its other kernels always pack, and are
fastest with products as large as they are; so are all kernels with A @ Bᵀ of many rows and columns.

How rows and columns are divided follows from the kernels, as the bits of a product do anyway. How
the depth is divided follows from the sizes alone.
"""

from functools import cache

from threadpoolctl import threadpool_info

from engine.kernels.partition import equal_parts, parts_of_at_most

# Kernels of OpenBLAS that have small products; those of Zen 4 and 5 are among them.
AVX512_KERNELS = frozenset({"SkylakeX", "Cooperlake", "SapphireRapids"})
# rows x depth x columns of a product A @ B.
SMALL_PRODUCT = 1_000_000
# rows x columns of a product A @ Bᵀ.
SMALL_TRANSPOSED = 1024
# With at least so many rows and columns, A @ Bᵀ is faster packed and undivided.
FEWEST_PACKED = 64
# Where that would make the parts too short, so long; shorter ones cost more in calls.
LONG_PRODUCT = 512
SHORTEST_PRODUCT = 64
# The kernels of OpenBLAS compute so many rows at once, with AVX-512.
ROW_MULTIPLE = 16


@cache
def multiplies_small() -> bool:
    """Whether the BLAS under NumPy is faster at small products than at large ones."""
    return any(each.get("architecture") in AVX512_KERNELS for each in threadpool_info())


def column_parts(columns: int, rows: int, depth: int) -> list[slice]:
    """The columns of A (rows, depth) @ B (depth, columns) in equal parts."""
    return _long_parts(columns, rows * depth) if multiplies_small() else [slice(0, columns)]


def small_parts(rows: int, depth: int, columns: int) -> list[tuple[slice, slice]]:
    """Rows of A (rows, depth) and columns of B (depth, columns), in parts that are small products.

    Where the whole is too large, in parts of about ``SHORTEST_PRODUCT`` columns and as many rows as
    keep it small; where these would be few, all.
    """
    if not multiplies_small() or rows * depth * columns <= SMALL_PRODUCT:
        return [(slice(0, rows), slice(0, columns))]
    across = parts_of_at_most(columns, SHORTEST_PRODUCT)
    most = SMALL_PRODUCT // (depth * max(part.stop - part.start for part in across))
    most = most // ROW_MULTIPLE * ROW_MULTIPLE or rows
    down = [slice(row, min(row + most, rows)) for row in range(0, rows, most)]
    return [(row, column) for column in across for row in down]


def row_parts(rows: int, columns: int) -> list[slice]:
    """The rows of A (rows, depth) @ (B (columns, depth))ᵀ in equal parts."""
    return equal_parts(rows, _row_blocks(rows, columns) if multiplies_small() else 1)


def depth_parts(depth: int, rows: int, columns: int) -> list[slice]:
    """The depth of the same product in equal parts, the same with all kernels."""
    part = rows // _row_blocks(rows, columns) * columns
    if part > SMALL_TRANSPOSED:  # packed
        return parts_of_at_most(depth, LONG_PRODUCT)
    return _long_parts(depth, part)


def _row_blocks(rows: int, columns: int) -> int:
    small = SMALL_TRANSPOSED // columns
    in_parts = small >= 8 and min(rows, columns) < FEWEST_PACKED
    return -(-rows // small) if in_parts else 1


def _long_parts(length: int, others: int) -> list[slice]:
    """A product's longest size in equal parts; the two others multiplied are ``others``."""
    small = SMALL_PRODUCT // others
    return parts_of_at_most(length, small if small >= SHORTEST_PRODUCT else LONG_PRODUCT)
