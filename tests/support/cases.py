"""One layer with its arguments and an input: a row of the conformance table or of the grid."""

import json
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from engine.layers import Layer
from engine.models import build

Array = np.ndarray
Inputs = Literal["normal", "shifted", "off zero", "distinct"]


@dataclass(frozen=True)
class Case:
    """What to construct and what to feed it.

    Attributes:
        layer: the name in ``engine.layers.LAYERS``.
        shape: of the input, with the batch.
        arguments: of the constructor; those that follow from the shape may be left out.
        training: the mode.
        inputs: "normal" random numbers; "shifted" ones with another mean and spread; "off zero",
            none near 0, where ReLU has its kink; "distinct", none near another, for max-pooling.
        samples: entries of each tensor whose gradient is measured; None for all.
    """

    layer: str
    shape: tuple[int, ...]
    arguments: dict[str, Any] = field(default_factory=dict)
    training: bool = True
    inputs: Inputs = "normal"
    samples: int | None = None

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
