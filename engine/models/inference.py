"""A trained network made ready for predictions alone."""

import math
from collections.abc import Iterable

import numpy as np

from engine.kernels import pooling
from engine.layers import (
    BatchNorm1D,
    BatchNorm2D,
    Conv2D,
    Dense,
    Layer,
    MaxPool2D,
    ReLU,
    Residual,
    Sequential,
)
from engine.layers.layer import Array, Shape
from engine.parallel.group import Crew, Numbered, in_order
from engine.parallel.processes import Team
from engine.parallel.shared_memory import shared_zeros
from engine.parallel.workers import WORTH_A_TEAM, Workers, micro_batches

FRESH = (Conv2D, Dense, Residual)
"""Layers whose output is a new array."""


class Predictor:
    """The logits of a network with its weights as they are now, on all workers.

    Nothing is kept for a backward pass: ReLUs write over their input, poolings do not remember
    where the maxima were, and every layer finds the memory that the one before it gave back, still
    in the cache. A batch norm, which in evaluation is a fixed scale and shift of each channel, is
    folded into the weights of the convolution or dense layer before it.
    Logits are those of the network in evaluation mode, up to rounding, and the same bits for any
    number of workers.

    Args:
        model: an initialised network; it stays as it is.
        workers: what to compute on. A predictor serves one thread at a time.

    Raises:
        NotReadyError: the network has no weights yet.

    Source of the folding: Jacob et al., 'Quantization and training of neural networks for
    efficient integer-arithmetic-only inference', 2018, section 3.2.
    """

    def __init__(self, model: Sequential, workers: Workers) -> None:
        for layer in model.walk():
            layer.check_initialised()
        self._workers = workers
        self._model = Sequential(_forward_only(fold_batch_norms(model))).replica().eval()
        self._multiply_adds: dict[Shape, int] = {}
        self._team: Team[list[Numbered[Array]]] | None = None
        self._shared = np.empty(0)

    def logits(self, x: Array) -> Array:
        """(N, C, H, W) → (N, classes)."""
        pieces = micro_batches(len(x))
        if len(pieces) > 1 and self._work(x.shape) >= WORTH_A_TEAM:
            team = self._team_for(x)
            if team is not None:
                self._shared[: x.size].reshape(x.shape)[...] = x
                return np.concatenate(in_order(*team.run(x.shape, len(pieces))))
        return np.concatenate([_forward(self._model, x[piece]) for piece in pieces])

    def _work(self, shape: Shape) -> int:
        """Multiply-adds of a whole input."""
        n, *rest = shape
        in_shape = tuple(rest)
        if in_shape not in self._multiply_adds:
            self._multiply_adds[in_shape] = self._model.multiply_adds(in_shape)
        return n * self._multiply_adds[in_shape]

    def _team_for(self, x: Array) -> Team[list[Numbered[Array]]] | None:
        """Workers that see an input of this size and type."""
        if x.size > self._shared.size or x.dtype != self._shared.dtype:
            if self._team is not None:
                self._team.close()
            self._shared = shared_zeros(x.size, x.dtype, "the images")
        if self._team is None or self._team.closed:
            self._team = self._workers.team(self._task)
        return self._team

    def _task(self, shape: Shape, crew: Crew) -> list[Numbered[Array]]:
        x = self._shared[: math.prod(shape)].reshape(shape)
        pieces = micro_batches(len(x))
        return crew.each(lambda i, rank: _forward(self._model, x[pieces[i]]), len(pieces))


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


class _ReLUInPlace(ReLU):
    """A ReLU whose input nobody else needs."""

    def forward(self, x: Array) -> Array:
        return np.maximum(x, self.zeros(x), out=x)


class _MaxPoolOnly(MaxPool2D):
    """A max-pooling that does not remember where the maxima were."""

    def forward(self, x: Array) -> Array:
        self.check_input(x)
        return pooling.max_values(x, self.window)


def _forward_only(layers: list[Layer]) -> list[Layer]:
    """The layers, those of them replaced that do less when nothing is kept."""
    found: list[Layer] = []
    for layer in layers:
        twin = layer
        if isinstance(layer, Conv2D):
            twin = layer.replica()
            twin.params = layer.params | {"weight": _in_product_order(layer.params["weight"])}
        elif isinstance(layer, ReLU) and found and isinstance(found[-1], FRESH):
            twin = _ReLUInPlace()
        elif isinstance(layer, MaxPool2D):
            twin = _MaxPoolOnly(layer.kernel_size, layer.stride, layer.padding)
        elif isinstance(layer, Residual):
            twin = Residual(_forward_only(list(layer.body)), _forward_only(list(layer.shortcut)))
        found.append(twin)
    return found


def _in_product_order(weight: Array) -> Array:
    """The same weights in the memory that ``kernels.conv`` multiplies, so that it need not copy."""
    return np.ascontiguousarray(weight.transpose(3, 0, 2, 1)).transpose(1, 3, 2, 0)  # joic, ocij


def _forward(model: Sequential, x: Array) -> Array:
    for layer in model:
        x = layer.forward(x)
        if isinstance(layer, Residual):
            layer.release()
        else:
            layer.saved = None
    return x
