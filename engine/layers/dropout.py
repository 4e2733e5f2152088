"""Dropout."""

import numpy as np

from engine.arrays import Array
from engine.errors import NotReadyError
from engine.layers import arguments as check
from engine.layers.layer import Layer
from engine.layers.registry import register


@register
class Dropout(Layer):
    """Sets each value to 0 with probability p while training, and scales the rest by 1/(1 − p).

    Shapes: any → the same. When evaluating it does nothing: the scaling during training keeps
    the expected value ('inverted dropout').

    The mask is drawn from the generator given by ``set_rng``; there is no global random state.

    Args:
        p: probability to drop, 0 <= p < 1.

    Source: Srivastava et al., 'Dropout: a simple way to prevent neural networks from
    overfitting', 2014.
    """

    about = (
        "sets random features to 0 while training, so that the network relies on none alone; "
        "it does nothing to a test image"
    )

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = check.number("p", p, 0.0, 1.0, open_high=True)
        self.rng: np.random.Generator | None = None

    def forward(self, x: Array) -> Array:
        """y = x·m/(1 − p) with m[...] = 1 with probability 1 − p, else 0."""
        self.check_input(x)
        if not self.training or self.p == 0:
            self.saved = (None,)
            return x
        if self.rng is None:
            raise NotReadyError(f"{self!r} draws a mask while training: call set_rng(rng) first")
        # Drawn in (..., N) order, so that the mask lies in memory as x does.
        shape = (*x.shape[1:], x.shape[0])
        keep = self.rng.random(shape, dtype=np.float32) >= self.p
        mask = np.moveaxis(keep, -1, 0) * np.asarray(1 / (1 - self.p), x.dtype)
        self.saved = (mask,)
        return x * mask

    def backward(self, dout: Array) -> Array:
        """dx = dy·m/(1 − p): what was dropped has no influence, so it gets no gradient."""
        (mask,) = self.expect_saved(dout)
        return dout if mask is None else dout * mask

    def output_range(self, low: float, high: float) -> tuple[float, float]:
        scale = 1 / (1 - self.p)
        return min(low, low * scale, 0.0), max(high, high * scale, 0.0)

    def use_rng(self, rng: np.random.Generator) -> None:
        self.rng = rng
