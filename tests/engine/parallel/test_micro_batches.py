"""How a batch is cut and its gradients are summed: by hand, and every addition counted."""

import itertools

import numpy as np
import pytest

from engine.parallel.micro_batches import MICRO_BATCH, MOST_PIECES, micro_batches, tree_sum


def bounds(parts: list[slice]) -> list[tuple[int, int]]:
    return [(part.start, part.stop) for part in parts]


def test_micro_batches_by_hand() -> None:
    assert (MICRO_BATCH, MOST_PIECES) == (32, 64)
    assert bounds(micro_batches(1)) == [(0, 1)]
    assert bounds(micro_batches(15)) == [(0, 15)]
    assert bounds(micro_batches(16)) == [(0, 8), (8, 16)]
    assert bounds(micro_batches(64)) == [(0, 32), (32, 64)]
    assert bounds(micro_batches(65)) == [(0, 21), (21, 43), (43, 65)]
    assert bounds(micro_batches(32, 8)) == [(0, 8), (8, 16), (16, 24), (24, 32)]
    assert bounds(micro_batches(100, 64)) == [(0, 50), (50, 100)]
    assert len(micro_batches(128, 1)) == MOST_PIECES
    counts = [len(micro_batches(n)) for n in (33, 96, 97, 128, 2047, 2048, 2049, 5000)]
    assert counts == [2, 3, 4, 4, 64, 64, 64, 64]


class Term:
    """A summand that writes down how it was added; too many additions end a loop."""

    count = 0

    def __init__(self, text: str) -> None:
        self.text = text

    def __add__(self, other: "Term") -> "Term":
        Term.count += 1
        assert Term.count < 1000, "this does not end"
        return Term(f"({self.text}+{other.text})")


EXPECTED = {
    1: "0",
    2: "(0+1)",
    3: "((0+1)+2)",
    5: "(((0+1)+(2+3))+4)",
    6: "(((0+1)+(2+3))+(4+5))",
    9: "((((0+1)+(2+3))+((4+5)+(6+7)))+8)",
    11: "((((0+1)+(2+3))+((4+5)+(6+7)))+((8+9)+10))",
}


@pytest.mark.parametrize("count", EXPECTED)
def test_the_tree_by_hand_with_one_addition_fewer_than_terms(count: int) -> None:
    Term.count = 0
    arrays = [np.array([Term(str(i))], dtype=object) for i in range(count)]
    total = tree_sum(arrays)
    assert total is arrays[0]
    assert total[0].text == EXPECTED[count]
    assert Term.count == count - 1


def test_the_order_decides_the_last_bit() -> None:
    """Where additions round, the tree's sum is the one that its brackets give."""
    values = np.random.default_rng(0).standard_normal((7, 50)).astype(np.float32)
    a, b, c, d, e, f, g = values
    expected = ((a + b) + (c + d)) + ((e + f) + g)
    in_a_row = list(itertools.accumulate(values))[-1]
    total = tree_sum(list(values.copy()))
    np.testing.assert_array_equal(total, expected)
    assert (total != in_a_row).any()
