"""Deterministic passes of a layer, and gradients with the promises of ``backward`` checked."""

import copy
from dataclasses import dataclass

import numpy as np

from engine.arrays import Array
from engine.layers import Layer


class DeterministicLayer:
    """A layer whose every forward pass is the same function of input and parameters.

    Masks are drawn from the same random numbers every time, and buffers (the running statistics
    of a batch norm) are put back before every pass.

    Args:
        layer: any layer or network.
        generator: the random numbers of every pass; it is copied, never used up.
    """

    def __init__(self, layer: Layer, generator: np.random.Generator) -> None:
        self.layer = layer
        self._generator = generator
        self._draws = any(type(each).use_rng is not Layer.use_rng for each in layer.walk())
        self._buffers = [
            (each.buffers, key, array, array.copy())
            for each in layer.walk()
            for key, array in each.buffers.items()
        ]

    def forward(self, x: Array) -> Array:
        """The layer's output."""
        self.restore()
        if self._draws:
            self.layer.set_rng(copy.deepcopy(self._generator))
        return self.layer.forward(x)

    def restore(self) -> None:
        """Put the buffers back as they were."""
        for buffers, key, array, values in self._buffers:
            array[...] = values
            buffers[key] = array


@dataclass
class Gradients:
    """Gradients by full parameter name and ``input``, and the promises that ``backward`` broke."""

    arrays: dict[str, Array]
    problems: list[str]


def gradients(deterministic: DeterministicLayer, x: Array, dout: Array) -> Gradients:
    """Run forward and backward, and check the promises of ``Layer``.

    Args:
        deterministic: the layer.
        x: its input, float64.
        dout: the upstream gradient, in the output's shape.
    """
    layer, problems = deterministic.layer, []
    expected = {name: array.shape for name, array in layer.named_parameters().items()}
    expected["input"] = x.shape
    for stale in layer.named_grads().values():
        stale[...] = np.nan
    given_x, given_dout = x.copy(), dout.copy()
    out = deterministic.forward(x)
    claimed = layer.output_shape(x.shape[1:])
    if out.shape[1:] != claimed:
        problems.append(f"output_shape says {claimed}, forward gives {out.shape[1:]} per sample")
        layer.out_shape = out.shape  # the gradient is checked all the same
    if out.dtype != np.float64:
        problems.append(f"forward made {out.dtype} of float64")
    first = _run_backward(layer, dout)
    second = _run_backward(layer, dout)
    if not np.array_equal(x, given_x, equal_nan=True):
        problems.append("the input was changed in place")
    if not np.array_equal(dout, given_dout, equal_nan=True):
        problems.append("backward changed its argument in place")
    x[...], dout[...] = given_x, given_dout
    arrays = {}
    for name, shape in expected.items():
        gradient = first.get(name)
        if gradient is None:
            problems.append(f"{name}: backward gives no gradient")
        elif gradient.shape != shape:
            problems.append(f"{name}: has shape {shape}, its gradient {gradient.shape}")
        else:
            arrays[name] = gradient
            if gradient.dtype != np.float64:
                problems.append(f"{name}: backward made {gradient.dtype} of float64")
            if not np.array_equal(gradient, second[name], equal_nan=True):
                problems.append(f"{name}: a second backward gives another gradient")
            if name != "input" and np.isnan(gradient).any():
                problems.append(f"{name}: backward must overwrite all of the gradient")
    return Gradients(arrays, problems)


def _run_backward(layer: Layer, dout: Array) -> dict[str, Array]:
    dx = layer.backward(dout)
    found = {name: array.copy() for name, array in layer.named_grads().items()}
    return found if dx is None else found | {"input": dx.copy()}
