"""A trained network made ready for predictions alone."""

from collections.abc import Iterable

import numpy as np

from engine.kernels.workers import Rank, Workers, micro_batches
from engine.layers import BatchNorm1D, BatchNorm2D, Conv2D, Dense, Layer, Residual, Sequential
from engine.layers.base import Array, Shape

WORTH_A_WORKER = 4_000_000
"""Multiply-adds below which waking another thread costs more than it saves."""


class Predictor:
    """The logits of a network with its weights as they are now, on all workers.

    Nothing is kept for a backward pass, so that every layer finds the memory that the one before
    it gave back, still in the cache; and a batch norm, which in evaluation is a fixed scale and
    shift of each channel, is folded into the weights of the convolution or dense layer before it.
    Logits are those of the network in evaluation mode, up to rounding, and the same bits for any
    number of workers.

    Args:
        model: an initialised network; it stays as it is.
        workers: what to compute on. A predictor serves one thread at a time.

    Source of the folding: Jacob et al., 'Quantization and training of neural networks for
    efficient integer-arithmetic-only inference', 2018, section 3.2.
    """

    def __init__(self, model: Sequential, workers: Workers) -> None:
        self._workers = workers
        folded = Sequential(fold_batch_norms(model))
        self._twins = [folded.replica().eval() for _ in range(workers.count)]
        self._multiply_adds: dict[Shape, int] = {}

    def logits(self, x: Array) -> Array:
        """(N, C, H, W) → (N, classes)."""
        pieces = [x[piece] for piece in micro_batches(len(x))]
        shares = 1
        if len(pieces) > 1:
            worth = self._work(x.shape) // WORTH_A_WORKER
            shares = max(1, min(self._workers.count, len(pieces), worth))

        def task(i: int, rank: Rank) -> list[Array]:
            own = pieces[len(pieces) * i // shares : len(pieces) * (i + 1) // shares]
            return [_forward(self._twins[i], piece) for piece in own]

        parts = self._workers.map(task, shares)
        return np.concatenate([logits for part in parts for logits in part])

    def _work(self, shape: Shape) -> int:
        """Multiply-adds of a whole input."""
        n, *rest = shape
        in_shape = tuple(rest)
        if in_shape not in self._multiply_adds:
            self._multiply_adds[in_shape] = self._twins[0].multiply_adds(in_shape)
        return n * self._multiply_adds[in_shape]


def fold_batch_norms(layers: Iterable[Layer]) -> list[Layer]:
    """The layers, each batch norm folded into the layer before it where that is linear.

    With the scale s = γ / √(running_var + ε) of each output channel:

        w' = s·w,    b' = β + s·(b − running_mean)
    """
    folded: list[Layer] = []
    for layer in layers:
        before = folded[-1] if folded else None
        if isinstance(layer, Residual):
            folded.append(Residual(fold_batch_norms(layer.body), fold_batch_norms(layer.shortcut)))
        elif isinstance(layer, BatchNorm2D | BatchNorm1D) and isinstance(before, Conv2D | Dense):
            weight, mean = before.params["weight"], layer.buffers["running_mean"]
            scale = layer.params["weight"] / np.sqrt(layer.buffers["running_var"] + layer.eps)
            twin = before.replica()
            twin.bias = True
            twin.params = {
                "weight": weight * scale.reshape(-1, *(1,) * (weight.ndim - 1)),
                "bias": layer.params["bias"] + scale * (before.params.get("bias", 0) - mean),
            }
            folded[-1] = twin
        else:
            folded.append(layer)
    return folded


def _forward(model: Sequential, x: Array) -> Array:
    for layer in model:
        x = layer.forward(x)
        if isinstance(layer, Residual):
            layer.release()
        else:
            layer.saved = None
    return x
