"""The part of the schema that follows from the registries of schedules and callbacks."""

from collections.abc import Iterator
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, create_model

from engine.callbacks import CALLBACKS, Callback, CallbackOptions
from engine.options import Expected, Section
from engine.schedulers import SCHEDULERS, SchedulerOptions


def _scheduler_model(name: str) -> type[SchedulerOptions]:
    """A schedule's options with its name, or its class's, as the key that tells it apart."""
    cls = SCHEDULERS[name]
    names: Any = Annotated[Literal[(name, cls.__name__)], AfterValidator(lambda _: name)]
    field: Any = (names, SchedulerOptions.model_fields["name"])
    return create_model(cls.__name__, __base__=cls.Options, __doc__=cls.Options.__doc__, name=field)


SCHEDULER_MODELS = {name: _scheduler_model(name) for name in SCHEDULERS}
"""The options of every schedule, by its name."""


class CallbackItem(Section):
    """An item of ``callbacks``: the name of a callback, with its options."""

    @property
    def callback(self) -> type[Callback]:
        """The class of the callback."""
        ((name, _),) = self
        return CALLBACKS[name]

    @property
    def options(self) -> CallbackOptions:
        """Its options."""
        ((_, options),) = self
        return options


def _callback_model(name: str) -> type[CallbackItem]:
    """The one key with a callback's options below it."""
    cls = CALLBACKS[name]
    title = cls.Options.model_config.get("title") or cls.__name__
    options = create_model(title, __base__=cls.Options, __doc__=cls.Options.__doc__)
    shown = f"{name}: {{...}}" if options.model_fields else name
    field: Any = (options, Field(description=cls.summary))
    return create_model(
        f"{title}Item", __base__=CallbackItem, __doc__=f"A list item ``{shown}``.", **{name: field}
    )


CALLBACK_MODELS = {name: _callback_model(name) for name in CALLBACKS}
"""The list items of every callback, by its name."""


def _bare_names() -> Iterator[str]:
    """The callbacks that need no option, and can be named alone."""
    for name, cls in CALLBACKS.items():
        if not any(field.is_required() for field in cls.Options.model_fields.values()):
            yield name


def _only_key(value: Any) -> str | None:
    """The name of a callback: the one key of its item."""
    if isinstance(value, Section):
        value = value.__dict__
    return str(next(iter(value))) if isinstance(value, dict) and len(value) == 1 else None


def _mapping(value: Any) -> Any:
    """The item that a bare name stands for, or a name with nothing below it: all defaults."""
    if isinstance(value, str):
        return {value: {}}
    if isinstance(value, dict) and list(value.values()) == [None]:
        return {name: {} for name in value}
    return value


if TYPE_CHECKING:
    OneScheduler = SchedulerOptions
    Callbacks = tuple[CallbackItem, ...]
else:
    OneScheduler = Annotated[
        reduce(or_, SCHEDULER_MODELS.values()),
        Field(discriminator="name"),
        Expected("a mapping, e.g. {name: cosine}"),
    ]
    _Item = reduce(or_, (Annotated[model, Tag(name)] for name, model in CALLBACK_MODELS.items()))
    _OneCallback = Annotated[
        Annotated[_Item, Discriminator(_only_key)],
        BeforeValidator(_mapping, json_schema_input_type=_Item | Literal[tuple(_bare_names())]),
    ]
    Callbacks = Annotated[
        tuple[_OneCallback, ...],
        Field(strict=False, max_length=50),
        Expected("a list of callbacks, e.g. [early_stopping: {patience: 5}]"),
    ]
