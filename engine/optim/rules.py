"""The update rules: plain, with momentum, and scaled by the gradients' usual size.

Every rule is PyTorch's, term for term, and is written in the docstring of the method that
applies it. There, ``p`` is a parameter, ``g`` its gradient with the weight decay added, and
``t`` the number of the step, counted from 1.
"""

import math

import numpy as np

from engine.arrays import Array
from engine.optim.optimizer import Optimizer, register


@register("sgd")
class SGD(Optimizer):
    """Stochastic gradient descent, plain or with a velocity, as in PyTorch with no dampening.

    PyTorch's velocity is a sum of gradients, multiplied by the learning rate only when it is
    applied: changing the learning rate acts at once on all of it (Sutskever et al. 2013 put
    the learning rate into the velocity).

    Args:
        lr: learning rate, above 0.
        momentum: momentum coefficient ``mu`` of the velocity, in ``[0, 1)``; 0 keeps none.
        nesterov: look ahead along the velocity.
        weight_decay: L2 penalty, added to the gradient.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        lr: float,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        self.momentum = self._fraction("momentum", momentum)
        self.nesterov = nesterov
        if momentum > 0:
            self.slot_names = ("momentum_buffer",)
        super().__init__(lr, weight_decay)

    def _update(self, p: Array, g: Array, scratch: Array, *slots: Array) -> None:
        """``v = mu * v + g``; then ``p = p - lr * v``, or with Nesterov ``lr * (g + mu * v)``.

        Without momentum ``v`` is ``g``.
        """
        v = g
        if slots:
            (v,) = slots
            v *= self.momentum
            v += g
        if self.nesterov:
            np.multiply(v, self.momentum, out=scratch)
            scratch += g
            scratch *= self.lr
        else:
            np.multiply(v, self.lr, out=scratch)
        p -= scratch


@register("momentum")
class Momentum(SGD):
    """Gradient descent with a velocity: ``SGD`` whose momentum coefficient is 0.9 by default."""

    def __init__(
        self,
        lr: float,
        momentum: float = 0.9,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(lr, momentum, nesterov, weight_decay)


@register("rmsprop")
class RMSprop(Optimizer):
    """Steps divided by the root of a running mean of squared gradients (Hinton 2012, lecture 6e).

    Args:
        lr: learning rate, above 0.
        alpha: smoothing of the running mean, in ``[0, 1)``.
        eps: added to the root, above 0.
        weight_decay: L2 penalty, added to the gradient.

    Raises:
        ValueError: an argument is out of its range.
    """

    slot_names = ("square_avg",)

    def __init__(
        self, lr: float, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0.0
    ) -> None:
        super().__init__(lr, weight_decay)
        self.alpha = self._fraction("alpha", alpha)
        self.eps = self._positive("eps", eps)

    def _update(self, p: Array, g: Array, scratch: Array, *slots: Array) -> None:
        """``s = alpha * s + (1 - alpha) * g^2``; ``p = p - lr * g / (sqrt(s) + eps)``."""
        (s,) = slots
        np.multiply(g, g, out=scratch)
        scratch *= 1.0 - self.alpha
        s *= self.alpha
        s += scratch
        np.sqrt(s, out=scratch)
        scratch += self.eps
        np.divide(g, scratch, out=scratch)
        scratch *= self.lr
        p -= scratch


@register("adam")
class Adam(Optimizer):
    """Adaptive moments (Kingma and Ba 2015, algorithm 1).

    Args:
        lr: learning rate, above 0.
        betas: smoothing of the first and of the second moment, each in ``[0, 1)``.
        eps: added to the root of the second moment, above 0.
        weight_decay: L2 penalty, added to the gradient (see ``AdamW`` for the other way).

    Raises:
        ValueError: an argument is out of its range.
    """

    slot_names = ("exp_avg", "exp_avg_sq")

    def __init__(
        self,
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(lr, weight_decay)
        beta1, beta2 = betas
        self.betas = self._fraction("betas[0]", beta1), self._fraction("betas[1]", beta2)
        self.eps = self._positive("eps", eps)

    def _prepare(self) -> None:
        # m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps), with both corrections taken out of the
        # arrays: section 2 of the paper, the remark below algorithm 1. It saves a pass.
        beta1, beta2 = self.betas
        correction = math.sqrt(1.0 - beta2**self.t)
        self._step_size = self.lr * correction / (1.0 - beta1**self.t)
        self._scaled_eps = self.eps * correction

    def _update(self, p: Array, g: Array, scratch: Array, *slots: Array) -> None:
        """Move by the mean gradient, measured in units of its usual size.

        ``m = b1 * m + (1 - b1) * g`` and ``v = b2 * v + (1 - b2) * g^2`` start at zero, so they
        are too small by ``1 - b1^t`` and ``1 - b2^t``. Corrected for that,
        ``p = p - lr * m' / (sqrt(v') + eps)``.
        """
        m, v = slots
        beta1, beta2 = self.betas
        np.subtract(g, m, out=scratch)
        scratch *= 1.0 - beta1
        m += scratch
        np.multiply(g, g, out=scratch)
        scratch *= 1.0 - beta2
        v *= beta2
        v += scratch
        np.sqrt(v, out=scratch)
        scratch += self._scaled_eps
        np.divide(m, scratch, out=scratch)
        scratch *= self._step_size
        p -= scratch


@register("adamw")
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2).

    Args:
        lr: learning rate, above 0.
        betas: smoothing of the first and of the second moment, each in ``[0, 1)``.
        eps: added to the root of the second moment, above 0.
        weight_decay: share of a weight that a step removes, times ``lr``; PyTorch's default.

    Raises:
        ValueError: an argument is out of its range.
    """

    decoupled_decay = True

    def __init__(
        self,
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(lr, betas, eps, weight_decay)

    def _update(self, p: Array, g: Array, scratch: Array, *slots: Array) -> None:
        """``p = (1 - lr * wd) * p``, then Adam's rule: the moments never see the decay."""
        p *= 1.0 - self.lr * self.weight_decay
        super()._update(p, g, scratch, *slots)
