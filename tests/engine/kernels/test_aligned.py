"""Where arrays begin in memory."""

import numpy as np
import pytest

from engine.kernels import aligned
from engine.kernels.scratch import scratch


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
@pytest.mark.parametrize("shape", [(), (3,), (5, 7), (64, 33, 5, 31)], ids=str)
def test_an_array_begins_at_a_line_of_the_cache(shape: tuple[int, ...], dtype: str) -> None:
    kept = [aligned.empty(shape, dtype) for _ in range(5)]
    for array in kept:
        assert (array.shape, array.dtype) == (shape, np.dtype(dtype))
        assert array.flags.c_contiguous
        assert array.flags.writeable
        assert array.ctypes.data % 64 == 0
        array[...] = 1


def test_scratch_memory_does_too() -> None:
    kept = [scratch(f"test.{i}", (17, i), np.dtype("float32")) for i in range(1, 6)]
    assert {array.ctypes.data % 64 for array in kept} == {0}
