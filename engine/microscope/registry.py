"""Explanations of layers, each registered where it is written."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from engine.arrays import Array
from engine.layers import Layer
from engine.microscope.arithmetic import Step, Term


@dataclass(frozen=True)
class Sum:
    """The calculation of one number, before it is compared with the network's own.

    Attributes:
        terms, steps, patch, kernel, patch_origin: as in ``Arithmetic``; without steps the value is
            the sum of the terms.
    """

    terms: tuple[Term, ...] = ()
    steps: tuple[Step, ...] = ()
    patch: Array | None = None
    kernel: Array | None = None
    patch_origin: tuple[int, int, int] | None = None

    @property
    def value(self) -> float:
        """The result."""
        return self.steps[-1].value if self.steps else sum(term.value for term in self.terms)


@dataclass(frozen=True)
class Products:
    """The products whose sum is a weight's gradient.

    Attributes:
        left, right: the factors, arrays of one shape with the batch first; right is None where
            the gradients alone are added up.
        words: what the factors are.
    """

    left: Array
    right: Array | None
    words: str


Index = tuple[int, ...]
Forward = Callable[..., Sum]
"""(layer, x, index): the sum behind one number of the output for one sample, x without batch."""
Weight = Callable[..., Products]
"""(layer, x, dout, parameter, index): the products behind a weight's gradient, with the batch."""
Input = Callable[..., tuple[Term, ...]]
"""(layer, x, out, dout, index): terms of the gradient at a number of the input, for one sample."""

FORWARD: dict[type[Layer], Forward] = {}
WEIGHT: dict[type[Layer], Weight] = {}
INPUT: dict[type[Layer], Input] = {}

Function = TypeVar("Function", bound=Callable[..., object])


def explains(
    table: dict[type[Layer], Function], *kinds: type[Layer]
) -> Callable[[Function], Function]:
    """Register the explanation of some kinds of layers in a table."""

    def add(function: Function) -> Function:
        for kind in kinds:
            table[kind] = function
        return function

    return add


def explanation(table: dict[type[Layer], Function], layer: Layer) -> Function | None:
    """The explanation of a layer, or of the class that it is a kind of; None without one."""
    return next((table[kind] for kind in type(layer).__mro__ if kind in table), None)


def unexplained(thing: object, value: float) -> Sum:
    """The number alone, of a layer or loss that nobody has explained."""
    return Sum(steps=(Step(f"no arithmetic is written for {type(thing).__name__}", "", value),))


def at(index: Index) -> str:
    """An index as formulas show it."""
    return ", ".join(map(str, index))


def short(number: float) -> str:
    """A number as formulas show it."""
    return f"{number + 0.0:.4g}"  # + 0.0 turns −0 into 0


def inner(number: float) -> str:
    """The same behind an operator, where a negative number needs brackets."""
    return f"({short(number)})" if number < 0 else short(number)
