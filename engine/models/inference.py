"""Predictions of a trained network, without what only training needs."""

import math
from collections.abc import Iterable

import numpy as np

from engine.arrays import Array, Shape
from engine.layers import Layer, Sequential
from engine.models.plan import Plan
from engine.parallel.group import Numbered, ProcessGroup, in_order
from engine.parallel.micro_batches import micro_batches
from engine.parallel.processes import WorkerPool
from engine.parallel.shared_memory import shared_zeros
from engine.parallel.workers import WORTH_PROCESSES, Workers

MOST_PLANNED = 8
"""Samples of a batch that goes through a plan; of more, the batch is the innermost axis."""

MOST_PIXELS = 8 * 32 * 32
"""Pixels of all its images together; of more, a plan's columns leave the cache."""

PLANS = 8
"""Plans that are kept, each with its memory, for shapes that come again."""


class Predictor:
    """Logits of a network with its present weights, on all workers.

    A few samples go through a plan, which is drawn when their shape comes for the first time. Of
    more samples, nothing is kept for a backward pass: ReLUs write over their input, poolings do not
    remember where the maxima were, and every layer finds the memory that the one before it gave
    back, still in the cache. In both, a batch norm, which in evaluation is a fixed scale and shift
    of each channel, is folded into the weights of the convolution or dense layer before it.
    Logits are those of the network in evaluation mode, up to rounding, and the same bits for any
    number of workers. The weights are copied; ``renew`` copies them again after a training.

    Args:
        model: an initialised network; it stays as it is.
        workers: what to compute on. A predictor serves one thread at a time.

    Raises:
        NotReadyError: the network has no weights yet.
    """

    def __init__(self, model: Sequential, workers: Workers) -> None:
        self._network = model
        self._workers = workers
        self._multiply_adds: dict[Shape, int] = {}
        self._pool: WorkerPool[list[Numbered[Array]]] | None = None
        self._shared = np.empty(0)
        self._plans: dict[tuple[Shape, np.dtype], Plan] = {}
        self.renew()

    def renew(self) -> None:
        """Take the weights that the network has now."""
        for layer in self._network.walk():
            layer.check_initialised()
        self._folded = Sequential(fold_batch_norms(self._network)).replica().eval()
        for layer in self._folded.walk():
            layer.params = {name: array.copy() for name, array in layer.params.items()}
        self._folded.own_buffers()
        self._dtypes = {array.dtype for array in self._folded.state_dict().values()}
        self._model = Sequential(_forward_only(self._folded)).replica().eval()
        self._plans.clear()
        if self._pool is not None:
            self._pool.close()

    def logits(self, x: Array) -> Array:
        """(N, C, H, W) → (N, classes)."""
        if self._can_plan(x):
            return self._plan(x)(x)
        pieces = micro_batches(len(x))
        if len(pieces) > 1 and self._work(x.shape) >= WORTH_PROCESSES:
            pool = self._pool_for(x)
            if pool is not None:
                self._shared[: x.size].reshape(x.shape)[...] = x
                return np.concatenate(in_order(*pool.run(x.shape, len(pieces))))
        return np.concatenate([_forward(self._model, x[piece]) for piece in pieces])

    def _can_plan(self, x: Array) -> bool:
        """Whether there is a plan for an input; layers say what is wrong with others."""
        if x.ndim not in (2, 4) or x.size == 0 or len(x) > MOST_PLANNED:
            return False
        small = x.ndim == 2 or len(x) * math.prod(x.shape[2:]) <= MOST_PIXELS
        return small and x.dtype in (np.float32, np.float64) and self._dtypes <= {x.dtype}

    def _plan(self, x: Array) -> Plan:
        """The plan for the inputs of x's shape."""
        key = x.shape, x.dtype
        if key not in self._plans:
            if len(self._plans) == PLANS:
                del self._plans[next(iter(self._plans))]
            self._plans[key] = Plan(self._folded, x.shape[1:], len(x), x.dtype)
        return self._plans[key]

    def _work(self, shape: Shape) -> int:
        """Multiply-adds of a whole input."""
        n, *rest = shape
        in_shape = tuple(rest)
        if in_shape not in self._multiply_adds:
            self._multiply_adds[in_shape] = self._model.multiply_adds(in_shape)
        return n * self._multiply_adds[in_shape]

    def _pool_for(self, x: Array) -> WorkerPool[list[Numbered[Array]]] | None:
        """Workers that see an input of this size and type."""
        if x.size > self._shared.size or x.dtype != self._shared.dtype:
            if self._pool is not None:
                self._pool.close()
            self._shared = shared_zeros(x.size, x.dtype, "the images")
        if self._pool is None or self._pool.closed:
            self._pool = self._workers.pool(self._task)
        return self._pool

    def _task(self, shape: Shape, group: ProcessGroup) -> list[Numbered[Array]]:
        x = self._shared[: math.prod(shape)].reshape(shape)
        pieces = micro_batches(len(x))
        return group.map(lambda i, _: _forward(self._model, x[pieces[i]]), len(pieces))


def fold_batch_norms(layers: Iterable[Layer]) -> list[Layer]:
    """The layers, each batch norm folded into the layer before it where that is linear."""
    folded: list[Layer] = []
    for layer in layers:
        merged = layer.fold_into(folded[-1]) if folded else None
        if merged is not None:
            folded[-1] = merged
        else:
            folded.append(layer.map_branches(fold_batch_norms))
    return folded


def _forward_only(layers: Iterable[Layer]) -> list[Layer]:
    """The layers without what only a backward pass needs."""
    found: list[Layer] = []
    for layer in layers:
        owns_input = bool(found) and found[-1].makes_new_output
        found.append(layer.map_branches(_forward_only).forward_only(owns_input))
    return found


def _forward(model: Sequential, x: Array) -> Array:
    for layer in model:
        x = layer.forward(x)
        if layer.branches:
            layer.release()
        else:
            layer.saved = None
    return x
