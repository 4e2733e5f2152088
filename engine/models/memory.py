"""Memory of a network, computed before any of it is allocated, and the limits."""

import math

from engine.arrays import Shape
from engine.layers import Layer
from engine.parallel.micro_batches import MICRO_BATCH, micro_batches

FLOAT = 4
"""Bytes of a number while training."""

MAX_SAMPLE_BYTES = 1 << 30
"""Limit of the outputs of one sample's forward pass."""

MAX_TRAINING_BYTES = 64 << 30
"""Limit of weights, their state and one batch."""

MAX_SAVED_BYTES = 4_000_000_000
"""Limit of a checkpoint's arrays: the format has room for 4 GB, less the manifest."""


def layer_bytes(layer: Layer, in_shape: Shape) -> int:
    """Bytes of one sample's output and scratch memory, of a layer without layers inside."""
    return FLOAT * (math.prod(layer.output_shape(in_shape)) + layer.scratch_size(in_shape))


def sample_bytes(model: Layer, in_shape: Shape) -> int:
    """Bytes of all outputs of one sample, kept for the backward pass, and the largest copy."""
    leaves = list(model.named_shapes(in_shape))
    kept = sum(math.prod(out) for _, _, _, out in leaves)
    copied = max((layer.scratch_size(shape) for _, layer, shape, _ in leaves), default=0)
    return FLOAT * (kept + copied)


def training_bytes(
    model: Layer,
    in_shape: Shape,
    batch_size: int,
    workers: int | None,
    micro_batch: int = MICRO_BATCH,
) -> int:
    """A rough estimate of the bytes of training: weights, their state, and a batch.

    Args:
        model: any network.
        in_shape: of one sample.
        batch_size: samples of a step.
        workers: how many micro-batches compute at once; None for two.
        micro_batch: samples of each.
    """
    pieces = len(micro_batches(batch_size, micro_batch))
    # Weights, two slots of an optimizer, scratch; and a gradient for every micro-batch.
    weights = FLOAT * model.count_parameters() * (4 + pieces)
    together = workers or 2
    joined = any(layer.needs_sync for layer in model.walk())
    trained = batch_size if joined else min(together, pieces) * -(-batch_size // pieces)
    # Every activation has a gradient; none has where the network is evaluated.
    samples = max(2 * trained, together * micro_batch)
    return weights + samples * sample_bytes(model, in_shape)


def saved_bytes(model: Layer, copies: int) -> int:
    """Bytes of the arrays of a checkpoint.

    Args:
        model: any network.
        copies: arrays of the size of the parameters that are saved beside them.
    """
    state = sum(math.prod(shape) for shape in model.state_shapes().values())
    return FLOAT * (state + copies * model.count_parameters())


def gigabytes(size: int) -> str:
    """``104.3 GB``."""
    return f"{size / (1 << 30):,.1f} GB"
