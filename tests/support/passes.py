"""A forward and a backward pass of a layer, and comparisons of what they gave."""

import numpy as np

from engine.arrays import Array
from engine.layers import Layer


def run(layer: Layer, x: Array, dout: Array) -> dict[str, Array]:
    """Output, gradients and buffers of one pass, as copies."""
    layer.set_rng(np.random.default_rng(5))
    out = layer.forward(x).copy()
    dx = layer.backward(dout)
    found = {"output": out} | ({} if dx is None else {"input": dx})
    found |= {f"d {name}": array for name, array in layer.named_grads().items()}
    found |= {f"buffer {name}": array for name, array in layer.named_buffers().items()}
    return {name: array.copy() for name, array in found.items()}


def same(found: dict[str, Array], expected: dict[str, Array], rtol: float = 1e-11) -> None:
    """Equal but for the order of sums: to ``rtol`` of the array's largest number, or of 1."""
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].shape == array.shape, name
        scale = max(float(np.abs(array).max(initial=0)), 1.0)
        np.testing.assert_allclose(found[name], array, rtol=rtol, atol=rtol * scale, err_msg=name)
