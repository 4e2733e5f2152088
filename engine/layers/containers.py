"""Layers that hold layers: in a row, and around a shortcut."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

from engine.arrays import Array, Shape
from engine.errors import ShapeError
from engine.layers.arguments import ArgumentError
from engine.layers.layer import Layer
from engine.layers.registry import register
from engine.layers.summary import Summary, summarise


class Sequential(Layer):
    """A network: the layers in order, each one's output the next one's input.

    Raises:
        ArgumentError: a layer is in two places. It keeps what its backward pass needs of one
            forward pass only, so each place needs a layer of its own.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        super().__init__()
        self.layers = list(layers)
        _check_used_once("layers", self)

    def forward(self, x: Array) -> Array:
        """The layers from first to last."""
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dout: Array) -> Array | None:
        """The chain rule: the layers from last to first.

        It ends at a layer before which nothing is trained (``needs_dx``): usually the first, else
        the first that is not frozen.
        """
        gradient: Array | None = dout
        for layer in reversed(self.layers):
            assert gradient is not None
            gradient = layer.backward(gradient)
            if not layer.needs_dx:
                break
        return gradient

    def end_backward_early(self) -> None:
        """Let the backward pass end at the first layer with parameters that are trained."""
        for layer in self.layers:
            if any(each.param_shapes() and not each.frozen for each in layer.walk()):
                layer.needs_dx = False
                return

    def output_shape(self, in_shape: Shape) -> Shape:
        for layer in self.layers:
            in_shape = layer.output_shape(in_shape)
        return in_shape

    def named_shapes(
        self, in_shape: Shape, prefix: str = ""
    ) -> Iterator[tuple[str, Layer, Shape, Shape]]:
        for name, layer in self.children().items():
            yield from layer.named_shapes(in_shape, f"{prefix}.{name}" if prefix else name)
            in_shape = layer.output_shape(in_shape)

    def reset_parameters(self, rng: Any, dtype: Any) -> None:
        for layer in self.layers:
            layer.initialise(rng, dtype)

    def children(self) -> dict[str, Layer]:
        return {str(i): layer for i, layer in enumerate(self.layers)}

    def replica(self) -> Self:
        twin = super().replica()
        twin.layers = [layer.replica() for layer in self.layers]
        return twin

    def output_range(self, low: float, high: float) -> tuple[float, float]:
        for layer in self.layers:
            low, high = layer.output_range(low, high)
        return low, high

    def least_samples(self, in_shape: Shape) -> int:
        least = 1
        for layer in self.layers:
            least = max(least, layer.least_samples(in_shape))
            in_shape = layer.output_shape(in_shape)
        return least

    def multiply_adds(self, in_shape: Shape) -> int:
        total = 0
        for layer in self.layers:
            total += layer.multiply_adds(in_shape)
            in_shape = layer.output_shape(in_shape)
        return total

    def summary(self, in_shape: Shape) -> Summary:
        """Output shape, parameters, multiply-adds and memory of every layer."""
        return summarise(self.layers, in_shape)

    def spec(self) -> list[Any]:
        return [layer.spec() for layer in self.layers]

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: int) -> Layer:
        return self.layers[index]

    def __repr__(self) -> str:
        return f"Sequential({', '.join(map(repr, self.layers))})"


@register
class Residual(Layer):
    """y = body(x) + shortcut(x): the body only has to learn what differs from its input.

    Shapes: those of the body; the shortcut must give the same. An empty shortcut is x itself.

    Args:
        body: layers, or their specs in a config.
        shortcut: layers that change x's shape where the body does, usually a 1x1 convolution.

    Source: He, Zhang, Ren and Sun, 'Deep residual learning for image recognition', 2016.
    """

    about = (
        "adds its input to the output of its body, a shortcut for gradients; "
        "gradients before it should not be much smaller than behind it"
    )
    branches = ("body", "shortcut")

    def __init__(self, body: Sequence[Layer], shortcut: Sequence[Layer] = ()) -> None:
        super().__init__()
        self.body = Sequential(body)
        self.shortcut = Sequential(shortcut)
        _check_used_once("shortcut", self)

    def forward(self, x: Array) -> Array:
        """y = body(x) + shortcut(x)."""
        self.check_input(x)
        return self.body.forward(x) + self.shortcut.forward(x)

    def backward(self, dout: Array) -> Array | None:
        """x feeds both branches, so its gradient is the sum of theirs."""
        self.check_dout(dout)
        through_body = self.body.backward(dout)
        through_shortcut = self.shortcut.backward(dout)
        if through_body is None or through_shortcut is None:
            return None
        return through_body + through_shortcut

    def output_shape(self, in_shape: Shape) -> Shape:
        body, shortcut = self.body.output_shape(in_shape), self.shortcut.output_shape(in_shape)
        if body != shortcut:
            raise ShapeError(
                f"Residual: the body gives {body} and the shortcut {shortcut}; they are added, "
                "so give the shortcut a Conv2D with kernel_size 1 and the body's stride"
            )
        return body

    def named_shapes(
        self, in_shape: Shape, prefix: str = ""
    ) -> Iterator[tuple[str, Layer, Shape, Shape]]:
        for name, branch in self.children().items():
            yield from branch.named_shapes(in_shape, f"{prefix}.{name}" if prefix else name)

    def reset_parameters(self, rng: Any, dtype: Any) -> None:
        self.body.initialise(rng, dtype)
        self.shortcut.initialise(rng, dtype)

    def children(self) -> dict[str, Layer]:
        return {"body": self.body, "shortcut": self.shortcut}

    def map_branches(self, change: Callable[[list[Layer]], list[Layer]]) -> Layer:
        return Residual(change(self.body.layers), change(self.shortcut.layers))

    def replica(self) -> Self:
        twin = super().replica()
        twin.body, twin.shortcut = self.body.replica(), self.shortcut.replica()
        return twin

    def output_range(self, low: float, high: float) -> tuple[float, float]:
        body, shortcut = self.body.output_range(low, high), self.shortcut.output_range(low, high)
        return body[0] + shortcut[0], body[1] + shortcut[1]

    def least_samples(self, in_shape: Shape) -> int:
        return max(self.body.least_samples(in_shape), self.shortcut.least_samples(in_shape))

    def multiply_adds(self, in_shape: Shape) -> int:
        return self.body.multiply_adds(in_shape) + self.shortcut.multiply_adds(in_shape)

    def spec(self) -> Any:
        shortcut = {"shortcut": self.shortcut.spec()} if len(self.shortcut) else {}
        return {"Residual": {"body": self.body.spec(), **shortcut}}

    def extra_repr(self) -> str:
        inside = ", ".join(type(layer).__name__ for layer in self.body)
        return inside + (" + shortcut" if len(self.shortcut) else "")


def _check_used_once(argument: str, container: Layer) -> None:
    """Refuse a layer that a container holds in two places."""
    places: dict[int, str] = {}
    for name, layer in container.named_layers():
        first = places.setdefault(id(layer), name)
        if first != name:
            raise ArgumentError(
                argument,
                f"{layer!r} is used twice, at {first} and at {name}, and would get the gradient "
                "of one place only; make a layer for each",
            )
