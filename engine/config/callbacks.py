"""The part of the schema that says what happens after every epoch; names as in Keras."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from engine.options import Expected, Mode, Monitor, OutputFile, OutputFiles, Section


class EarlyStopping(Section):
    """Stop when a metric no longer gets better."""

    monitor: Monitor = "val_loss"
    mode: Mode = "auto"
    patience: int = Field(
        default=5, ge=0, le=100_000, description="epochs without improvement before stopping"
    )
    min_delta: float = Field(default=0.0, ge=0, description="change that counts as an improvement")
    restore_best: bool = Field(default=True, description="go back to the weights of the best epoch")


class Checkpoint(Section):
    """Save the weights whenever a metric is the best so far."""

    filepath: OutputFiles = Field(
        description="file to write, e.g. checkpoints/best.npz, or net-{epoch:02d}-{val_acc:.4f}.npz"
    )
    monitor: Monitor = "val_acc"
    mode: Mode = "auto"


class CSVLogger(Section):
    """Write the metrics of every epoch as a line of a table."""

    filepath: OutputFile = Field(description="file to write, e.g. metrics.csv")


class TerminateOnNaN(Section):
    """Stop when the loss is no longer a number: always on."""


class EarlyStoppingItem(Section):
    """A list item ``early_stopping: {...}``."""

    early_stopping: EarlyStopping = Field(description="stop when it no longer gets better")


class CheckpointItem(Section):
    """A list item ``checkpoint: {...}``."""

    checkpoint: Checkpoint = Field(description="save the best weights")


class CSVLoggerItem(Section):
    """A list item ``csv_logger: {...}``."""

    csv_logger: CSVLogger = Field(description="write the metrics of every epoch to a table")


class TerminateOnNaNItem(Section):
    """A list item ``terminate_on_nan``."""

    terminate_on_nan: TerminateOnNaN = Field(description="always on; accepted")


def _kind(value: Any) -> str | None:
    """A callback's name is the one key of its item."""
    if isinstance(value, Section):
        value = value.__dict__
    return str(next(iter(value))) if isinstance(value, dict) and len(value) == 1 else None


def _mapping(value: Any) -> Any:
    """A bare name, or a name with nothing below it, stands for all defaults."""
    if isinstance(value, str):
        return {value: {}}
    if isinstance(value, dict) and list(value.values()) == [None]:
        return {name: {} for name in value}
    return value


_Item = (
    Annotated[EarlyStoppingItem, Tag("early_stopping")]
    | Annotated[CheckpointItem, Tag("checkpoint")]
    | Annotated[CSVLoggerItem, Tag("csv_logger")]
    | Annotated[TerminateOnNaNItem, Tag("terminate_on_nan")]
)

Callback = Annotated[
    Annotated[_Item, Discriminator(_kind)],
    BeforeValidator(
        _mapping, json_schema_input_type=_Item | Literal["early_stopping", "terminate_on_nan"]
    ),
]


Callbacks = Annotated[
    tuple[Callback, ...],
    Field(strict=False, max_length=50),
    Expected("a list of callbacks, e.g. [early_stopping: {patience: 5}]"),
]
