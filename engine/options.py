"""The types of configurable options, each with the words that describe it."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainValidator,
)
from pydantic.json_schema import WithJsonSchema
from pydantic_core import PydanticCustomError, core_schema

from engine import path_templates, paths
from engine.errors import ConfigError

_LAYER_NAME = r"[0-9]{1,4}(\.[a-z_0-9]{1,40}){0,20}"
OWN_MESSAGE = "config"  # the error type whose message is shown as it stands


class Section(BaseModel):
    """A mapping with known keys, which does not change once it is read."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
    )


@dataclass(frozen=True)
class Expected:
    """In ``Annotated``: what a value should be, where type and bounds do not say it."""

    text: str


class OneOf:
    """In ``Annotated``: one of the names in a registry."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """The schema of a ``Literal``, which cannot be written for names known at run time."""
        return core_schema.literal_schema(list(self.names))


class Named:
    """In ``Annotated``: the name of something that is looked up when the rest is known.

    Args:
        names: gives those that are known now, best first.
        pattern: of any name.
    """

    def __init__(self, names: Callable[[], Sequence[str]], pattern: str) -> None:
        self._names = names
        self._pattern = f"^{pattern}$"

    @property
    def names(self) -> tuple[str, ...]:
        """The names that are known now."""
        return tuple(self._names())

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """A string of the pattern."""
        return core_schema.str_schema(pattern=self._pattern, strict=True)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The known names, for editors to complete, or any other."""
        return {"anyOf": [{"enum": list(self.names)}, handler(schema)]}


def _path(value: Any, parse: Callable[[str], Path] = paths.parse) -> Path:
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError("not a path")
    try:
        return parse(value)
    except ConfigError as error:
        raise _own_message(str(error)) from None


class FileName:
    """In ``Annotated``: the path of a file to write.

    Args:
        placeholders: what may stand in braces in it.
    """

    def __init__(self, *placeholders: str) -> None:
        self._placeholders = placeholders

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """A path that names a file, and whose placeholders can be filled in."""
        return core_schema.no_info_before_validator_function(self._check, handler(source))

    def _check(self, value: Any) -> Path:
        path = _path(value, paths.parse_file)
        if isinstance(value, str) and value.startswith("~"):
            user, _, name = value.partition("/")
            path = path_templates.below(paths.parse(user), Path(name))
        problem = path_templates.problem(str(path), self._placeholders)
        if problem is not None:
            raise _own_message(problem)
        return path


def _own_message(message: str) -> PydanticCustomError:
    # The template itself has to be a literal.
    return PydanticCustomError(OWN_MESSAGE, "{message}", {"message": message})


def _validation(value: Any) -> float | int:
    is_count = type(value) is int and 1 <= value <= 1_000_000
    if is_count or (type(value) is float and 0.0 < value < 1.0):
        return value
    raise ValueError("neither a fraction nor a count")


def _milestones(value: tuple[int, ...]) -> tuple[int, ...]:
    if all(before < after for before, after in zip((0, *value), value, strict=False)):
        return value
    raise ValueError("not in rising order")


def _layer_name(value: Any) -> int | str:
    if type(value) is int and 0 <= value < 10_000:
        return value
    if isinstance(value, str) and re.fullmatch(_LAYER_NAME, value):
        return int(value) if value.isdigit() else value
    raise ValueError("not the name of a layer")


def _layer(value: Any) -> Any:
    match value:
        case dict() if len(value) == 1:
            ((name, arguments),) = value.items()
            if not arguments:
                return name
            if isinstance(arguments, dict):
                return value
            message = f"expected {name} with a mapping of its arguments below it"
        case str():
            return value
        case dict() if value:
            first = next(iter(value))
            message = (
                f"expected one layer in a list item, got {len(value)} keys; the arguments of "
                f"{first} belong below it, indented by two more spaces"
            )
        case _:
            message = "expected a layer's name, or a mapping such as Conv2D: {out_channels: 8}"
    raise _own_message(message)


FilePath = Annotated[
    Path,
    BeforeValidator(_path),
    WithJsonSchema({"type": "string", "minLength": 1}),
    Expected("a path"),
]

OutputFile = Annotated[
    Path, FileName(), WithJsonSchema({"type": "string", "minLength": 1}), Expected("a path")
]

OutputFiles = Annotated[
    Path,
    FileName(*path_templates.NAMES),
    WithJsonSchema({"type": "string", "minLength": 1}),
    Expected("a path"),
]

RunName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$"),
    Expected("1 to 64 of the characters A-Z a-z 0-9 . _ - that do not begin with a dot"),
]

Validation = Annotated[
    float | int,
    PlainValidator(_validation),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": 1_000_000},
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            ]
        }
    ),
    Expected("a fraction between 0 and 1, or a number of samples from 1 to 1000000"),
]

Beta = Annotated[float, Field(ge=0, lt=1)]

Betas = Annotated[
    tuple[Beta, Beta],
    Field(strict=False),
    Expected("two numbers in [0, 1), e.g. [0.9, 0.999]"),
]

Milestones = Annotated[
    tuple[Annotated[int, Field(ge=1, le=100_000)], ...],
    Field(strict=False, min_length=1, max_length=1000),
    AfterValidator(_milestones),
    Expected("a rising list of epochs, e.g. [5, 8]"),
]

LayerSpec = Annotated[
    str | dict[str, Any],
    PlainValidator(_layer),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {
                    "type": "object",
                    "minProperties": 1,
                    "maxProperties": 1,
                    "additionalProperties": {"type": ["object", "null"]},
                },
            ]
        }
    ),
]

LayerSpecs = Annotated[
    list[LayerSpec],
    Field(min_length=1, max_length=500),
    Expected("a list of layers, e.g. [Flatten, Dense: {out_features: 10}]"),
]

LayerName = Annotated[
    int | str,
    PlainValidator(_layer_name),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": 9999},
                {"type": "string", "pattern": f"^{_LAYER_NAME}$"},
            ]
        }
    ),
]

LayerNames = Annotated[
    tuple[LayerName, ...],
    Field(strict=False, max_length=1000),
    Expected("a list of layers, by number or by name, e.g. [0, 1] or ['3.body.0']"),
]

Monitor = Annotated[
    Literal["loss", "acc", "val_loss", "val_acc"], Field(description="the metric to watch")
]

Mode = Annotated[
    Literal["auto", "min", "max"],
    Field(description="which way is better; auto knows: a loss down, an accuracy up"),
]


def maximises(monitor: str, mode: str) -> bool:
    """Whether a larger value of a metric is the better one.

    Args:
        monitor: the metric's name.
        mode: min, max, or auto (a loss down, an accuracy up).

    Raises:
        ConfigError: there is no such mode.
    """
    if mode not in ("auto", "min", "max"):
        raise ConfigError(f"mode: expected auto, min or max, got {mode!r}")
    return mode == "max" or (mode == "auto" and monitor.endswith("acc"))
