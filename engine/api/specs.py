"""Descriptions of layers: what is known of a layer before the size of its input is."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from engine.errors import ConfigError
from engine.layers import Layer
from engine.models import spec_problems


class LayerSpec:
    """A layer by its arguments, without sizes that follow from its input and without weights.

    Attributes:
        layer: the class in ``engine.layers`` that it describes.
        follows: the arguments of that class which follow from the input.

    Raises:
        ConfigError: an argument is missing, unknown or out of its range.

    Examples:
        >>> from engine import Conv2D
        >>> Conv2D(8, 3, padding="same")
        Conv2D(8, 3, padding='same')
        >>> Conv2D(8, 3).spec()
        {'Conv2D': {'out_channels': 8, 'kernel_size': 3}}
        >>> Conv2D(8)
        Traceback (most recent call last):
        engine.errors.ConfigError: Conv2D(8): needs kernel_size
    """

    layer: ClassVar[type[Layer]]
    follows: ClassVar[str] = ""

    def __init__(self, *args: Any, **arguments: Any) -> None:
        self._given = args, arguments
        parameters = self.__signature__.parameters.values()
        names = [one.name for one in parameters if one.kind is not one.KEYWORD_ONLY]
        if len(args) > len(names):
            listed = f"only {' and '.join(names)}" if names else "nothing"
            known = f"; {self.follows} follows from the input" if self.follows else ""
            raise ConfigError(f"{self!r}: takes {listed} without a name{known}")
        self.arguments = dict(zip(names, args, strict=False)) | arguments
        if twice := [name for name in names[: len(args)] if name in arguments]:
            raise ConfigError(f"{self!r}: {twice[0]} is given twice")
        for problem in spec_problems([self.spec()], None):
            argument = "".join(f"{name}: " for name in problem.path[2:3])
            raise ConfigError(f"{self!r}: {argument}{problem.reason}")

    __signature__: ClassVar[inspect.Signature] = inspect.Signature()

    def spec(self) -> Any:
        """The layer as an item of a config's ``layers:``."""
        name = self.layer.__name__
        arguments = {key: _plain(value) for key, value in self.arguments.items()}
        return {name: arguments} if arguments else name

    def __repr__(self) -> str:
        args, arguments = self._given
        shown = [*map(repr, args), *(f"{name}={value!r}" for name, value in arguments.items())]
        return f"{type(self).__name__}({', '.join(shown)})"


def specs_of(layers: Sequence[Any]) -> list[Any]:
    """Layers as items of a config's ``layers:``.

    Args:
        layers: descriptions from here, layers of ``engine.layers``, or what YAML has.

    Raises:
        ConfigError: it is no list of layers, but perhaps a class instead of a layer.
    """
    if isinstance(layers, (str, dict)) or not hasattr(layers, "__iter__"):
        raise ConfigError(f"layers: expected a list of layers, such as [Flatten()], got {layers!r}")
    return [_spec_of(layer) for layer in layers]


def _spec_of(layer: Any) -> Any:
    if isinstance(layer, Layer) and any(inner.params for inner in layer.walk()):
        raise ConfigError(f"layers: {layer!r} has weights, which would be lost; give a fresh one")
    if isinstance(layer, (LayerSpec, Layer)):
        return layer.spec()
    if isinstance(layer, type) and issubclass(layer, (LayerSpec, Layer)):
        raise ConfigError(f"layers: got the class {layer.__name__}; write {layer.__name__}()")
    if isinstance(layer, (str, dict)):
        return layer
    raise ConfigError(f"layers: expected a layer, such as Dense(10), got {layer!r}")


def _plain(value: Any) -> Any:
    """A value as YAML has it: the layers in a list of layers, and pairs as lists."""
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, (LayerSpec, Layer)):
        return value.spec()
    return value.item() if hasattr(value, "item") else value


def describe(layer: type[Layer], module: str) -> type[LayerSpec]:
    """The class that describes a layer, with the signature and docstring for ``help``.

    Args:
        layer: of the registry.
        module: where the class is found by the layer's name.
    """
    inferred = layer.infer({}, (1, 1, 1))
    names = " and ".join(inferred)
    follows = f"\n\nHere {names} follows from the input and is left out." if inferred else ""
    return type(
        layer.__name__,
        (LayerSpec,),
        {
            "__doc__": f"{inspect.getdoc(layer)}{follows}",
            "__module__": module,
            "__signature__": inspect.Signature(list(_parameters(layer, inferred))),
            "layer": layer,
            "follows": names,
        },
    )


def _parameters(layer: type[Layer], inferred: Mapping[str, Any]) -> Iterator[inspect.Parameter]:
    """The arguments that are left.

    Where the first ones are missing, those that may be left out need a name: ``Conv2D(1, 8, 3)``,
    as elsewhere, would be one filter of 8x8 here, and is an error.
    """
    for name, parameter in inspect.signature(layer).parameters.items():
        if name in inferred:
            continue
        if name in layer.branches:
            parameter = parameter.replace(annotation=Sequence[Any])
        if inferred and parameter.default is not parameter.empty:
            parameter = parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        yield parameter
