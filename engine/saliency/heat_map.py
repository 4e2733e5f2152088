"""A heat map over an image, and the methods that make one."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.arrays import Array
from engine.errors import ShapeError
from engine.layers import Sequential

Function = Callable[[Sequential, Array, int], "HeatMap"]
"""(network in evaluation mode, image (1, C, H, W), class): which pixels speak for the class."""


@dataclass(frozen=True)
class Method:
    """A way to make a heat map.

    Attributes:
        title: as the field calls it.
        about: what a value is, in a few words.
        run: makes the heat map.
    """

    title: str
    about: str
    run: Function


@dataclass(frozen=True)
class HeatMap:
    """What each pixel of an image says about a class.

    Attributes:
        values: (H, W), float64; above 0 where a pixel speaks for the class, below where against.
        target: index of the class.
        score: the network's logit of the class.
        baseline: the logit of an image without evidence, the mean of all images; NaN where the
            method has none.
    """

    values: Array
    target: int
    score: float
    baseline: float = float("nan")


METHODS: dict[str, Method] = {}
"""Every method by its name, in the order in which they are shown; the first is the default."""


def method(name: str, *, title: str, about: str) -> Callable[[Function], Function]:
    """Make a method known by a name, to the command and to the app.

    Args:
        name: its name in the command.
        title, about: as in ``Method``.

    Raises:
        ValueError: the name is taken.
    """

    def add(function: Function) -> Function:
        if name in METHODS:
            raise ValueError(f"two methods are called {name}")
        METHODS[name] = Method(title, about, function)
        return function

    return add


def explain(model: Sequential, x: Array, target: int, name: str) -> HeatMap:
    """Which pixels of an image speak for a class.

    Args:
        model: an initialised classifier; left as it was.
        x: the image as the network takes it, (1, C, H, W): 0 is the mean of all images.
        target: index of the class.
        name: a key of ``METHODS``.

    Raises:
        KeyError: there is no such method.
        ShapeError: it is not one image, the network has no such class, or the method cannot be
            used with the network.
    """
    if x.ndim != 4 or len(x) != 1:
        raise ShapeError(f"expected one image (1, C, H, W), got an array of shape {x.shape}")
    (classes,) = model.output_shape(x.shape[1:])
    if not 0 <= target < classes:
        raise ShapeError(f"there is no class {target}; the network has {classes}")
    twin = model.replica().eval()
    for layer in twin.walk():
        layer.needs_dx = True
    return METHODS[name].run(twin, x, target)


def score_of(model: Sequential, x: Array, target: int) -> float:
    """The logit of a class for one image."""
    return float(model.forward(x)[0, target])


def pixel_gradients(model: Sequential, x: Array, target: int) -> Array:
    """The gradient of a class's logit at the pixels of some images, each by itself.

    In evaluation mode no image sees another, so the gradient of the sum of all their logits is
    that of each one's own.

    Args:
        model: in evaluation mode.
        x: (N, C, H, W).
        target: index of the class.

    Returns:
        (N, C, H, W).
    """
    logits = model.forward(x)
    dout = np.zeros_like(logits)
    dout[:, target] = 1
    dx = model.backward(dout)
    assert dx is not None
    return dx
