"""A layer with its arguments and an input: a row of the conformance table or of the grid."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from engine.arrays import Array
from engine.layers import Layer
from engine.models import build

Inputs = Literal["normal", "shifted", "off zero", "distinct"]

Reference = Callable[[Any, Array], Array]
"""From a layer and its input to the output, as plainly as possible."""

Twin = Callable[[Any, Any], Any]
"""From ``torch.nn`` and a layer to PyTorch's module; so PyTorch is imported only to compare."""


@dataclass(frozen=True)
class Case:
    """What to construct and what to feed it; in a layer's first row also what it must compute.

    Attributes:
        kind: the layer's class.
        shape: of the input, with the batch.
        arguments: of the constructor; those that follow from the shape may be left out.
        training: the mode.
        inputs: "normal" random numbers; "shifted" ones with another mean and spread; "off zero",
            none near 0, where ReLU has its kink; "distinct", none near another, for max-pooling.
        samples: entries of each tensor whose gradient is measured; None for all.
        reference: the plain formula, from the layer and its input.
        torch: PyTorch's module, from ``torch.nn`` and the layer; None if it has none.
        at_zero: dy/dx at 0, from the layer, where it has a kink there.
    """

    kind: type[Layer]
    shape: tuple[int, ...]
    arguments: dict[str, Any] = field(default_factory=dict)
    training: bool = True
    inputs: Inputs = "normal"
    samples: int | None = None
    reference: Reference | None = None
    torch: Twin | None = None
    at_zero: Callable[[Any], float] | None = None

    @property
    def layer(self) -> str:
        """The layer's name in a config."""
        return self.kind.__name__

    @property
    def draws(self) -> bool:
        """Whether the output depends on random numbers."""
        return self.kind.use_rng is not Layer.use_rng

    @property
    def spec(self) -> Any:
        return {self.layer: self.arguments}

    def __str__(self) -> str:
        arguments = ", ".join(
            f"{key}={json.dumps(value).replace(' ', '')}" for key, value in self.arguments.items()
        )
        mode = "" if self.training else " eval"
        return f"{self.layer}({arguments}) {'x'.join(map(str, self.shape))}{mode}"

    def make(self, dtype: Any = np.float64, seed: int = 0) -> Layer:
        """The layer, with every parameter and buffer away from its first value."""
        (layer,) = build([self.spec], self.shape[1:])
        rng = np.random.default_rng([seed, 1])
        layer.initialise(rng, dtype)
        for array in layer.named_parameters().values():
            array += (0.3 * rng.standard_normal(array.shape)).astype(dtype)
        for name, array in layer.named_buffers().items():
            low, high = (0.5, 2.0) if name.endswith("var") else (-1.0, 1.0)
            array[...] = rng.uniform(low, high, array.shape)
        return layer.train(self.training)

    def input(self, dtype: Any = np.float64, seed: int = 0) -> Array:
        """Random numbers of the kind that the layer can be measured with."""
        rng = np.random.default_rng([seed, 2])
        x = rng.standard_normal(self.shape)
        if self.inputs == "shifted":
            x = 2.0 + 1.5 * x
        elif self.inputs == "off zero":
            x += np.copysign(0.01, x)
        elif self.inputs == "distinct":
            x = (rng.permutation(x.size).reshape(x.shape) - x.size / 2) / x.size
        return x.astype(dtype)

    def upstream(self, dtype: Any = np.float64, seed: int = 0) -> Array:
        """A gradient in the output's shape."""
        shape = (self.shape[0], *self.make(dtype).output_shape(self.shape[1:]))
        return np.random.default_rng([seed, 3]).standard_normal(shape).astype(dtype)


@dataclass(frozen=True)
class Check:
    """A promise that layers keep, and the cases that it is about.

    Attributes:
        run: raises where a case breaks it.
        applies: whether it says anything about a case.
    """

    run: Callable[[Case], None]
    applies: Callable[[Case], bool] = lambda case: True

    @property
    def name(self) -> str:
        """For the name of a test."""
        return self.run.__name__

    def __call__(self, case: Case) -> None:
        """Check a case; nothing happens where the promise does not apply."""
        if self.applies(case):
            self.run(case)


def applies_to(applies: Callable[[Case], bool]) -> Callable[[Callable[[Case], None]], Check]:
    """Decorator: a check of some cases only."""
    return lambda run: Check(run, applies)
