"""The memory of a plan, and the steps that fill it, while the plan is drawn."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from engine.arrays import Array, Shape
from engine.kernels.gemm import ROW_MULTIPLE, SMALL_PRODUCT
from engine.kernels.window import Window

NARROWEST = 16
"""Columns of a product that are worth a call."""


class Value:
    """What comes out of a layer.

    Attributes:
        shape: (C, N, H, W) or (N, F).
        array: where it lies, images also as (C, N, H / 4, 4, W); None for the input, which goes
            where its reader wants it.
        relu: whether a ReLU is still to be applied, by whoever reads it next.
        memory: contiguous memory around ``array`` that has no other reader, and may be written to.
        border: an array that has ``array`` inside, with its border.
    """

    def __init__(self, shape: Shape, array: Array | None = None, relu: bool = False) -> None:
        self.shape = shape
        self.array: Any = array
        self.relu = relu
        self.memory: Array | None = None
        self.border: tuple[Any, Array] | None = None


class Drawing:
    """A plan while it is made: the steps so far."""

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype
        self.steps: list[Callable[[], object]] = []
        self.input: Any = None
        self._zeros = np.zeros(0, dtype)

    def step(self, function: Callable[..., object], *arguments: Any, **named: Any) -> None:
        self.steps.append(partial(function, *arguments, **named))

    def empty(self, *shape: int) -> Array:
        return np.zeros(shape, self.dtype)

    def put(self, value: Value, target: Array) -> None:
        """Let a value lie in ``target``, whose shape it has."""
        self.finish(value)
        if value.array is None:
            self.input = target
        else:
            split = target.reshape(value.array.shape)
            assert np.shares_memory(split, target)
            if value.relu:
                self.step(np.maximum, value.array, self.zeros(split.shape[-2:]), out=split)
            else:
                self.step(np.copyto, split, value.array)
        value.array, value.relu, value.memory = target, False, None

    def finish(self, value: Value) -> None:
        """Apply what is left to be applied where the value lies, if nobody else reads it there.

        A run over the whole memory is quicker than one over each row of an image.
        """
        if value.relu and value.memory is not None:
            memory = value.memory.reshape(-1)
            self.step(np.maximum, memory, self.zeros(memory.shape), out=memory)
            value.relu = False

    def settled(self, value: Value) -> Array:
        """The array of a value in its shape, nothing left to be applied to it."""
        self.finish(value)
        if value.array is None or value.relu or value.array.ndim > len(value.shape):
            self.put(value, self.empty(*value.shape))
        array: Array = value.array
        return array

    def bordered(self, value: Value, window: Window, fill: float = 0.0) -> Array:
        """A value (C, N, H, W) with the border that a window needs; contiguous."""
        wanted = (window.pads, fill)
        if value.border is not None and value.border[0] == wanted:
            return value.border[1]
        (top, bottom), (left, right) = window.pads
        c, n, h, w = value.shape
        if not window.is_padded and value.array is not None:
            array = self.settled(value)
            if array.flags.c_contiguous:
                return array
        border = np.full((c, n, h + top + bottom, w + left + right), fill, self.dtype)
        self.put(value, border[:, :, top : top + h, left : left + w])
        value.border = wanted, border
        return border

    def zeros(self, shape: Shape) -> Array:
        """Zeros to compare with: NumPy compares two arrays faster than an array with a number."""
        size = math.prod(shape)
        if self._zeros.size < size:
            self._zeros = np.zeros(size, self.dtype)
        return self._zeros[:size].reshape(shape)

    def product(self, a: Array, b: Array, out: Array) -> None:
        """out (g, m, p) = a (g, m, k) @ b (g, k, p), in parts that OpenBLAS does not pack."""
        length = b.shape[2]
        most = SMALL_PRODUCT // (a.shape[1] * a.shape[2]) // ROW_MULTIPLE * ROW_MULTIPLE
        if most < NARROWEST:
            most = length
        for start in range(0, length, most):
            part = slice(start, start + most)
            if len(a) == 1:
                self.step(np.matmul, a[0], b[0, :, part], out=out[0, :, part])
            else:
                self.step(np.matmul, a, b[:, :, part], out=out[:, :, part])


def owned(array: Array, memory: Array, shape: Shape | None = None) -> Value:
    """A value that has its memory for itself."""
    value = Value(shape or array.shape, array)
    value.memory = memory
    return value


def same(value: Value) -> Value:
    """The same value for another reader."""
    twin = Value(value.shape, value.array, value.relu)
    twin.border = value.border
    return twin


def shape_of(value: Value) -> Shape:
    """The shape of a sample."""
    if len(value.shape) == 2:
        return value.shape[1:]
    return value.shape[0], *value.shape[2:]


def samples_first(array: Array) -> Array:
    """(C, N, H, W) as (N, C, H, W); features stay as they are."""
    return array if array.ndim == 2 else array.transpose(1, 0, 2, 3)
