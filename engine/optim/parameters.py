"""Flat vectors: all parameters of a network in one array, all gradients in another.

An optimizer step, a norm, a sum over micro-batches: each is then one pass over memory instead
of a dozen small ones. The layers keep their arrays; they become views of the vector.

The vectors are in shared memory, where worker processes find the parameters and leave gradients.
"""

import math
from collections.abc import Sequence

import numpy as np

from engine.arrays import Array
from engine.layers import Layer
from engine.optim.groups import Group, Span, group_of, kinds_of
from engine.optim.optimizer import Optimizer
from engine.parallel.shared_memory import shared_zeros


class FlatParameters:
    """The one vector under a network's parameters.

    Attributes:
        vector: all parameters, 1-D, contiguous: those to be trained in the order of ``names``,
            then those of frozen layers.
        trained: how many of its numbers are trained, the first ones.
        names: full parameter names (``0.weight``).
        slices: where each lies in the vector.
        shapes: their shapes.
    """

    def __init__(self, model: Layer) -> None:
        arrays = model.named_parameters()
        frozen = {
            f"{prefix}.{key}" if prefix else key
            for prefix, layer in model.named_layers()
            if layer.frozen
            for key in layer.params
        }
        self.names = tuple(arrays)
        self.shapes = {name: array.shape for name, array in arrays.items()}
        self.slices: dict[str, slice] = {}
        end = 0
        for name in sorted(arrays, key=frozen.__contains__):  # the order of equals stays
            self.slices[name] = slice(end, end + arrays[name].size)
            end += arrays[name].size
        self.trained = end - sum(arrays[name].size for name in frozen)
        dtypes = {array.dtype for array in arrays.values()} or {np.dtype(np.float32)}
        (self.dtype,) = dtypes
        self.vector = shared_zeros(end, self.dtype, "the parameters")
        self._adopt(model, "params", self.vector, keep=True)

    def gradients_of(self, replica: Layer) -> Array:
        """A new vector; the replica's gradients become views of it."""
        vector = shared_zeros(self.vector.size, self.dtype, "a gradient")
        self._adopt(replica, "grads", vector, keep=False)
        return vector

    def split(self, vector: Array) -> dict[str, Array]:
        """A vector's parts by parameter name, as views in the parameters' shapes."""
        return {name: vector[self.slices[name]].reshape(self.shapes[name]) for name in self.names}

    def _adopt(self, model: Layer, attribute: str, vector: Array, *, keep: bool) -> None:
        views = self.split(vector)
        for prefix, layer in model.named_layers():
            arrays = getattr(layer, attribute)
            for key in arrays:
                view = views[f"{prefix}.{key}" if prefix else key]
                if keep:
                    view[...] = arrays[key]
                arrays[key] = view


def share_buffers(model: Layer) -> list[Array]:
    """Move a network's buffers, with their values, to shared memory.

    Returns:
        The arrays, which are now the network's.
    """
    shared = []
    for layer in model.walk():
        for key, array in layer.buffers.items():
            twin = shared_zeros(array.size, array.dtype, f"a {key}").reshape(array.shape)
            twin[...] = array
            layer.buffers[key] = twin
            shared.append(twin)
    return shared


def share_slots(optimizer: Optimizer, parameters: FlatParameters) -> None:
    """Allocate the slots of a fresh optimizer for the one vector, in shared memory."""
    size, dtype = parameters.vector.size, parameters.dtype
    for slot, arrays in optimizer.slots.items():
        arrays[""] = shared_zeros(size, dtype, f"the optimizer's {slot}")


def spans_of(
    model: Layer, parameters: FlatParameters, groups: Sequence[Group], *, matrices: bool = False
) -> list[Span]:
    """The trained part of the vector, cut where settings change; one span without groups.

    Args:
        model: the network.
        parameters: the vector under it.
        groups: which of them have settings of their own.
        matrices: whether the weight of each convolution, (O, C, KH, KW), is a span of its own: a
            matrix with O rows.
    """
    spans: list[Span] = []
    kinds = kinds_of(model)
    for name, place in parameters.slices.items():  # in the order of the vector
        if place.start >= parameters.trained:
            break
        group, shape = group_of(name, kinds[name], groups), parameters.shapes[name]
        rows = shape[0] if matrices and len(shape) == 4 else 0
        if spans and spans[-1].group == group and not rows and not spans[-1].rows:
            spans[-1] = Span(spans[-1].start, place.stop, group)
        else:
            spans.append(Span(place.start, place.stop, group, rows))
    return spans


def rms(array: Array) -> float:
    """Root of the mean square: a size that does not grow with the number of elements."""
    flat = array.reshape(-1).astype(np.float64)  # where squares of float32 cannot overflow
    return math.sqrt(float(np.dot(flat, flat)) / max(flat.size, 1))
