"""Muon: steps of a convolution's weights with all directions at the same size."""

import math

from engine.arrays import Array
from engine.optim.clipping import norm_of, square_sums
from engine.optim.optimizer import register
from engine.optim.rules import SGD

COEFFICIENTS = 3.4445, -4.7750, 2.0315
"""Of x, x³ and x⁵ in a Newton-Schulz step: steep at 0, so that few steps are enough."""

EPS = 1e-7
"""Of a norm that is divided by: much less than any that counts."""


def orthogonalised(matrix: Array, steps: int) -> Array:
    """A matrix with the same directions, each of about the same size: a new array.

    For the singular value decomposition ``M = U S Vᵀ`` it is ``U f(S) Vᵀ``, where ``f`` takes each
    singular value, divided by the norm of M, to roughly 1. No decomposition is computed: each
    Newton-Schulz step

        X ← a·X + b·(X·Xᵀ)·X + c·(X·Xᵀ)²·X

    makes ``a·s + b·s³ + c·s⁵`` of a singular value s. With these coefficients it does not settle
    at 1: values from 0.02 to 1 are between 0.68 and 1.21 after three steps, values from 0.002 to 1
    after five. Smaller ones are still smaller.

    Args:
        matrix: (rows, columns), floats.
        steps: of the iteration.

    Source: Jordan et al., 'Muon: an optimizer for hidden layers in neural networks', 2024.
    """
    a, b, c = COEFFICIENTS
    x = matrix / (norm_of(square_sums(matrix.reshape(-1))) + EPS)  # no singular value above 1
    wide = x.shape[0] <= x.shape[1]
    x = x if wide else x.T  # X·Xᵀ is as small as it can be
    for _ in range(steps):
        squares = x @ x.T
        x = a * x + (b * squares + c * (squares @ squares)) @ x
    return x if wide else x.T


@register("muon")
class Muon(SGD):
    """Momentum whose step is orthogonalised, for the weights of convolutions; SGD for the rest.

    The velocity of a convolution's weights, (O, C, KH, KW), is a matrix (O, C·KH·KW). Usually a
    few of its directions are far larger than all others, and SGD's step follows these alone. Here
    a step has all directions at the same size.

    The size of such a step does not depend on that of the gradient. So that it does not depend on
    that of the weights either, they are brought to a fixed norm, √O, before each step. A batch
    norm behind the convolution undoes any factor on its weights; without one, the network is
    another after the first step. Weight decay would be undone, and is left out for them.

    Args:
        lr: learning rate, above 0.
        momentum: momentum coefficient of the velocity, in ``[0, 1)``, of all parameters.
        nesterov: look ahead along the velocity.
        weight_decay: L2 penalty of all other parameters, added to the gradient.
        newton_schulz: steps of ``orthogonalised``, at least 1.

    Raises:
        ValueError: an argument is out of its range.

    Source: Jordan et al. 2024, in the form of airbench (fixed norm, three steps, momentum 0.6).
    """

    takes_matrices = True

    def __init__(
        self,
        lr: float,
        momentum: float = 0.6,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        newton_schulz: int = 3,
    ) -> None:
        super().__init__(lr, momentum, nesterov, weight_decay)
        if newton_schulz < 1:
            raise ValueError(f"newton_schulz must be at least 1, got {newton_schulz}")
        self.newton_schulz = newton_schulz

    def _update_matrix(self, p: Array, g: Array, *slots: Array) -> None:
        """``v = mu * v + g``; ``p = p * sqrt(O) / |p|``; then ``p = p - lr * orthogonalised(v)``.

        With Nesterov ``g + mu * v`` is orthogonalised, without momentum ``g``.
        """
        ahead = g
        if slots:
            (v,) = slots
            v *= self.momentum
            v += g
            ahead = g + self.momentum * v if self.nesterov else v
        p *= self.rescaling(p)
        p -= self.lr * orthogonalised(ahead, self.newton_schulz)

    @staticmethod
    def rescaling(p: Array) -> float:
        """The factor that gives weights, (O, ...), the norm √O; weights that are 0 stay 0."""
        return math.sqrt(len(p)) / max(norm_of(square_sums(p.reshape(-1))), EPS)
