"""Fields of the schema for forms, help, messages and JSON Schema."""

import functools
import types
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from engine.callbacks import CALLBACKS
from engine.config.errors import KeyPath, value_at
from engine.config.schema import Config
from engine.options import Expected, Named, OneOf
from engine.schedulers import SCHEDULERS

Kind = Literal["whole", "number", "boolean", "choice", "text", "path", "list", "section"]

_KINDS: dict[Any, Kind] = {
    bool: "boolean", int: "whole", float: "number", str: "text", Path: "path"
}  # fmt: skip

_WORDS: dict[Kind, str] = {
    "whole": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "text": "a word",
    "path": "a path",
    "list": "a list",
    "section": "a mapping",
}


@dataclass(frozen=True)
class Field:
    """A key of the config, as a form or a help text shows it.

    Attributes:
        path: dotted; a list's items are ``*``, as in ``callbacks.*.early_stopping.patience``.
        kind: which widget fits.
        choices: of a ``choice``.
        default: as in the YAML; None also where there is none, and of a section.
        required: whether it must be given (once the section it is in is there).
        nullable: whether null can be given.
        range: of a number, e.g. ``> 0``, ``in [0, 1)`` or ``from 1 to 65536``; else empty.
        expected: what a value should be, in words, e.g. ``a number > 0``.
        description: what it does.
        live: whether it can be changed while a training runs.
        when: the scheduler that it belongs to, e.g. ``step``; else empty.
    """

    path: str
    kind: Kind
    choices: tuple[str, ...]
    default: Any
    required: bool
    nullable: bool
    range: str
    expected: str
    description: str
    live: bool
    when: str = ""


@functools.cache
def fields() -> tuple[Field, ...]:
    """List all keys, in the order of the schema."""
    return tuple(_rows(Config))


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a config, for editors that complete and check YAML."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Config.model_json_schema(),
        "title": "cnn-tui config",
    }


def row(info: FieldInfo, path: str, when: str = "") -> Field:
    """Describe one field of a model."""
    base, nullable = _without_null(info.annotation)
    metadata = [*info.metadata, *_metadata(info.annotation)]
    choices = _choices(base, metadata)
    kind = _kind(base, choices)
    limits = _range(metadata, kind)
    stated = [item.text for item in metadata if isinstance(item, Expected)]
    words = f"one of {', '.join(choices)}" if choices else f"{_WORDS.get(kind, '')} {limits}"
    no_default = info.is_required() or kind == "section"
    extra = info.json_schema_extra
    return Field(
        path=path,
        kind=kind,
        choices=choices,
        default=None if no_default else to_jsonable_python(info.default),
        required=info.is_required(),
        nullable=nullable,
        range=limits,
        expected=stated[0] if stated else words.strip(),
        description=info.description or "",
        live=isinstance(extra, dict) and bool(extra.get("live")),
        when=when,
    )


def field_at(path: KeyPath, data: Any) -> Field | None:
    """Find the field at a path, or the list field that the path leads into.

    Args:
        path: keys and list indices.
        data: the whole config's values, to know which scheduler's keys are meant.
    """
    found: Field | None = None
    section: type[BaseModel] | None = Config
    for depth, part in enumerate(path):
        if isinstance(part, str):
            if section is None or part not in section.model_fields:
                return found
            found = row(section.model_fields[part], ".".join(map(str, path[: depth + 1])))
        section = section_at(path[: depth + 1], data)
    return found


def section_at(path: KeyPath, data: Any) -> type[BaseModel] | None:
    """Find the model of the mapping at a path; None if there is none or it is ambiguous."""
    section: type[BaseModel] | None = Config
    models: list[type[BaseModel]] = []
    for depth, part in enumerate(path):
        if isinstance(part, str):
            if section is None or part not in section.model_fields:
                return None
            models = models_of(section.model_fields[part].annotation)
        section = _choose(models, value_at(data, path[: depth + 1]))
    return section


