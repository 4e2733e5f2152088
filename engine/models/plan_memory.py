"""Where the values of a plan lie, and the steps that compute them, while the plan is drawn.

A convolution computes some rows of its output at a time, in memory that the next rows use again.
What comes behind it (the sum of a residual block, a ReLU, a pooling) takes them from there, still
in the cache, to where the next layer reads them: inside its border of zeros. So these steps are
drawn when somebody asks for a value, and not before.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from engine.arrays import Array, Shape
from engine.kernels import aligned
from engine.kernels.gemm import small_parts
from engine.kernels.window import Pair

Step = Callable[[], object]
Pads = tuple[Pair, Pair]
NO_PADS: Pads = ((0, 0), (0, 0))

LONG_RUN = 128
"""Contiguous numbers from which NumPy's overhead for a run counts for little."""


class Block(NamedTuple):
    """Some rows of a value, before what is still to be done to them.

    Attributes:
        rows: of the value, along its first axis.
        steps: compute them.
        array: where they lie after that, until the next block: (T, R, C, W, N) for T·R rows of
            images, (1, R, N) for features.
        memory: contiguous memory around it that may be written to, if there is any.
    """

    rows: slice
    steps: list[Step]
    array: Array
    memory: Array | None = None


class Value:
    """What comes out of a layer.

    Attributes:
        shape: (H, C, W, N) or (F, N).
        array: where it lies; None for one that is still to be computed, and for the input of the
            plan, which is written where its reader wants it.
        blocks: what computes it, until it lies somewhere.
        owned: whether nobody else reads ``array``, so that it may be written over.
        then: what is still to be done to it, with 0 or with another array: see ``later``.
        borders: copies of it with a border, by the border and what fills it.
    """

    def __init__(
        self, shape: Shape, array: Array | None = None, blocks: list[Block] | None = None
    ) -> None:
        self.shape = shape
        self.array = array
        self.blocks = blocks or []
        self.owned = array is not None
        self.then: list[tuple[np.ufunc, Array | None]] = []
        self.borders: dict[tuple[Pads, float], Array] = {}

    def shared(self) -> "Value":
        """The same value for one of several readers; it has to lie somewhere."""
        twin = Value(self.shape, self.array)
        twin.owned, twin.borders = False, self.borders
        return twin

    def later(self, function: np.ufunc, other: Array | None = None) -> None:
        """Put off what is to be done to it; copies of it that lie somewhere are others then."""
        self.then.append((function, other))
        self.borders = {}

    @property
    def sample_shape(self) -> Shape:
        """(C, H, W) or (F,)."""
        if len(self.shape) == 2:
            return self.shape[:1]
        return self.shape[1], self.shape[0], self.shape[2]


class Drawing:
    """A plan while it is made: the steps so far."""

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype
        self.steps: list[Step] = []
        self.input: Array | None = None
        self._scratch: dict[tuple[str, Shape], Array] = {}
        self._nothing = np.zeros(0, dtype)

    def step(self, function: Callable[..., object], *arguments: Any, **named: Any) -> None:
        self.steps.append(partial(function, *arguments, **named))

    def empty(self, *shape: int) -> Array:
        return aligned.empty(shape, self.dtype)

    def scratch(self, name: str, *shape: int) -> Array:
        """Memory for one block: the same for all of that name and shape, ones at first."""
        if (name, shape) not in self._scratch:
            self._scratch[name, shape] = self.empty(*shape)
            self._scratch[name, shape].fill(1)
        return self._scratch[name, shape]

    def put(self, value: Value, target: Array) -> Array:
        """Let a value lie in ``target``, which has its shape."""
        if value.array is None and not value.blocks:
            self.input = target
        for block in value.blocks or _lying(value):
            self.steps += block.steps
            self._finish(block, value.then, target)
        value.array, value.blocks, value.then = target, [], []
        value.owned = True
        return target

    def _finish(
        self, block: Block, then: list[tuple[np.ufunc, Array | None]], target: Array
    ) -> None:
        """Do what is still to be done to a block, on its way to its place."""
        rows, _, array, memory = block
        place = target[rows].reshape(array.shape)
        assert np.shares_memory(place, target)
        if memory is not None and array.shape[-2] * array.shape[-1] >= LONG_RUN:
            memory = None
        for function, other in then:
            out = place if memory is None else array
            if other is not None:
                self.step(function, array, other[rows].reshape(array.shape), out=out)
            elif memory is not None:  # one long run
                flat = memory.reshape(-1)
                self.step(function, flat, self._zeros(flat.shape), out=flat)
            else:  # two arrays are compared faster than an array and a number
                self.step(function, array, self._zeros(array.shape[-2:]), out=out)
            array = out
        if array is not place and block.memory is not target:
            self.step(np.copyto, place, array)

    def _zeros(self, shape: Shape) -> Array:
        size = math.prod(shape)
        if self._nothing.size < size:
            self._nothing = np.zeros(size, self.dtype)
        return self._nothing[:size].reshape(shape)

    def settled(self, value: Value) -> Array:
        """The array of a value, nothing left to be done to it."""
        if value.array is not None and not value.then:
            return value.array
        owned = value.array if value.owned else None
        return self.put(value, self.empty(*value.shape) if owned is None else owned)

    def bordered(self, value: Value, pads: Pads, fill: float = 0.0) -> Array:
        """A value (H, C, W, N) with a border, contiguous."""
        border = value.borders.get((pads, fill))
        if border is None and pads == NO_PADS and (value.array is not None or value.blocks):
            border = self.settled(value)
        if border is None or not border.flags.c_contiguous:
            (top, bottom), (left, right) = pads
            h, c, w, n = value.shape
            border = np.full((h + top + bottom, c, w + left + right, n), fill, self.dtype)
            self.put(value, border[top : top + h, :, left : left + w])
        value.borders[pads, fill] = border
        return border

    def surrounded(self, value: Value, pads: Pads, fill: float = 0.0) -> Array:
        """The same, maybe as a part of an array with more of a border."""
        (top, bottom), (left, right) = pads
        h, _, w, _ = value.shape
        for (((above, below), (before, after)), other), wide in value.borders.items():
            if (
                other == fill
                and min(above - top, below - bottom, before - left, after - right) >= 0
            ):
                rows = slice(above - top, above + h + bottom)
                return wide[rows, :, before - left : before + w + right]
        return self.bordered(value, pads, fill)


def _lying(value: Value) -> list[Block]:
    """All of a value that lies somewhere; nothing for one that does not."""
    if value.array is None:
        return []
    memory = value.array if value.owned and value.array.flags.c_contiguous else None
    return [Block(slice(0, len(value.array)), [], value.array[None], memory)]


def product(a: Array, b: Array, out: Array) -> list[Step]:
    """The steps of out (..., m, p) = a (..., m, k) @ b (..., k, p), in sizes that suit BLAS."""
    return [
        partial(np.matmul, a[..., rows, :], b[..., columns], out=out[..., rows, columns])
        for rows, columns in small_parts(a.shape[-2], a.shape[-1], b.shape[-1])
    ]


def shifted(array: Array, shape: Shape, strides: Shape, offset: int = 0) -> Array:
    """A view of contiguous memory, only to be read: offset and strides in numbers."""
    item = array.itemsize
    steps = tuple(stride * item for stride in strides)
    return np.ndarray(shape, array.dtype, array, offset * item, steps)
