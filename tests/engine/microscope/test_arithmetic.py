"""What an arithmetic says of itself: how far it is off, and its largest terms."""

import math

import pytest

from engine.microscope.arithmetic import Arithmetic, Term


def made(value: float, network: float, *terms: float) -> Arithmetic:
    return Arithmetic("a", tuple(Term("x", (), term) for term in terms), (), value, network)


@pytest.mark.parametrize(
    ("arithmetic", "difference"),
    [
        (made(3.0, 2.0), 0.5),
        (made(2.0, 3.0), 1 / 3),
        (made(-3.0, -2.0), 0.5),
        (made(3.0, 2.0, -8.0, 1.0, 6.0), 1 / 8),  # beside what was added up
        (made(3.0, 2.0, 0.5, 0.25), 0.5),
        (made(2e-13, 1e-13), 0.1),  # rounding of what is nearly 0
        (made(0.5, 0.25), 1.0),
        (made(math.inf, math.inf), 0.0),
        (made(0.0, 0.0), 0.0),
    ],
)
def test_the_difference_is_relative_to_the_largest_number(
    arithmetic: Arithmetic, difference: float
) -> None:
    assert arithmetic.difference == pytest.approx(difference)


def test_the_largest_terms_come_first_whatever_their_sign() -> None:
    found = made(0.0, 0.0, 1.0, -4.0, 3.0, -2.0).largest(3)
    assert [term.value for term in found] == [-4.0, 3.0, -2.0]
