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


def long_parts(length: int, first: int, second: int) -> list[slice]:
    """The longest of a product's three sizes in equal parts; ``first`` and ``second`` are short."""
    small = SMALL_PRODUCT // (first * second)
    return equal_parts(length, -(-length // (small if small >= SHORTEST_PRODUCT else LONG_PRODUCT)))


def row_parts(rows: int, columns: int) -> list[slice]:
    """The rows of A (rows, depth) @ (B (columns, depth))ᵀ in equal parts."""
    small = SMALL_TRANSPOSED // columns
    return equal_parts(rows, -(-rows // small) if small >= 8 else 1)