def models_of(annotation: Any) -> list[type[BaseModel]]:
    """Yield the models in an annotation, through unions, tuples and ``Annotated``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        arguments = arguments[:1]
    return [model for argument in arguments for model in models_of(argument)]


def _choose(models: list[type[BaseModel]], value: object) -> type[BaseModel] | None:
    if len(models) == 1:
        return models[0]
    for model in models:
        name = model.model_fields.get("name")
        if name is None:  # a callback's item: the name is the one key, or a bare word
            keys = [value] if isinstance(value, str) else value
            if isinstance(keys, (list, dict)) and list(keys) == list(model.model_fields):
                return model
        elif isinstance(value, dict) and value.get("name") in _literals(name.annotation):
            return model
    return None


def scheduler_names() -> tuple[str, ...]:
    """The names of the schedulers, without PyTorch's class names, which are accepted too."""
    return tuple(SCHEDULERS)


def callback_names() -> tuple[str, ...]:
    """The names of the callbacks."""
    return tuple(CALLBACKS)


def _scheduler_name(model: type[BaseModel]) -> str:
    return _literals(model.model_fields["name"].annotation)[0]


def _rows(model: type[BaseModel], prefix: str = "", when: str = "") -> Iterator[Field]:
    for name, info in model.model_fields.items():
        path = f"{prefix}{name}"
        models = models_of(info.annotation)
        if when and name == "name":
            continue  # one row for all schedulers, made below
        shown = row(info, path, when)
        yield shown
        if len(models) == 1:
            below = f"{path}.*." if shown.kind == "list" else f"{path}."
            yield from _rows(models[0], below, when)
        elif models and "name" in models[0].model_fields:
            names = scheduler_names()
            shared = row(models[0].model_fields["name"], f"{path}.name")
            yield replace(shared, choices=names, expected=f"one of {', '.join(names)}")
            for variant in models:
                yield from _rows(variant, f"{path}.", _scheduler_name(variant))
        else:
            for variant in models:
                yield from _rows(variant, f"{path}.*.", when)


def _without_null(annotation: Any) -> tuple[Any, bool]:
    arguments = get_args(annotation)
    if get_origin(annotation) in (Union, types.UnionType) and type(None) in arguments:
        rest = [argument for argument in arguments if argument is not type(None)]
        return Union[tuple(rest)], True  # noqa: UP007 - the members are known at run time only
    return annotation, False


def _metadata(annotation: Any) -> list[Any]:
    """Metadata of ``Annotated`` inside ``X | None``; pydantic lifts only the outermost."""
    base, _ = _without_null(annotation)
    found: list[Any] = []
    if get_origin(base) is Annotated:
        for item in get_args(base)[1:]:
            found.extend(item.metadata if isinstance(item, FieldInfo) else [item])
    return found


def _bare(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _literals(annotation: Any) -> tuple[str, ...]:
    bare = _bare(annotation)
    return get_args(bare) if get_origin(bare) is Literal else ()


def _choices(annotation: Any, metadata: list[Any]) -> tuple[str, ...]:
    for item in metadata:
        if isinstance(item, OneOf | Named):
            return item.names
    return () if models_of(annotation) else _literals(annotation)


def _kind(annotation: Any, choices: tuple[str, ...]) -> Kind:
    if choices:
        return "choice"
    bare = _bare(annotation)
    if get_origin(bare) in (list, tuple):
        return "list"
    if models_of(bare):
        return "section"
    if get_origin(bare) in (Union, types.UnionType):  # a fraction or a count
        return "number"
    return _KINDS[bare]


def _range(metadata: list[Any], kind: Kind) -> str:
    bounds: dict[str, float] = {}
    for item in metadata:
        for name, bound in _BOUNDS.items():
            if isinstance(item, bound):
                bounds[name] = getattr(item, name)
    if kind not in ("whole", "number") or not bounds:
        return ""
    if kind == "whole" and {"ge", "le"} <= bounds.keys():
        return f"from {bounds['ge']} to {bounds['le']}"
    low = "gt" if "gt" in bounds else "ge"
    high = "lt" if "lt" in bounds else "le"
    if high not in bounds:
        return f"{'>' if low == 'gt' else '>='} {bounds[low]:g}"
    opening, closing = "(" if low == "gt" else "[", ")" if high == "lt" else "]"
    return f"in {opening}{bounds[low]:g}, {bounds[high]:g}{closing}"


_BOUNDS: dict[str, type] = {
    "gt": annotated_types.Gt,
    "ge": annotated_types.Ge,
    "lt": annotated_types.Lt,
    "le": annotated_types.Le,
}
