"""The registry of layers, by which configs, checkpoints, the app and the help find them."""

from typing import TypeVar

from engine.layers.layer import Layer

L = TypeVar("L", bound=Layer)

LAYERS: dict[str, type[Layer]] = {}
"""Every registered layer by the name of its class, which is its name in a config."""


def register(layer: type[L]) -> type[L]:
    """Class decorator: make a layer known by the name of its class.

    Raises:
        ValueError: another class has that name, or the layer does not say what it does (``about``).
    """
    name = layer.__name__
    if LAYERS.get(name, layer).__module__ != layer.__module__:
        raise ValueError(f"two layers are called {name}: in {LAYERS[name].__module__} and here")
    if not layer.about:
        raise ValueError(f"{name} needs an attribute `about`: what it does, in half a sentence")
    LAYERS[name] = layer
    return layer
