"""Building a network from a list of layer specs: shapes are checked, nothing is allocated."""

import inspect
import math
from collections.abc import Sequence
from typing import Any

from engine.arrays import Shape
from engine.errors import ShapeError, SpecError
from engine.layers import LAYERS, ArgumentError, Layer, Sequential
from engine.models.memory import MAX_SAMPLE_BYTES, gigabytes, layer_bytes, sample_bytes
from engine.suggest import suggestion

LayerSpec = str | dict[str, Any]
"""``"ReLU"``, or ``{"Conv2D": {"out_channels": 32, "kernel_size": 3}}``."""

Path = tuple[str | int, ...]

MAX_LAYERS = 1000
"""Layers in all, with those inside others."""
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
    problems: list[SpecError] = []
    layers, _ = _build_chain(specs, in_shape, (), problems)
    if problems:
        raise problems[0]
    model = Sequential(layers)
    if (count := sum(1 for _ in model.walk())) > MAX_LAYERS:
        raise SpecError((), f"expected at most {MAX_LAYERS} layers in all, got {count}")
    if model.count_parameters() > MAX_PARAMETERS:
        raise SpecError(
            (),
            f"{model.count_parameters():,} parameters; "
            f"more than {MAX_PARAMETERS:,} are refused, as they would not fit into memory",
        )
    _expect_room((), "all layers together take", sample_bytes(model, in_shape))
    return model


def freeze(model: Sequential, names: Sequence[int | str]) -> Sequential:
    """Freeze some layers of a network, and all inside them.

    Args:
        model: with or without weights.
        names: numbers, or names as ``3.body.0``; one that no layer has is passed over.

    Returns:
        The same network.
    """
    wanted = {str(name) for name in names}
    for name, layer in model.named_layers():
        if name in wanted:
            layer.freeze()
    return model


def spec_problems(specs: object, in_shape: Shape | None) -> list[SpecError]:
    """All problems of a list of layers, in its order.

    Behind a layer that is wrong, shapes are not known; names and arguments are still checked.

    Args:
        specs: the layers in order.
        in_shape: shape of one input, as for ``build``; None if it is not known.
    """
    problems: list[SpecError] = []
    _build_chain(specs, in_shape, (), problems)
    return problems


def _build_chain(
    specs: object,
    in_shape: Shape | None,
    path: Path,
    problems: list[SpecError],
    *,
    may_be_empty: bool = False,
) -> tuple[list[Layer], Shape | None]:
    layers: list[Layer] = []
    if reason := _no_chain(specs, may_be_empty):
        problems.append(SpecError(path, reason))
        return layers, None
    assert isinstance(specs, Sequence)
    shape = in_shape
    for i, spec in enumerate(specs):
        try:
            layer, shape = _build_layer(spec, shape, (*path, i), problems)
        except SpecError as error:
            problems.append(error)
            layer = shape = None
        layers += [layer] if layer is not None else []
    return layers, shape


def _no_chain(specs: object, may_be_empty: bool) -> str | None:
    if not isinstance(specs, Sequence) or isinstance(specs, str):
        return f"expected a list of layers, got {specs!r}"
    if not specs and not may_be_empty:
        return "expected at least one layer, got an empty list"
    if len(specs) > MAX_LAYERS:
        return f"expected at most {MAX_LAYERS} layers, got {len(specs)}"
    return None


def _build_layer(
    spec: object, in_shape: Shape | None, path: Path, problems: list[SpecError]
) -> tuple[Layer | None, Shape | None]:
    name, arguments = _parse(spec, path)
    here = (*path, name)
    build_one = _build_branches if LAYERS[name].branches else _construct
    layer = build_one(LAYERS[name], arguments, in_shape, here, problems)
    if layer is None or in_shape is None:
        return layer, None
    try:
        out_shape = layer.output_shape(in_shape)
    except ShapeError as error:
        raise SpecError(here, str(error)) from None
    if not layer.children():
        _expect_room(here, "it takes", layer_bytes(layer, in_shape))
    return layer, out_shape


def _expect_room(path: Path, what: str, size: int) -> None:
    if size > MAX_SAMPLE_BYTES:
        raise SpecError(
            path,
            f"{what} {gigabytes(size)} of memory for one sample; "
            f"more than {gigabytes(MAX_SAMPLE_BYTES)} are refused",
        )


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


def _construct(
    cls: type[Layer],
    arguments: dict[str, Any],
    in_shape: Shape | None,
    path: Path,
    problems: list[SpecError],
) -> Layer | None:
    """The layer; None if there are problems, each of which is noted."""
    signature = inspect.signature(cls)
    unknown = _unknown_names(signature, arguments, path)
    problems += unknown
    left = {name: value for name, value in arguments.items() if name in signature.parameters}
    good = not unknown
    while True:
        given = cls.infer(left, in_shape or (_divisible(left),))
        missing = _missing(signature, given)
        if missing:
            if good:
                raise SpecError(path, f"needs {missing}")
            return None
        try:
            layer = cls(**given)
        except ArgumentError as error:
            if in_shape is None and error.name not in arguments:
                return None  # it is about the shape that is not known
            where = (*path, error.name) if error.name in arguments else path
            problems.append(SpecError(where, error.reason))
            if error.name not in left:
                return None
            del left[error.name]
            good = False
        else:
            return layer if good else None


def _divisible(arguments: dict[str, Any]) -> int:
    """A number of channels, where it is not known, that any number of groups divides."""
    whole = [v for v in arguments.values() if isinstance(v, int) and v > 0]
    return math.prod(whole)


def _build_branches(
    cls: type[Layer],
    arguments: dict[str, Any],
    in_shape: Shape | None,
    path: Path,
    problems: list[SpecError],
) -> Layer | None:
    """A layer that holds lists of layers; None if there are problems, each of which is noted."""
    before = len(problems)
    signature = inspect.signature(cls)
    problems += _unknown_names(signature, arguments, path)
    if (missing := _missing(signature, arguments)) and len(problems) == before:
        raise SpecError(path, f"needs {missing}")
    branches: dict[str, Any] = {}
    for name in cls.branches:
        optional = signature.parameters[name].default is not inspect.Parameter.empty
        if name in arguments or optional:
            branches[name], _ = _build_chain(
                (arguments.get(name) or []) if optional else arguments[name],
                in_shape,
                (*path, name),
                problems,
                may_be_empty=optional,
            )
    if len(problems) > before or in_shape is None:
        return None
    return cls(**branches)


def _unknown_names(
    signature: inspect.Signature, arguments: dict[str, Any], path: Path
) -> list[SpecError]:
    problems = []
    for name in arguments:
        if name not in signature.parameters:
            known = list(signature.parameters)
            hint = suggestion(name, known) or (
                f" It takes {', '.join(known)}." if known else " It takes none."
            )
            problems.append(SpecError((*path, name), f"unknown argument.{hint}"))
    return problems


def _missing(signature: inspect.Signature, arguments: dict[str, Any]) -> str | None:
    """The first argument that is needed and not given."""
    for name, parameter in signature.parameters.items():
        if parameter.default is parameter.empty and name not in arguments:
            return name
    return None
