"""The optimizer's arithmetic for one weight: from its gradient to its new value."""

import math
from collections.abc import Callable, Mapping

import numpy as np

from engine.arrays import Array
from engine.microscope.arithmetic import Step
from engine.microscope.registry import Index, inner, short
from engine.optim import Optimizer
from engine.optim.muon import Muon, orthogonalised
from engine.optim.rules import SGD, Adam, AdamW, RMSprop

Rule = Callable[..., list[Step]]


def explain_update(
    optimizer: Optimizer, slots: Mapping[str, float], weight: float, gradient: float
) -> tuple[Step, ...]:
    """Each step of an update; the value of the last one is the new weight.

    Of a rule that nobody has explained, the last step says so and has the weight as it was.

    Args:
        optimizer: the rule, before the step: its ``t`` counts the steps taken.
        slots: what the rule remembers of this weight, by slot name; what is missing is 0.
        weight: before the step.
        gradient: the loss's, before weight decay and after clipping.
    """
    steps: list[Step] = []
    g = gradient
    if optimizer.weight_decay and not optimizer.decoupled_decay:
        g += optimizer.weight_decay * weight
        words = f"{short(gradient)} + {optimizer.weight_decay:g} · {inner(weight)}"
        steps.append(Step("the gradient with weight decay", words, g))
    else:
        steps.append(Step("the gradient", "", g))
    for kind in type(optimizer).__mro__:
        if kind in _RULES:
            steps += _RULES[kind](optimizer, slots, weight, g)
            return tuple(steps)
    return (*steps, Step(f"no arithmetic is written for {type(optimizer).__name__}", "", weight))


def explain_matrix_update(
    optimizer: Muon, slots: Mapping[str, Array], weights: Array, gradient: Array, index: Index
) -> tuple[Step, ...]:
    """Each step of the update of one weight of a convolution, which depends on all of them.

    Args:
        optimizer: the rule, before the step.
        slots: what the rule remembers of these weights, by slot name; what is missing is 0.
        weights: all of them before the step, (O, C, KH, KW).
        gradient: the loss's, after clipping, (O, C, KH, KW).
        index: of the weight.
    """
    own = {slot: float(array[index]) for slot, array in slots.items()}
    steps = [Step("the gradient", "", float(gradient[index]))]
    steps += _velocity(optimizer, own, steps[0].value)
    ahead = gradient
    if optimizer.momentum:
        v = optimizer.momentum * slots.get("momentum_buffer", np.zeros_like(gradient)) + gradient
        ahead = gradient + optimizer.momentum * v if optimizer.nesterov else v
    matrix = ahead.astype(np.float64).reshape(len(weights), -1)
    place = np.ravel_multi_index(index[1:], weights.shape[1:])
    move = float(orthogonalised(matrix, optimizer.newton_schulz)[index[0], place])
    before, factor = float(weights[index]), optimizer.rescaling(weights)
    scaled = before * factor
    rows, columns = matrix.shape
    words = f"the weight, with all weights scaled to norm √{rows}"
    steps += [
        Step(f"its number in the orthogonal matrix of all, {rows}×{columns}", "", move),
        Step(words, f"{short(before)} · {inner(factor)}", scaled),
    ]
    return tuple(_take(steps, scaled, optimizer.lr * move, f"{optimizer.lr:g} · {inner(move)}"))


def _take(steps: list[Step], weight: float, change: float, words: str) -> list[Step]:
    steps.append(Step("the step", words, change))
    new = weight - change
    return [*steps, Step("the new weight", f"{short(weight)} − {inner(change)}", new)]


def _sgd(optimizer: SGD, slots: Mapping[str, float], weight: float, g: float) -> list[Step]:
    """v = μ·v + g; p = p − lr·v, or with Nesterov lr·(g + μ·v)."""
    steps = _velocity(optimizer, slots, g)
    v = steps[-1].value if steps else g
    return _take(steps, weight, optimizer.lr * v, f"{optimizer.lr:g} · {inner(v)}")


def _velocity(optimizer: SGD, slots: Mapping[str, float], g: float) -> list[Step]:
    """The steps from the gradient to what is multiplied with the learning rate; maybe none."""
    steps: list[Step] = []
    v = g
    if optimizer.momentum:
        old = slots.get("momentum_buffer", 0.0)
        v = optimizer.momentum * old + g
        words = f"{optimizer.momentum:g} · {inner(old)} + {inner(g)}"
        steps.append(Step("the velocity", words, v))
    if optimizer.nesterov:
        ahead = g + optimizer.momentum * v
        words = f"{short(g)} + {optimizer.momentum:g} · {inner(v)}"
        steps.append(Step("looking ahead", words, ahead))
    return steps


def _rmsprop(optimizer: RMSprop, slots: Mapping[str, float], weight: float, g: float) -> list[Step]:
    """s = α·s + (1 − α)·g²; p = p − lr·g/(√s + ε)."""
    alpha, old = optimizer.alpha, slots.get("square_avg", 0.0)
    s = alpha * old + (1 - alpha) * g * g
    steps = [
        Step("the mean of squares", f"{alpha:g} · {inner(old)} + {1 - alpha:.3g} · {inner(g)}²", s)
    ]
    change = optimizer.lr * g / (math.sqrt(s) + optimizer.eps)
    words = f"{optimizer.lr:g} · {inner(g)} / (√{short(s)} + {optimizer.eps:g})"
    return _take(steps, weight, change, words)


def _adam(optimizer: Adam, slots: Mapping[str, float], weight: float, g: float) -> list[Step]:
    """m = β₁·m + (1 − β₁)·g; v = β₂·v + (1 − β₂)·g²; both divided by 1 − βᵗ."""
    t = optimizer.t + 1
    (b1, b2), steps = optimizer.betas, []
    p = weight
    if optimizer.weight_decay and optimizer.decoupled_decay:
        p = weight * (1 - optimizer.lr * optimizer.weight_decay)
        words = f"{short(weight)} · (1 − {optimizer.lr:g} · {optimizer.weight_decay:g})"
        steps.append(Step("the weight, decayed", words, p))
    m_old, v_old = slots.get("exp_avg", 0.0), slots.get("exp_avg_sq", 0.0)
    m, v = b1 * m_old + (1 - b1) * g, b2 * v_old + (1 - b2) * g * g
    m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)
    steps += [
        Step("first moment, the mean of gradients",
             f"{b1:g} · {inner(m_old)} + {1 - b1:.3g} · {inner(g)}", m),
        Step("second moment, the mean of squares",
             f"{b2:g} · {inner(v_old)} + {1 - b2:.3g} · {inner(g)}²", v),
        Step("first moment, corrected for its start", f"{short(m)} / (1 − {b1:g}^{t})", m_hat),
        Step("second moment, corrected", f"{short(v)} / (1 − {b2:g}^{t})", v_hat),
    ]  # fmt: skip
    change = optimizer.lr * m_hat / (math.sqrt(v_hat) + optimizer.eps)
    words = f"{optimizer.lr:g} · {inner(m_hat)} / (√{short(v_hat)} + {optimizer.eps:g})"
    return _take(steps, p, change, words)


_RULES: dict[type, Rule] = {SGD: _sgd, RMSprop: _rmsprop, Adam: _adam, AdamW: _adam}
