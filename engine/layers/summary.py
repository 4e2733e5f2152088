"""The summary of a network: shapes, parameters, costs and memory, before it runs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from engine.arrays import Shape
from engine.layers.layer import Layer
from engine.text_table import table


@dataclass(frozen=True)
class SummaryRow:
    """One layer of a summary.

    Attributes:
        name: its name in the network (``3``).
        layer: class and arguments, and whether it is frozen.
        output_shape: without the batch.
        parameters: how many numbers it trains.
        multiply_adds: per sample, forward.
        activation_bytes: memory of its output for one sample, float32.
    """

    name: str
    layer: str
    output_shape: Shape
    parameters: int
    multiply_adds: int
    activation_bytes: int

    @property
    def kind(self) -> str:
        """The layer's class."""
        return self.layer.partition("(")[0]


@dataclass(frozen=True)
class Summary:
    """All layers of a network, with their totals; ``str`` makes the table."""

    in_shape: Shape
    rows: tuple[SummaryRow, ...]

    @property
    def parameters(self) -> int:
        return sum(row.parameters for row in self.rows)

    @property
    def multiply_adds(self) -> int:
        return sum(row.multiply_adds for row in self.rows)

    @property
    def activation_bytes(self) -> int:
        return sum(row.activation_bytes for row in self.rows)

    def __str__(self) -> str:
        header = ("", "layer", "output", "parameters", "multiply-adds", "memory")
        body = [
            (
                row.name,
                row.layer,
                shape_text(row.output_shape),
                f"{row.parameters:,}",
                f"{row.multiply_adds:,}",
                f"{row.activation_bytes / 1024:,.1f} KB",
            )
            for row in self.rows
        ]
        total = (
            "",
            "total a sample",
            "",
            f"{self.parameters:,}",
            f"{self.multiply_adds:,}",
            f"{self.activation_bytes / 1024:,.1f} KB",
        )
        lines = table(header, [*body, total], "lllrrr").split("\n")
        rule = "─" * max(map(len, lines))
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def _is_frozen(layer: Layer) -> bool:
    """Whether it has parameters, all of them frozen."""
    learning = [each for each in layer.walk() if each.param_shapes()]
    return bool(learning) and all(each.frozen for each in learning)


def shape_text(shape: Shape) -> str:
    """``(6, 28, 28)`` → ``6×28×28``."""
    return "×".join(map(str, shape))


def summarise(layers: Sequence[Layer], in_shape: Shape) -> Summary:
    """The summary of layers in a row, from the shape of one input (C, H, W)."""
    rows = []
    shape = in_shape
    for i, layer in enumerate(layers):
        out = layer.output_shape(shape)
        rows.append(
            SummaryRow(
                name=str(i),
                layer=repr(layer) + (", frozen" if _is_frozen(layer) else ""),
                output_shape=out,
                parameters=layer.count_parameters(),
                multiply_adds=layer.multiply_adds(shape),
                activation_bytes=4 * math.prod(out),
            )
        )
        shape = out
    return Summary(in_shape, tuple(rows))
