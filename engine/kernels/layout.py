"""How activations lie in memory: the batch innermost.

The *shape* contract of every layer is NCHW. The *memory* of the arrays that the layers hand to
each other is (C, H, W, N): the same numbers, with the images of a micro-batch side by side. It
is the layout of cuda-convnet (Krizhevsky, 2012), and it suits NumPy for the same reasons:

* a row of a gathered column is OW·N numbers in one run, whatever the channels or image size, so
  gathering costs little beside the matrix product that follows;
* the product of the weights (O, K) with columns (K, P) *is* the next layer's input, with no
  transposition, and so are the flattened features (C·H·W, N) of a dense layer;
* statistics per channel run along contiguous rows.

Any memory order is accepted as input; the first layer that needs the order makes it.
"""

import numpy as np

Array = np.ndarray


def batch_innermost(x: Array) -> Array:
    """The (C, H, W, N) memory of an (N, C, H, W) array: a view if it lies so, else a copy."""
    return np.ascontiguousarray(x.transpose(1, 2, 3, 0))  # nchw -> chwn


def as_nchw(memory: Array) -> Array:
    """The (N, C, H, W) view of (C, H, W, N) memory."""
    return memory.transpose(3, 0, 1, 2)  # chwn -> nchw
