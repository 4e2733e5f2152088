"""A table from a layer's class to what a format makes of it."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from engine.errors import ConfigError
from engine.layers import Layer

F = TypeVar("F", bound=Callable[..., Any])


class Table(Generic[F]):
    """What a format makes of every layer.

    Args:
        format_name: as in ``--format``.
    """

    def __init__(self, format_name: str) -> None:
        self.format_name = format_name
        self.functions: dict[type[Layer], F] = {}

    def of(self, *kinds: type[Layer]) -> Callable[[F], F]:
        """Decorator: the function is for layers of these classes."""

        def decorate(function: F) -> F:
            self.functions.update(dict.fromkeys(kinds, function))
            return function

        return decorate

    def __getitem__(self, layer: Layer) -> F:
        """The function for a layer.

        Raises:
            ConfigError: the format has none for such a layer.
        """
        if type(layer) not in self.functions:
            raise ConfigError(
                f"{type(layer).__name__} cannot be written as {self.format_name}; "
                "choose --format npz or safetensors, which hold weights only"
            )
        return self.functions[type(layer)]
