"""The contract of a layer: parameters, a forward pass, and the backward pass beside it."""

import copy
import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Self

import numpy as np

from engine.arrays import Array, Shape
from engine.errors import DTypeError, NotReadyError, ShapeError
from engine.parallel.threads import MicroBatchGroup, SoloGroup


class Layer:
    """Base class and contract of all layers.

    A layer is made in two steps. The constructor checks its arguments and allocates nothing, so
    that shapes can be inferred and memory counted before anything runs; ``initialise`` then
    draws the weights. Every constructor argument is kept as an attribute of the same name.

    Shapes are NCHW, or (N, F) for features. ``forward`` begins with ``check_input`` and keeps
    what ``backward`` needs in ``saved``; ``backward`` begins with ``expect_saved``, leaves its
    argument as it is, may be called twice with the same result, and *overwrites* ``grads``.

    To write a layer: override ``forward``, ``backward`` and, where they change, ``output_shape``,
    ``param_shapes`` and ``multiply_adds``; say in ``about`` what it does; then decorate it with
    ``engine.layers.register`` and give it a row in the conformance table of the tests.

    Attributes:
        about: what it does, and what to look for in its numbers; continues where its name ends.
        has_filters: whether its weight is a set of small images, one for each output.
        flattens: whether its output are the numbers of its input, in one row.
        folds_batchnorm: whether its output is linear in ``weight`` (out, ...) and ``bias`` (out,),
            so that a batch norm behind it can be folded into them.
        branches: the constructor arguments that are lists of layers, in a config lists of specs.
        params: parameter arrays by PyTorch's names (``weight``, ``bias``), trained.
        grads: the loss's gradient for each of them, same names and shapes.
        buffers: arrays that are kept but not trained (``running_mean``).
        training: True in training mode, False when evaluating.
        needs_sync: whether training needs an all-gather over the micro-batches of a batch.
        group: the micro-batches of a batch, for that all-gather.
        frozen: whether a training leaves its parameters as they are.
        needs_dx: False where nothing before the layer is trained, as before a network's first one:
            its ``backward`` may return None.
        out_shape: of the last forward pass, with the batch; None before the first.
    """

    about: ClassVar[str] = ""
    has_filters: ClassVar[bool] = False
    flattens: ClassVar[bool] = False
    folds_batchnorm: ClassVar[bool] = False
    branches: ClassVar[tuple[str, ...]] = ()
    needs_sync: ClassVar[bool] = False

    def __init__(self) -> None:
        self.params: dict[str, Array] = {}
        self.grads: dict[str, Array] = {}
        self.buffers: dict[str, Array] = {}
        self.training = True
        self.frozen = False
        self.needs_dx = True
        self.saved: Any = None
        self.out_shape: Shape | None = None
        self.group: MicroBatchGroup = SoloGroup()

    # -- to override ------------------------------------------------------------------------

    def forward(self, x: Array) -> Array:
        """The layer's output for x."""
        raise NotImplementedError

    def backward(self, dout: Array) -> Array | None:
        """The loss's gradient at the input, from its gradient at the output; fills ``grads``."""
        raise NotImplementedError

    def output_shape(self, in_shape: Shape) -> Shape:
        """The output's shape for an input's, both without the batch: (C, H, W) or (F,).

        Raises:
            ShapeError: the layer cannot take such an input.
        """
        return in_shape

    def param_shapes(self) -> dict[str, Shape]:
        """Name and shape of every parameter, known before they exist."""
        return {}

    def buffer_shapes(self) -> dict[str, Shape]:
        """Name and shape of every buffer, known before they exist."""
        return {}

    def reset_parameters(self, rng: np.random.Generator, dtype: np.dtype) -> None:
        """Draw the initial values into ``params`` and ``buffers``."""

    def output_range(self, low: float, high: float) -> tuple[float, float]:
        """Bounds of the output, for an input between ``low`` and ``high``.

        A weighted sum can be any number.
        """
        return -math.inf, math.inf

    def least_samples(self, in_shape: Shape) -> int:
        """The smallest batch of inputs of a shape that can be trained on."""
        return 1

    def multiply_adds(self, in_shape: Shape) -> int:
        """Multiply-adds of one sample, forward."""
        return 0

    def scratch_size(self, in_shape: Shape) -> int:
        """Numbers that a pass copies for one sample, beside the output."""
        return 0

    @classmethod
    def infer(cls, arguments: dict[str, Any], in_shape: Shape) -> dict[str, Any]:
        """Complete constructor arguments from the input's shape (``in_channels``)."""
        return arguments

    def children(self) -> dict[str, "Layer"]:
        """The layers inside this one, by name."""
        return {}

    def map_branches(self, change: "Callable[[list[Layer]], list[Layer]]") -> "Layer":
        """This layer with each list of layers inside it changed; itself if it has none."""
        return self

    def fold_into(self, before: "Layer") -> "Layer | None":
        """A twin of the layer before that computes what both do in evaluation; None if none can."""
        return None

    def dead_share(self) -> float | None:
        """Share of the channels that were 0 in all of the last output; None if it cannot die."""
        return None

    # -- the same for all -------------------------------------------------------------------

    def initialise(self, rng: np.random.Generator, dtype: np.typing.DTypeLike = np.float32) -> Self:
        """Allocate and draw the parameters: float32 to train, float64 to check gradients."""
        self.reset_parameters(rng, np.dtype(dtype))
        self.grads = {name: np.zeros_like(value) for name, value in self.params.items()}
        return self

    def train(self, mode: bool = True) -> Self:
        """Switch to training mode (dropout drops, batch norm uses the batch's statistics).

        A frozen layer that keeps statistics stays in evaluation mode: moving them would change
        what it computes. Keras does the same (its guide on fine-tuning, 'trainable' of a batch
        norm).
        """
        for layer in self.walk():
            layer.training = mode and not (layer.frozen and layer.buffer_shapes())
        return self

    def freeze(self) -> Self:
        """Freeze this layer and all inside it: a training leaves them as they are."""
        for layer in self.walk():
            layer.frozen = True
        return self

    def eval(self) -> Self:
        """Switch to evaluation mode."""
        return self.train(False)

    def set_rng(self, rng: np.random.Generator) -> None:
        """Set the random numbers of the next forward pass, for every layer that draws some."""
        for layer in self.walk():
            layer.use_rng(rng)

    def use_rng(self, rng: np.random.Generator) -> None:
        """Take ``rng`` for the next forward pass; most layers draw nothing."""

    def walk(self) -> Iterator["Layer"]:
        """This layer and all inside it, in order."""
        for _, layer in self.named_layers():
            yield layer

    def named_layers(self, prefix: str = "") -> Iterator[tuple[str, "Layer"]]:
        """(name, layer) of this layer and all inside it, names as in PyTorch: ``3.body.0``."""
        yield prefix, self
        for name, child in self.children().items():
            yield from child.named_layers(f"{prefix}.{name}" if prefix else name)

    def named_shapes(
        self, in_shape: Shape, prefix: str = ""
    ) -> Iterator[tuple[str, "Layer", Shape, Shape]]:
        """(name, layer, shape in, shape out) of every layer that has none inside, in order."""
        yield prefix, self, in_shape, self.output_shape(in_shape)

    def named_parameters(self) -> dict[str, Array]:
        """All parameters by full name (``0.weight``), in order."""
        return self._by_full_name("params")

    def named_grads(self) -> dict[str, Array]:
        """All gradients by their parameters' full names."""
        return self._by_full_name("grads")

    def named_buffers(self) -> dict[str, Array]:
        """All buffers by full name."""
        return self._by_full_name("buffers")

    def _by_full_name(self, attribute: str) -> dict[str, Array]:
        return {
            _join(name, key): array
            for name, layer in self.named_layers()
            for key, array in getattr(layer, attribute).items()
        }

    def state_shapes(self) -> dict[str, Shape]:
        """Full name and shape of all that a state dict holds, without any array."""
        return {
            _join(n, key): shape
            for n, layer in self.named_layers()
            for key, shape in (layer.param_shapes() | layer.buffer_shapes()).items()
        }

    def state_dict(self) -> dict[str, Array]:
        """Parameters and buffers by full name: the arrays themselves, not copies.

        Raises:
            NotReadyError: a layer was not initialised.
        """
        for layer in self.walk():
            layer.check_initialised()
        arrays = self.named_parameters() | self.named_buffers()
        return {name: arrays[name] for name in self.state_shapes()}

    def load_state_dict(self, state: dict[str, Array]) -> None:
        """Copy arrays into the parameters and buffers.

        Raises:
            ShapeError: a name is missing or unknown, or a shape differs; nothing was changed.
        """
        own = self.state_dict()
        for name in own.keys() | state.keys():
            if name not in state:
                raise ShapeError(f"the weights have no {name}, which this network needs")
            if name not in own:
                raise ShapeError(f"the weights have {name}, which this network does not know")
            if own[name].shape != state[name].shape:
                raise ShapeError(
                    f"{name}: the weights have shape {state[name].shape}, "
                    f"this network {own[name].shape}"
                )
        for name, array in own.items():
            array[...] = state[name]

    @property
    def weight(self) -> Array:
        """Its weight: a parameter, or a buffer where it is fixed."""
        return self.params["weight"] if "weight" in self.params else self.buffers["weight"]

    def count_parameters(self) -> int:
        """Number of trained parameters."""
        return sum(
            math.prod(shape) for layer in self.walk() for shape in layer.param_shapes().values()
        )

    def replica(self) -> Self:
        """A twin that shares parameters and buffers but has gradients and memory of its own."""
        twin = copy.copy(self)
        twin.grads = {name: np.zeros_like(grad) for name, grad in self.grads.items()}
        twin.saved = None
        return twin

    def own_buffers(self) -> Self:
        """Copy every buffer, so that training passes move the statistics of no other network."""
        for layer in self.walk():
            layer.buffers = {name: array.copy() for name, array in layer.buffers.items()}
        return self

    def release(self) -> None:
        """Forget what the last forward pass kept for the backward pass."""
        for layer in self.walk():
            layer.saved = None

    def spec(self) -> Any:
        """This layer as an item of a config's ``layers:`` list."""
        arguments = {
            name: _plain(getattr(self, name))
            for name, parameter in inspect.signature(type(self)).parameters.items()
            if parameter.default != getattr(self, name)
        }
        name = type(self).__name__
        return {name: arguments} if arguments else name

    def extra_repr(self) -> str:
        """The arguments that ``repr`` and the summary show."""
        spec = self.spec()
        if isinstance(spec, str):
            return ""
        return ", ".join(f"{key}={value}" for key, value in spec[type(self).__name__].items())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.extra_repr()})"

    def check_initialised(self) -> None:
        """Check that there are weights, where the layer has any.

        Raises:
            NotReadyError: the layer has parameters, and they were not made.
        """
        if not (self.params or self.buffers) and (self.param_shapes() or self.buffer_shapes()):
            raise NotReadyError(f"{self!r} has no weights yet; call initialise(rng) first")

    def check_input(self, x: Array) -> None:
        """Check an input, and record the shape of its output.

        Raises:
            DTypeError: x is no array of floats.
            ShapeError: x is empty, or has a shape that the layer cannot take.
            NotReadyError: the layer was not initialised.
        """
        dtype = getattr(x, "dtype", type(x).__name__)
        if getattr(dtype, "kind", "") != "f":
            raise DTypeError(
                f"{self!r} got an input of type {dtype}; expected an array of floats, "
                "such as x.astype(np.float32)"
            )
        if x.ndim not in (2, 4):
            raise ShapeError(
                f"{self!r} got an input of shape {x.shape}; expected (N, F) or (N, C, H, W)"
            )
        if x.size == 0:
            raise ShapeError(
                f"{self!r} got an input of shape {x.shape}, which is empty; expected one sample "
                "or more"
            )
        self.check_initialised()
        self.out_shape = (len(x), *self.output_shape(x.shape[1:]))

    def check_dout(self, dout: Array) -> None:
        """Check that a gradient fits the last output.

        Raises:
            NotReadyError: there is no output yet.
            DTypeError: it is no array of floats.
            ShapeError: it has another shape than the output.
        """
        if self.out_shape is None:
            raise NotReadyError(f"{self!r}: backward before forward; call forward(x) first")
        dtype = getattr(dout, "dtype", type(dout).__name__)
        if getattr(dtype, "kind", "") != "f":
            raise DTypeError(
                f"{self!r} got a gradient of type {dtype}; expected an array of floats"
            )
        if dout.shape != self.out_shape:
            raise ShapeError(
                f"{self!r} got a gradient of shape {dout.shape}; expected {self.out_shape}, "
                "the shape of its output"
            )

    def expect_saved(self, dout: Array) -> Any:
        """Check that ``dout`` fits the output, and return what ``forward`` kept for ``backward``.

        Raises:
            NotReadyError, DTypeError, ShapeError: as ``check_dout``.
        """
        if self.saved is None:
            raise NotReadyError(f"{self!r}: backward before forward; call forward(x) first")
        self.check_dout(dout)
        return self.saved

    def shape_error(self, shape: Shape, expected: str) -> ShapeError:
        """The error ``Conv2D(3→16, k=3) got input of shape (1, 28, 28); expected 3 channels``."""
        return ShapeError(f"{self!r} got input of shape {shape}; expected {expected}")


def _join(prefix: str, key: str) -> str:
    return f"{prefix}.{key}" if prefix else key


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
