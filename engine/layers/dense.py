"""The fully connected layer."""

from typing import Any

import numpy as np

from engine.arrays import Array, Shape
from engine.initializers import INITS, fans, init_bias
from engine.layers import arguments as check
from engine.layers.layer import Layer
from engine.layers.registry import register


@register
class Dense(Layer):
    """Every output is a weighted sum of all inputs: y = x·wᵀ + b.

    Shapes: input (N, F_in), weight (F_out, F_in), bias (F_out,), output (N, F_out).

    Args:
        in_features: F_in; in a config it is inferred.
        out_features: F_out.
        bias: whether there is a bias.
        init: how the weights are drawn, a name of ``engine.initializers.INITS``.

    Source: Goodfellow, Bengio and Courville, 'Deep Learning', 2016, chapter 6.5.
    """

    about = (
        "makes every output a weighted sum of all features; "
        "weights that still have their initial values have learnt nothing"
    )
    folds_batchnorm = True

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, init: str = "he"
    ) -> None:
        super().__init__()
        self.in_features = check.whole("in_features", in_features)
        self.out_features = check.whole("out_features", out_features)
        self.bias = check.flag("bias", bias)
        self.init = check.choice("init", init, tuple(INITS))

    def forward(self, x: Array) -> Array:
        """(N, F_in) → (N, F_out)."""
        self.check_input(x)
        self.saved = x
        # Products and sums run on (features, N) memory, as all activations lie.
        out = np.matmul(self.params["weight"], x.T)  # of, fn -> on
        if self.bias:
            out += self.params["bias"][:, None]
        return out.T

    def backward(self, dout: Array) -> Array | None:
        """(N, F_out) → (N, F_in).

        From dL = Σ_{n,o} dy[n, o] · dy-differential and y[n, o] = Σ_f x[n, f]·w[o, f] + b[o]:

            dw = dyᵀ·x        (F_out, F_in)
            db = Σ_n dy[n]    (F_out,)
            dx = dy·w         (N, F_in)
        """
        x = self.expect_saved(dout)
        np.matmul(dout.T, x, out=self.grads["weight"])  # on, nf -> of
        if self.bias:
            dout.sum(axis=0, out=self.grads["bias"])
        if not self.needs_dx:
            return None
        return np.matmul(self.params["weight"].T, dout.T).T  # of, on -> fn -> nf

    def output_shape(self, in_shape: Shape) -> Shape:
        if len(in_shape) != 1:
            raise self.shape_error(in_shape, "flat features; put a Flatten before it")
        if in_shape[0] != self.in_features:
            raise self.shape_error(in_shape, f"{self.in_features} features")
        return (self.out_features,)

    def param_shapes(self) -> dict[str, Shape]:
        weight = {"weight": (self.out_features, self.in_features)}
        return weight | ({"bias": (self.out_features,)} if self.bias else {})

    def reset_parameters(self, rng: np.random.Generator, dtype: np.dtype) -> None:
        shape = self.param_shapes()["weight"]
        self.params = {"weight": INITS[self.init](shape, rng, dtype)}
        if self.bias:
            fan_in, _ = fans(shape)
            self.params["bias"] = init_bias(self.init, (self.out_features,), fan_in, rng, dtype)

    def multiply_adds(self, in_shape: Shape) -> int:
        return self.in_features * self.out_features

    @classmethod
    def infer(cls, arguments: dict[str, Any], in_shape: Shape) -> dict[str, Any]:
        return {"in_features": in_shape[0], **arguments}

    def extra_repr(self) -> str:
        return f"{self.in_features}→{self.out_features}" + ("" if self.bias else ", bias=False")
