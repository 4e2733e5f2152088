"""The contract of optimizers: steps in place, block by block, over any update rule.

Everything happens in place, element by element. Arrays are walked through in blocks that stay
in a core's cache while the ten or so NumPy calls of one update pass over them, so that a step
reads and writes main memory about once, and allocates nothing of a parameter's size. Elements
do not see each other, so neither the size of a block nor the way in which parameters are cut
into arrays changes a bit of the result: one flat vector of all parameters is the fastest way.
A rule for whole matrices says so; these are not cut.

An optimizer belongs to one thread at a time: its steps share scratch memory.
"""

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, TypeVar

import numpy as np

from engine.arrays import Array
from engine.errors import ShapeError
from engine.optim.groups import Group, Span

BLOCK = 64 * 1024
"""Elements updated at once: parameter, gradient, two moments and scratch are 1.3 MB in float32,
little enough for a cache, and enough work that NumPy's cost of a call does not show."""


class Optimizer(ABC):
    """Base of the update rules; ``t``, ``lr`` and ``slots`` are its whole state.

    Attributes:
        lr: the learning rate; a scheduler may set it at any time.
        weight_decay: the factor of the penalty on large weights.
        t: steps taken.
        slots: what the rule remembers: slot name -> parameter name -> array of the parameter's
            shape and dtype, zero before the first step.
        groups: which parameters have settings of their own; the first that names one counts.

    Args:
        lr: learning rate, above 0.
        weight_decay: L2 penalty, 0 or more: ``g = g + wd * p`` before the rule sees ``g``.

    Raises:
        ValueError: an argument is out of its range.
    """

    slot_names: tuple[str, ...] = ()
    decoupled_decay: ClassVar[bool] = False
    """Whether the rule applies the weight decay itself, instead of finding it in the gradient."""

    takes_matrices: ClassVar[bool] = False
    """Whether the weights of a convolution are updated together, by ``_update_matrix``."""

    def __init__(self, lr: float, weight_decay: float = 0.0) -> None:
        self.lr = self._positive("lr", lr)
        self.weight_decay = self._at_least_zero("weight_decay", weight_decay)
        self.t = 0
        self.groups: Sequence[Group] = ()
        self.slots: dict[str, dict[str, Array]] = {name: {} for name in self.slot_names}
        self._scratch: dict[np.dtype[Any], tuple[Array, Array]] = {}

    @property
    def lr(self) -> float:
        return self._lr

    @lr.setter
    def lr(self, value: float) -> None:
        # 0 is allowed here: it is where a cosine schedule ends.
        self._lr = self._at_least_zero("lr", value)

    def step(
        self,
        params: Mapping[str, Array],
        grads: Mapping[str, Array],
        part: slice = slice(None),
        spans: Sequence[Span] = (),
        epoch: int = 0,
    ) -> None:
        """Update every parameter in place; gradients are not changed.

        All arguments are checked before anything is updated. A gradient that is not finite
        makes its parameter so, without a warning: watch the loss, or the norm.

        Args:
            params: parameters by name, C-contiguous floats. A name is the same array's at
                every step.
            grads: gradients under the same names, with the same shapes and dtypes. One that
                is not C-contiguous is copied on the way.
            part: which elements of each to update, while other workers update the rest; each
                matrix whole, or not at all.
            spans: the elements by their group, and which of them are a matrix; none where all have
                the same settings and each is updated by itself.
            epoch: the number of the epoch, from 0; some groups are trained for a few only.

        Raises:
            ShapeError: a gradient or a restored slot has another shape than its parameter.
            ValueError: names or dtypes differ, or a parameter is not C-contiguous.
        """
        self._check(params, grads)
        self.t += 1
        with np.errstate(over="ignore", invalid="ignore"):
            for span in spans or (None,):
                if span is not None and not span.group.learns_in(epoch):
                    continue
                with self._settings_of(span):
                    self._prepare()
                    for name, param in params.items():
                        own = part if span is None else _overlap(part, span, param.size)
                        arrays = [param, grads[name]]
                        arrays += [self._slot(slot, name, param) for slot in self.slot_names]
                        p, g, *slots = (array.reshape(-1)[own] for array in arrays)
                        if span is None or not span.rows:
                            self._walk(p, g, slots)
                        elif p.size:
                            matrices = (array.reshape(span.rows, -1) for array in (p, g, *slots))
                            self._update_matrix(*matrices)

    @contextmanager
    def _settings_of(self, span: Span | None) -> Iterator[None]:
        """Learning rate and weight decay of a span, for a while."""
        lr, decay = self._lr, self.weight_decay
        if span is not None:
            self._lr = lr * span.group.lr_scale
            self.weight_decay = decay * span.group.weight_decay_scale
        try:
            yield
        finally:
            self._lr, self.weight_decay = lr, decay

    def _prepare(self) -> None:  # noqa: B027  (most rules have none)
        """Compute the numbers that all blocks of a step share. ``t`` is already this step's."""

    @abstractmethod
    def _update(self, p: Array, g: Array, scratch: Array, *slots: Array) -> None:
        """Apply the rule to one block: arrays of one length, in place, ``g`` only read."""

    def _update_matrix(self, p: Array, g: Array, *slots: Array) -> None:
        """Apply the rule to a whole matrix, (rows, columns), in place, ``g`` only read.

        Only rules that ``takes_matrices`` are given any.
        """
        raise NotImplementedError

    def _walk(self, param: Array, grad: Array, slots: list[Array]) -> None:
        scratch, decayed = self._scratch_of(param.dtype)
        decay = self.weight_decay > 0 and not self.decoupled_decay
        for start in range(0, param.size, BLOCK):
            block = slice(start, start + BLOCK)
            p, g = param[block], grad[block]
            if decay:
                g = np.multiply(p, self.weight_decay, out=decayed[: p.size])
                g += grad[block]
            self._update(p, g, scratch[: p.size], *(slot[block] for slot in slots))

    def _scratch_of(self, dtype: np.dtype[Any]) -> tuple[Array, Array]:
        if dtype not in self._scratch:
            self._scratch[dtype] = np.empty(BLOCK, dtype), np.empty(BLOCK, dtype)
        return self._scratch[dtype]

    def _slot(self, slot: str, name: str, param: Array) -> Array:
        arrays = self.slots[slot]
        if name not in arrays:
            arrays[name] = np.zeros(param.shape, param.dtype)
        return arrays[name]

    def _check(self, params: Mapping[str, Array], grads: Mapping[str, Array]) -> None:
        if params.keys() != grads.keys():
            odd = ", ".join(sorted(params.keys() ^ grads.keys()))
            raise ValueError(f"every parameter needs one gradient of its name; not so for {odd}")
        for name, param in params.items():
            if not param.flags.c_contiguous or not np.issubdtype(param.dtype, np.floating):
                raise ValueError(
                    f"parameter {name} must be a C-contiguous array of floats to be updated in "
                    f"place, got strides {param.strides} and dtype {param.dtype}"
                )
            partners = {"its gradient": grads[name]} | {
                f"its {slot}": arrays[name] for slot, arrays in self.slots.items() if name in arrays
            }
            for what, array in partners.items():
                if array.shape != param.shape:
                    raise ShapeError(
                        f"parameter {name} has shape {param.shape}, {what} {array.shape}"
                    )
                if array.dtype != param.dtype:
                    raise ValueError(
                        f"parameter {name} has dtype {param.dtype}, {what} {array.dtype}"
                    )

    @staticmethod
    def _at_least_zero(name: str, value: float) -> float:
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{name} must be a finite number of at least 0, got {value}")
        return float(value)

    @staticmethod
    def _fraction(name: str, value: float) -> float:
        if not 0 <= value < 1:
            raise ValueError(f"{name} must be at least 0 and below 1, got {value}")
        return float(value)

    @staticmethod
    def _positive(name: str, value: float) -> float:
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be a finite number above 0, got {value}")
        return float(value)


def _overlap(part: slice, span: Span, size: int) -> slice:
    """The elements that are in both."""
    start, stop, _ = part.indices(size)
    return slice(max(start, span.start), min(stop, span.stop))


OPTIMIZERS: dict[str, type[Optimizer]] = {}
"""Every optimizer by its name in configs, in the order of every list."""

Rule = TypeVar("Rule", bound=Optimizer)


def register(name: str) -> Callable[[type[Rule]], type[Rule]]:
    """Make an optimizer known by a name: to configs, ``--set``, the form and the JSON Schema.

    Its constructor's parameters are keys of ``train`` in a config; a key that is null is left to
    the constructor's own default.

    Raises:
        ValueError: the name is taken.
    """

    def add(cls: type[Rule]) -> type[Rule]:
        if name in OPTIMIZERS:
            raise ValueError(f"there are two optimizers named {name}")
        OPTIMIZERS[name] = cls
        return cls

    return add


def parameters_of(name: str) -> Mapping[str, inspect.Parameter]:
    """The parameters of the constructor of an optimizer."""
    return inspect.signature(OPTIMIZERS[name]).parameters
