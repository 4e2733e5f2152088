"""Predictions of a trained network."""

import math
from collections.abc import Iterable
from itertools import chain

import numpy as np

from engine.arrays import Array, Shape
from engine.kernels.partition import equal_parts
from engine.layers import Layer, Sequential
from engine.models.plan import Plan
from engine.parallel.group import Numbered, ProcessGroup, in_order
from engine.parallel.micro_batches import MOST_PIECES
from engine.parallel.processes import WorkerPool
from engine.parallel.shared_memory import shared_zeros
from engine.parallel.workers import Workers

SAMPLES = 16
"""Samples of a piece: whole cache lines, and values that stay in a core's second-level cache."""

PIXELS = 16 * 32 * 32
"""Pixels of a piece; of larger images it has fewer."""

WORTH_PROCESSES = 40_000_000
"""Multiply-adds of an input from which worker processes are worth their communication: plans take
about as long for so many."""

PLANS = 8
"""Plans that are kept, each with its memory, for shapes that come again."""


class Predictor:
    """Logits of a network with the weights that it has now, on all workers.

    An input is computed in pieces, each with a plan, which is drawn when its shape comes for the
    first time. A batch norm, which in evaluation is a fixed scale and shift of each channel, is
    folded into the weights of the convolution or dense layer before it. Logits are those of the
    network in evaluation mode, up to rounding, and the same bits for any number of workers.

    Args:
        model: an initialised network; it stays as it is, and its weights are copied.
        workers: what to compute on. A predictor serves one thread at a time.

    Raises:
        NotReadyError: the network has no weights yet.
    """

    def __init__(self, model: Sequential, workers: Workers) -> None:
        for layer in model.walk():
            layer.check_initialised()
        self._network = Sequential(fold_batch_norms(model)).replica().eval()
        for layer in self._network.walk():
            layer.params = {name: array.copy() for name, array in layer.params.items()}
        self._network.own_buffers()
        self._dtypes = {array.dtype for array in self._network.state_dict().values()}
        self._workers = workers
        self._multiply_adds: dict[Shape, int] = {}
        self._pool: WorkerPool[list[Numbered[list[Array]]]] | None = None
        self._shared = np.empty(0)
        self._plans: dict[tuple[Shape, np.dtype], Plan] = {}

    def logits(self, x: Array) -> Array:
        """(N, C, H, W) → (N, classes)."""
        pieces = _pieces(x.shape)
        if len(pieces) > 1 and self._work(x.shape) >= WORTH_PROCESSES:
            pool = self._pool_for(x)
            if pool is not None:
                self._shared[: x.size].reshape(x.shape)[...] = x
                return np.concatenate([*chain(*in_order(*pool.run(x.shape, len(pieces))))])
        return np.concatenate([self._forward(x[piece]) for piece in pieces])

    def _forward(self, x: Array) -> Array:
        """The logits of a piece."""
        is_planned = x.ndim in (2, 4) and len(x) > 0 and x.dtype in (np.float32, np.float64)
        if is_planned and self._dtypes <= {x.dtype}:
            return self._plan(x)(x)
        logits = self._network.forward(x)  # or what is wrong with x
        self._network.release()
        return logits

    def _plan(self, x: Array) -> Plan:
        """The plan for the inputs of x's shape."""
        key = x.shape, x.dtype
        if key not in self._plans:
            if len(self._plans) == PLANS:
                del self._plans[next(iter(self._plans))]
            self._plans[key] = Plan(self._network, x.shape[1:], len(x), x.dtype)
        return self._plans[key]

    def _work(self, shape: Shape) -> int:
        """Multiply-adds of a whole input."""
        n, *rest = shape
        in_shape = tuple(rest)
        if in_shape not in self._multiply_adds:
            self._multiply_adds[in_shape] = self._network.multiply_adds(in_shape)
        return n * self._multiply_adds[in_shape]

    def _pool_for(self, x: Array) -> WorkerPool[list[Numbered[list[Array]]]] | None:
        """Workers that see an input of this size and type."""
        if x.size > self._shared.size or x.dtype != self._shared.dtype:
            if self._pool is not None:
                self._pool.close()
            self._shared = shared_zeros(x.size, x.dtype, "the images")
        if self._pool is None or self._pool.closed:
            self._pool = self._workers.pool(self._task)
        return self._pool

    def _task(self, shape: Shape, group: ProcessGroup) -> list[Numbered[list[Array]]]:
        x = self._shared[: math.prod(shape)].reshape(shape)
        pieces = _pieces(shape)
        shares = equal_parts(len(pieces), min(len(pieces), MOST_PIECES))
        return group.map(
            lambda i, _: [self._forward(x[piece]) for piece in pieces[shares[i]]], len(shares)
        )


def _pieces(shape: Shape) -> list[slice]:
    """The fixed split of an input: two pieces or more from 16 samples on."""
    n, pixels = shape[0], math.prod(shape[2:])
    size = max(1, min(SAMPLES, PIXELS // max(1, pixels)))
    return equal_parts(n, max(-(-n // size), 2 if n >= SAMPLES else 1))


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
