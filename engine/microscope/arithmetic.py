"""The arithmetic of one number of a network: the products of its sum, and each step after."""

from dataclasses import dataclass

from engine.arrays import Array


@dataclass(frozen=True)
class Term:
    """One product of a sum, or one number of a comparison.

    Attributes:
        label: its place, in the letters of the layer's formula: ``x[0, 3, 4] · w[0, 1, 1]``.
        factors: the numbers that are multiplied, in the order of the label.
        value: their product, or what the term adds.
        place: index of the number in the array that the term reads; None if it has none.
        chosen: whether a maximum takes this one.
    """

    label: str
    factors: tuple[float, ...]
    value: float
    place: tuple[int, ...] | None = None
    chosen: bool = False


@dataclass(frozen=True)
class Step:
    """A step of a calculation: one line that can be followed with a pocket calculator.

    Attributes:
        words: what it does, in a few words.
        formula: the same with this network's numbers.
        value: its result.
    """

    words: str
    formula: str
    value: float


@dataclass(frozen=True)
class Arithmetic:
    """How a network got one of its numbers.

    Attributes:
        title: what number it is: ``feature map 3, row 5, column 7``.
        terms: what is added up, in the order of the arrays; empty where nothing is.
        steps: what happens to the sum: bias, normalisation, activation; the last has the value.
        value: the result of this arithmetic, in float64.
        network: the number that the network itself has there.
        patch: what the layer reads, (C, KH, KW) or (F,); None where it reads one number.
        kernel: the weights beside it, of the same shape; None without weights.
        patch_origin: channel, row and column of the patch's first number in the layer's input;
            below 0 in the padding. None for features.
    """

    title: str
    terms: tuple[Term, ...]
    steps: tuple[Step, ...]
    value: float
    network: float
    patch: Array | None = None
    kernel: Array | None = None
    patch_origin: tuple[int, int, int] | None = None

    @property
    def difference(self) -> float:
        """How far both are apart, relative to the size of what was added up."""
        if self.value == self.network:
            return 0.0  # both may be infinite
        size = max((abs(term.value) for term in self.terms), default=0.0)
        return abs(self.value - self.network) / max(abs(self.network), size, 1e-12)

    def largest(self, count: int) -> tuple[Term, ...]:
        """The terms that weigh most, largest first."""
        return tuple(sorted(self.terms, key=lambda term: -abs(term.value))[:count])
