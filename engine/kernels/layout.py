"""The memory layout of activations: image rows outermost, the batch innermost.

The *shape* contract of every layer is NCHW. The *memory* of the arrays that the layers hand to
each other is (H, C, W, N): for each row of the image all channels, for each channel the row's
pixels, for each pixel the images of the micro-batch side by side. It suits NumPy and BLAS:

* KH neighbouring image rows are KH·C consecutive rows of a matrix with W·N columns. A
  convolution multiplies slices of that matrix as it lies, and copies nothing together first.
* The product of the weights (O, K) with such a slice (K, W_out·N) *is* a row of the output, in
  the same order: nothing is transposed between layers.
* Copies, sums and activations run along W·N numbers at a time, whatever the channels.

(The batch innermost is the layout of cuda-convnet, Krizhevsky 2012; shifting whole rows instead
of gathering patches is the idea of im2win, Lu, Chen and Sun 2022.)

Any memory order is accepted as input; the first layer that needs this one makes it.
"""

import numpy as np

from engine.arrays import Array


def to_memory(x: Array) -> Array:
    """The (H, C, W, N) memory of an (N, C, H, W) array: a view if it lies so, else a copy."""
    return np.ascontiguousarray(x.transpose(2, 1, 3, 0))  # nchw -> hcwn


def as_nchw(memory: Array) -> Array:
    """The (N, C, H, W) view of (H, C, W, N) memory."""
    return memory.transpose(3, 1, 0, 2)  # hcwn -> nchw


def pixels(memory: Array) -> Array:
    """(H, C, W, N) memory as (H, C, W) items of N numbers, to be copied: a view.

    NumPy copies scattered items of 128 bytes 1.6 times as fast as runs of 32 numbers.
    """
    return memory.view(f"V{memory.shape[-1] * memory.itemsize}")[..., 0]


def channel_blocks(x: Array) -> Array:
    """(N, C, H, W) as (H, C, W·N), or features (N, F) as (1, F, N): a view where it can be."""
    if x.ndim == 2:
        return np.ascontiguousarray(x.T)[None]
    return to_memory(x).reshape(x.shape[2], x.shape[1], -1)


def from_channel_blocks(blocks: Array, shape: tuple[int, ...]) -> Array:
    """The inverse of ``channel_blocks``, a view."""
    if len(shape) == 2:
        return blocks[0].T
    n, c, h, w = shape
    return as_nchw(blocks.reshape(h, c, w, n))
