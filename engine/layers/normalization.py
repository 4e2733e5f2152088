"""Batch normalisation."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from engine.arrays import Array, Shape
from engine.errors import ShapeError
from engine.kernels import aligned
from engine.kernels.layout import channel_blocks, from_channel_blocks
from engine.kernels.scratch import scratch
from engine.layers import arguments as check
from engine.layers.layer import Layer
from engine.layers.registry import register

SPAN_BYTES = 512 * 1024


class _BatchNorm(Layer):
    """Base of the batch normalisations: one row of memory per channel, normalised.

    Inside, the input is (H, C, P): blocks of P = W·N numbers of each channel. Where a batch is
    split into micro-batches, their sums are gathered (``group.all_gather``): the statistics are
    those of the whole batch.
    """

    input_rank = 0

    needs_sync = True

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, scale: bool = True
    ) -> None:
        super().__init__()
        self.scale = check.flag("scale", scale)
        self.num_features = check.whole("num_features", num_features)
        self.eps = check.number("eps", eps, 1e-12, 1.0)
        self.momentum = check.number("momentum", momentum, 0.0, 1.0)

    def forward(self, x: Array) -> Array:
        """Normalise each channel, then scale and shift it; the shape stays."""
        self.check_input(x)
        blocks = channel_blocks(x)  # hcp
        gamma, beta = self.weight, self.params["bias"]
        if self.training:
            mean, var = self._batch_statistics(blocks)
        else:
            mean, var = self.buffers["running_mean"], self.buffers["running_var"]
        inverse_std = 1 / np.sqrt(var + self.eps)
        scale = gamma * inverse_std
        scale_row = _as_row(scale, blocks, "scale")
        shift_row = _as_row(beta - mean * scale, blocks, "shift")
        out = aligned.empty(blocks.shape, blocks.dtype)
        for rows in _spans(blocks):
            np.multiply(blocks[rows], scale_row, out=out[rows])
            out[rows] += shift_row
        self.saved = x, mean, inverse_std, self.training
        return from_channel_blocks(out, x.shape)

    def _batch_statistics(self, blocks: Array) -> tuple[Array, Array]:
        """Mean and biased variance over the whole batch; updates the running ones.

        Each micro-batch gives its count, mean and sum of squared deviations; they combine
        without cancellation (Chan, Golub and LeVeque, 'Updating formulae and a pairwise
        algorithm for computing sample variances', 1979).
        """
        own_count = blocks.shape[0] * blocks.shape[2]
        own_mean = _channel_sums(blocks) / own_count
        mean_row = _as_row(own_mean, blocks, "mean")
        own_squares = np.zeros_like(own_mean)
        for rows in _spans(blocks):
            centred = np.subtract(blocks[rows], mean_row, out=_scratch(blocks[rows]))
            own_squares += _channel_dots(centred, centred)
        parts = self.group.all_gather((own_count, own_mean, own_squares))
        count, mean, squares = parts[0]
        for n, other_mean, other_squares in parts[1:]:
            delta = other_mean - mean
            squares = squares + other_squares + delta * delta * (count * n / (count + n))
            mean = mean + delta * (n / (count + n))
            count += n
        if count < 2:
            raise ShapeError(
                f"{self!r} got one value a channel, which has no variance; train it with more "
                "than one sample a batch"
            )
        if self.group.index == 0:
            for name, value in (("mean", mean), ("var", squares / (count - 1))):
                running = self.buffers[f"running_{name}"]
                running *= 1 - self.momentum
                running += self.momentum * value
        return mean, squares / count

    def backward(self, dout: Array) -> Array:
        """The gradient through the normalisation *and* through the statistics.

        Per channel, with P values, x̂ = (x − μ)/σ and y = γ·x̂ + β:

            dβ = Σ dy          dγ = Σ dy·x̂

        x reaches the loss through x̂ directly, through μ and through σ. With dx̂ = γ·dy,
        ∂μ/∂x = 1/P and ∂σ/∂x = x̂/P:

            dx = (dx̂ − mean(dx̂) − x̂ · mean(dx̂·x̂)) / σ
               = γ/σ · (dy − dβ/P − x̂ · dγ/P)

        In evaluation μ and σ are constants, and dx = γ/σ · dy.

        Source: Ioffe and Szegedy, 'Batch normalization', 2015, section 3.
        """
        x, mean, inverse_std, trained = self.expect_saved(dout)
        blocks, dblocks = channel_blocks(x), channel_blocks(dout)
        mean_row = _as_row(mean, blocks, "mean")
        dbeta, dgamma = _channel_sums(dblocks), np.zeros_like(mean)
        for rows in _spans(blocks):
            centred = np.subtract(blocks[rows], mean_row, out=_scratch(blocks[rows]))
            dgamma += _channel_dots(dblocks[rows], centred)
        dgamma *= inverse_std
        if self.scale:
            self.grads["weight"][...] = dgamma
        self.grads["bias"][...] = dbeta
        scale = self.weight * inverse_std
        if not trained:
            return from_channel_blocks(dblocks * scale[:, None], x.shape)
        parts = self.group.all_gather((dblocks.shape[0] * dblocks.shape[2], dbeta, dgamma))
        count = sum(n for n, _, _ in parts)
        mean_dbeta = sum((b for _, b, _ in parts), np.zeros_like(dbeta)) / count
        mean_dgamma = sum((g for _, _, g in parts), np.zeros_like(dgamma)) / count
        # As a sum of three terms, in dy, in x and in neither, it takes the fewest passes.
        slope = inverse_std * mean_dgamma
        scale_row = _as_row(scale, blocks, "scale")
        slope_row = _as_row(-scale * slope, blocks, "slope")
        shift_row = _as_row(scale * (mean * slope - mean_dbeta), blocks, "shift")
        dx = aligned.empty(blocks.shape, blocks.dtype)
        for rows in _spans(blocks):
            part = np.multiply(blocks[rows], slope_row, out=_scratch(blocks[rows]))
            part += shift_row
            np.multiply(dblocks[rows], scale_row, out=dx[rows])
            dx[rows] += part
        return from_channel_blocks(dx, x.shape)

    def output_shape(self, in_shape: Shape) -> Shape:
        if len(in_shape) != self.input_rank or in_shape[0] != self.num_features:
            axes = "(C, H, W)" if self.input_rank == 3 else "(C,)"
            raise self.shape_error(in_shape, f"{axes} with C = {self.num_features}")
        return in_shape

    def param_shapes(self) -> dict[str, Shape]:
        return dict.fromkeys(("weight", "bias")[not self.scale :], (self.num_features,))

    def buffer_shapes(self) -> dict[str, Shape]:
        # A scale that is not trained is a buffer: files of weights have it all the same.
        names = ("weight", "running_mean", "running_var")[self.scale :]
        return dict.fromkeys(names, (self.num_features,))

    def reset_parameters(self, rng: np.random.Generator, dtype: np.dtype) -> None:
        ones, zeros = np.ones(self.num_features, dtype), np.zeros(self.num_features, dtype)
        self.params = {"weight": ones, "bias": zeros}
        self.buffers = {"running_mean": zeros.copy(), "running_var": ones.copy()}
        if not self.scale:
            self.buffers = {"weight": self.params.pop("weight"), **self.buffers}

    def least_samples(self, in_shape: Shape) -> int:
        """Two, where a sample has one value a channel: one value has no variance."""
        return 2 if math.prod(in_shape[1:]) == 1 else 1

    def multiply_adds(self, in_shape: Shape) -> int:
        return math.prod(in_shape)

    def fold_into(self, before: Layer) -> Layer | None:
        """The layer before with other weights, where it is linear.

        With the scale s = γ / √(running_var + ε) of each output channel:

            w' = s·w,    b' = β + s·(b − running_mean)

        Source: Jacob et al., 'Quantization and training of neural networks for efficient
        integer-arithmetic-only inference', 2018, section 3.2.
        """
        if not before.folds_batchnorm:
            return None
        weight, mean = before.params["weight"], self.buffers["running_mean"]
        scale = self.weight / np.sqrt(self.buffers["running_var"] + self.eps)
        twin = before.replica()
        twin.bias = True  # type: ignore[attr-defined]
        twin.params = {
            "weight": weight * scale.reshape(-1, *(1,) * (weight.ndim - 1)),
            "bias": self.params["bias"] + scale * (before.params.get("bias", 0) - mean),
        }
        return twin

    @classmethod
    def infer(cls, arguments: dict[str, Any], in_shape: Shape) -> dict[str, Any]:
        return {"num_features": in_shape[0], **arguments}

    def extra_repr(self) -> str:
        return str(self.num_features)


@register
class BatchNorm2D(_BatchNorm):
    """Every channel of an image batch with mean 0 and variance 1, then a learnt scale and shift.

    Shapes: (N, C, H, W) → the same; weight γ and bias β (C,); buffers running_mean and
    running_var (C,).

    While training it uses the batch's mean and *biased* variance over N, H and W and moves the
    running ones: running ← (1 − momentum)·running + momentum·batch, the variance *unbiased*, as
    in PyTorch. When evaluating it uses the running ones.

    Args:
        num_features: C; in a config it is inferred.
        eps: added to the variance.
        momentum: weight of the new value in the running statistics.
        scale: whether γ is trained; without, it is 1 (Page, 'How to train your ResNet', 2019).

    Source: Ioffe and Szegedy, 'Batch normalization', 2015.
    """

    about = (
        "brings every feature map to mean 0 and variance 1 over the batch, then scales it; "
        "scales near 0 switch maps off"
    )

    input_rank = 3


@register
class BatchNorm1D(_BatchNorm):
    """``BatchNorm2D`` for features: (N, F) → the same, every feature normalised over N."""

    about = (
        "brings every feature to mean 0 and variance 1 over the batch, then scales and shifts it; "
        "scales near 0 switch features off"
    )

    input_rank = 1


def _spans(blocks: Array) -> Iterator[slice]:
    """Some image rows at a time, so that several passes over them find them in the cache."""
    step = max(1, SPAN_BYTES // (blocks[0].nbytes or 1))
    for start in range(0, len(blocks), step):
        yield slice(start, start + step)


def _scratch(like: Array) -> Array:
    return scratch("batchnorm", like.shape, like.dtype)


def _as_row(values: Array, blocks: Array, name: str) -> Array:
    """One value a channel, (C,), as an image row (C, P) in scratch memory.

    NumPy combines two arrays twice as fast as an array with one number per channel, and a row
    stays in the cache.
    """
    row = scratch(f"batchnorm.{name}", blocks.shape[1:], blocks.dtype)
    row[...] = values[:, None]
    return row


def _channel_sums(blocks: Array) -> Array:
    """(H, C, P) -> (C,): each row as a product with ones, then over the rows."""
    height, channels, length = blocks.shape
    ones = np.ones(length, blocks.dtype)
    return (blocks.reshape(-1, length) @ ones).reshape(height, channels).sum(axis=0)


def _channel_dots(a: Array, b: Array) -> Array:
    """(H, C, P) twice -> (C,): sums of products."""
    return np.vecdot(a, b).sum(axis=0)
