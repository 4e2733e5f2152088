"""From a config's ``layers:`` list to a network, with every shape checked and nothing allocated."""

import inspect
from collections.abc import Sequence
from typing import Any

from engine.errors import ShapeError, SpecError
from engine.layers import LAYERS, ArgumentError, Layer, Residual, Sequential, Shape
from engine.suggest import suggestion

LayerSpec = str | dict[str, Any]
"""``"ReLU"``, or ``{"Conv2D": {"out_channels": 32, "kernel_size": 3}}``."""

Path = tuple[str | int, ...]

MAX_LAYERS = 1000
MAX_PARAMETERS = 500_000_000


def build(specs: Sequence[LayerSpec], in_shape: Shape) -> Sequential:
    """A network whose layers fit each other; call ``initialise`` on it to get weights.

    ``in_channels``, ``in_features`` and ``num_features`` follow from the shapes and can be left
    out.

    Args:
        specs: the layers in order.
        in_shape: shape of one input, (C, H, W) or (F,).

    Raises:
        SpecError: an unknown layer or argument, a value that cannot be, or a layer that cannot
            take what the one before it gives. Its path says where.
    """
    layers, _ = _build_chain(specs, in_shape, ())
    model = Sequential(layers)
    if model.count_parameters() > MAX_PARAMETERS:
        raise SpecError(
            (),
            f"{model.count_parameters():,} parameters; "
            f"more than {MAX_PARAMETERS:,} are refused, as they would not fit into memory",
        )
    return model


def _build_chain(
    specs: object, in_shape: Shape, path: Path, *, may_be_empty: bool = False
) -> tuple[list[Layer], Shape]:
    if not isinstance(specs, Sequence) or isinstance(specs, str):
        raise SpecError(path, f"expected a list of layers, got {specs!r}")
    if not specs and not may_be_empty:
        raise SpecError(path, "expected at least one layer, got an empty list")
    if len(specs) > MAX_LAYERS:
        raise SpecError(path, f"expected at most {MAX_LAYERS} layers, got {len(specs)}")
    layers, shape = [], in_shape
    for i, spec in enumerate(specs):
        layer, shape = _build_layer(spec, shape, (*path, i))
        layers.append(layer)
    return layers, shape


def _build_layer(spec: object, in_shape: Shape, path: Path) -> tuple[Layer, Shape]:
    name, arguments = _parse(spec, path)
    here = (*path, name)
    if name == Residual.__name__:
        layer = _build_residual(arguments, in_shape, here)
    else:
        layer = _construct(LAYERS[name], arguments, in_shape, here)
    try:
        out_shape = layer.output_shape(in_shape)
    except ShapeError as error:
        raise SpecError(here, str(error)) from None
    return layer, out_shape


def _parse(spec: object, path: Path) -> tuple[str, dict[str, Any]]:
    arguments: dict[str, Any] = {}
    if isinstance(spec, str):
        name = spec
    elif isinstance(spec, dict) and len(spec) == 1:
        (name, given) = next(iter(spec.items()))
        arguments = {} if given is None else given
        if not isinstance(arguments, dict):
            raise SpecError((*path, name), f"expected arguments by name, got {given!r}")
    else:
        raise SpecError(
            path, f"expected a layer's name, or one name with its arguments, got {spec!r}"
        )
    if name not in LAYERS:
        raise SpecError((*path, name), f"unknown layer.{suggestion(name, LAYERS)}")
    return name, arguments


def _construct(cls: type[Layer], arguments: dict[str, Any], in_shape: Shape, path: Path) -> Layer:
    _check_names(inspect.signature(cls), arguments, path)
    try:
        arguments = cls.infer(arguments, in_shape)
        _check_required(inspect.signature(cls), arguments, path)
        return cls(**arguments)
    except ArgumentError as error:
        where = (*path, error.name) if error.name in arguments else path
        raise SpecError(where, error.reason) from None


def _build_residual(arguments: dict[str, Any], in_shape: Shape, path: Path) -> Layer:
    signature = inspect.signature(Residual)
    _check_names(signature, arguments, path)
    _check_required(signature, arguments, path)
    body, _ = _build_chain(arguments["body"], in_shape, (*path, "body"))
    shortcut, _ = _build_chain(
        arguments.get("shortcut") or [], in_shape, (*path, "shortcut"), may_be_empty=True
    )
    return Residual(body, shortcut)


def _check_names(signature: inspect.Signature, arguments: dict[str, Any], path: Path) -> None:
    for name in arguments:
        if name not in signature.parameters:
            known = list(signature.parameters)
            hint = suggestion(name, known) or (
                f" It takes {', '.join(known)}." if known else " It takes none."
            )
            raise SpecError((*path, name), f"unknown argument.{hint}")


def _check_required(signature: inspect.Signature, arguments: dict[str, Any], path: Path) -> None:
    for name, parameter in signature.parameters.items():
        if parameter.default is parameter.empty and name not in arguments:
            raise SpecError(path, f"needs {name}")
