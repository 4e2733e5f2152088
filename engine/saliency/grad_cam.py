"""Grad-CAM: where the last feature maps that count for a class are strong."""

import numpy as np

from engine.arrays import Array
from engine.errors import ShapeError
from engine.layers import Conv2D, Sequential
from engine.saliency.heat_map import HeatMap, method


@method("grad_cam", title="Grad-CAM", about="where the maps that count for the class are strong")
def grad_cam(model: Sequential, x: Array, target: int) -> HeatMap:
    """The feature maps of the last convolution, weighted by the mean gradient of each.

    ``s = max(Σ_k a_k · A_k, 0)`` with ``a_k`` the mean of ``∂z/∂A_k`` over the map, enlarged to
    the size of the image. The maps are those after the convolution's batch norm and activation.

    Source: Selvaraju et al., 'Grad-CAM: visual explanations from deep networks via gradient-based
    localization', 2017, section 3.

    Raises:
        ShapeError: the network has no convolution.
    """
    last = _last_maps(model, x.shape[1:])
    maps = x
    for layer in model.layers[: last + 1]:
        maps = layer.forward(maps)
    logits = maps
    for layer in model.layers[last + 1 :]:
        logits = layer.forward(logits)
    gradient = np.zeros_like(logits)
    gradient[0, target] = 1
    for layer in reversed(model.layers[last + 1 :]):
        dx = layer.backward(gradient)
        assert dx is not None
        gradient = dx
    weights = gradient[0].mean(axis=(1, 2), dtype=np.float64)  # khw -> k
    values = np.maximum(np.tensordot(weights, maps[0], 1), 0)
    return HeatMap(_enlarged(values, x.shape[2:]), target, float(logits[0, target]))


def _last_maps(model: Sequential, in_shape: tuple[int, ...]) -> int:
    """The last layer whose output are the maps of the last convolution, in their size."""
    found, shapes, shape = -1, [], in_shape
    for i, layer in enumerate(model.layers):
        shape = layer.output_shape(shape)
        shapes.append(shape)
        if any(isinstance(inside, Conv2D) for inside in layer.walk()):
            found = i
    if found < 0:
        raise ShapeError("Grad-CAM needs a convolution, and this network has none")
    while shapes[found + 1] == shapes[found]:  # the last is (classes,), which maps never are
        found += 1
    return found


def _enlarged(values: Array, size: tuple[int, ...]) -> Array:
    """(h, w) -> (H, W), bilinear, by the centres of the pixels."""
    for axis, length in enumerate(size):
        old = values.shape[axis]
        place = np.maximum((np.arange(length) + 0.5) * old / length - 0.5, 0)
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, old - 1)
        share = (place - low).reshape(-1, *(1,) * (1 - axis))
        values = values.take(low, axis) * (1 - share) + values.take(high, axis) * share
    return values
