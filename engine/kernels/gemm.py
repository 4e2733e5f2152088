"""Matrix products in the sizes that OpenBLAS multiplies fastest.

Small products it computes without packing the operands first, up to twice as fast. What counts
as small was measured, for single precision and AVX-512.
"""

from engine.kernels.partition import equal_parts

# rows x depth x columns of a product A @ B.
SMALL_PRODUCT = 1_000_000
# rows x columns of a product A @ Bᵀ.
SMALL_TRANSPOSED = 1024
# Where that would make the parts too short, so long; shorter ones cost more in calls.
LONG_PRODUCT = 512
SHORTEST_PRODUCT = 64
# The kernels of OpenBLAS compute so many rows at once, with AVX-512.
ROW_MULTIPLE = 16


def long_parts(length: int, first: int, second: int) -> list[slice]:
    """The longest of a product's three sizes in equal parts; ``first`` and ``second`` are short."""
    small = SMALL_PRODUCT // (first * second)
    return equal_parts(length, -(-length // (small if small >= SHORTEST_PRODUCT else LONG_PRODUCT)))


def small_parts(rows: int, depth: int, columns: int) -> list[tuple[slice, slice]]:
    """Rows of A (rows, depth) and columns of B (depth, columns), in parts that are small products.

    Where the whole is too large, in parts of about ``SHORTEST_PRODUCT`` columns and as many rows as
    keep it small; where these would be few, all.
    """
    if rows * depth * columns <= SMALL_PRODUCT:
        return [(slice(0, rows), slice(0, columns))]
    across = equal_parts(columns, -(-columns // SHORTEST_PRODUCT))
    most = SMALL_PRODUCT // (depth * max(part.stop - part.start for part in across))
    most = most // ROW_MULTIPLE * ROW_MULTIPLE or rows
    down = [slice(row, min(row + most, rows)) for row in range(0, rows, most)]
    return [(row, column) for column in across for row in down]


def row_parts(rows: int, columns: int) -> list[slice]:
    """The rows of A (rows, depth) @ (B (columns, depth))ᵀ in equal parts."""
    small = SMALL_TRANSPOSED // columns
    return equal_parts(rows, -(-rows // small) if small >= 8 else 1)
