"""A pass through a network, with what every layer was given and what it made of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.arrays import Array
from engine.layers import Layer, Sequential
from engine.losses import Loss


@dataclass
class LayerTrace:
    """One layer in a pass over a batch.

    Attributes:
        layer: the layer, as it was in this pass.
        x, out: its input and output, with the batch.
        dout, dx: the loss's gradient at its output and input; None without a backward pass.
    """

    layer: Layer
    x: Array
    out: Array
    dout: Array | None = None
    dx: Array | None = None


@dataclass
class Trace:
    """A pass over a batch.

    Attributes:
        model: the network that it went through, a replica.
        layers: what every layer saw, by full name, in the order of the pass; a ``Residual`` and
            its branches come after the layers inside them.
    """

    model: Sequential
    layers: dict[str, LayerTrace] = field(default_factory=dict)


def forward_trace(model: Sequential, x: Array) -> Trace:
    """The forward pass of some images, in evaluation mode.

    Args:
        model: an initialised network; left as it was.
        x: images as the network takes them, (N, C, H, W).
    """
    trace = _recorder(model.replica().eval())
    trace.model.forward(x)
    return trace


def backward_trace(
    model: Sequential,
    loss: Loss,
    x: Array,
    labels: Array,
    *,
    mix: tuple[Array, Array] | None = None,
    training: bool = False,
    seed: int = 0,
) -> Trace:
    """Forward and backward pass of a batch.

    Args:
        model: an initialised network; left as it was.
        loss: of the batch.
        x: images as the network takes them, (N, C, H, W).
        labels: class indices (N,).
        mix: what was mixed into the images, as in ``Loss.target``.
        training: whether batch norm takes the statistics of the batch, and dropout drops.
        seed: of the random numbers of dropout.
    """
    twin = model.replica().own_buffers().train(training)
    for layer in twin.walk():  # a training skips gradients that it does not need
        layer.needs_dx = True
    twin.set_rng(np.random.default_rng(seed))
    trace = _recorder(twin)
    out = twin.forward(x)
    loss.forward(out, loss.target(labels, out.shape[1], out.dtype, mix))
    twin.backward(loss.backward())
    return trace


def _recorder(twin: Sequential) -> Trace:
    trace = Trace(twin)
    for name, layer in twin.named_layers():
        if name:
            # Attributes of the twin alone go before the methods of its class.
            vars(layer)["forward"] = _forward(trace, name, layer, layer.forward)
            vars(layer)["backward"] = _backward(trace, name, layer.backward)
    return trace


def _forward(
    trace: Trace, name: str, layer: Layer, forward: Callable[[Array], Array]
) -> Callable[[Array], Array]:
    def run(x: Array) -> Array:
        out = forward(x)
        trace.layers[name] = LayerTrace(layer, x, out)
        return out

    return run


def _backward(trace: Trace, name: str, backward: Callable[[Array], Any]) -> Callable[[Array], Any]:
    def run(dout: Array) -> Any:
        dx = backward(dout)
        trace.layers[name].dout, trace.layers[name].dx = dout, dx
        return dx

    return run
