"""Layers for Python, whose sizes are found out later: ``Conv2D(8, 3)`` has 8 filters of 3x3.

A layer of ``engine.layers`` is made for an input of one size, and has its place in checkpoints,
in configs and in the tests of gradients: ``Conv2D(in_channels, out_channels, kernel_size)``. In a
notebook the first argument is a nuisance, as it is in YAML, where it is left out. So the names here
are *descriptions* of those layers, just as an item of a config's ``layers:`` is one: nothing is
computed by them, and ``Sequential`` makes the real layers as soon as it sees an image.

There is no list of layers here. Each name is made from ``engine.layers.LAYERS`` when it is first
asked for, with the arguments of the real layer but those that follow from the input, and its
docstring. A new layer is there by its registration. (``layers.pyi`` repeats the names and arguments
for editors, which do not run code; ``python -m docs.stubs`` writes it.)
"""

from typing import Any

from engine.api.specs import describe
from engine.layers import LAYERS
from engine.suggest import suggestion


def __getattr__(name: str) -> Any:
    """A layer of the registry, which stays the same class from now on."""
    if name not in LAYERS:
        hint = suggestion(name, LAYERS) if name[:1].isupper() else ""
        raise AttributeError(f"module 'engine' has no attribute {name!r}.{hint}")
    described = globals()[name] = describe(LAYERS[name], __name__)
    return described


def __dir__() -> list[str]:
    return [*globals(), *LAYERS]
