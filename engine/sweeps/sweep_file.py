"""Files that describe a sweep: the options of ``cnn-tui sweep``, below ``sweep:`` in YAML."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from engine.config import ConfigProblems, Problem, inline, read_text
from engine.config.errors import dotted
from engine.config.yaml_reader import read
from engine.errors import ConfigError
from engine.storage.untrusted_json import Text, check_type

_Value = Any


class _Described(BaseModel):
    """Types of what stands below ``sweep:``."""

    model_config = ConfigDict(strict=True, extra="forbid")

    grid: dict[Text, _Value]
    config: Text | None = None
    set: dict[Text, _Value] = {}
    random: Annotated[int, Field(ge=1)] | None = None
    optuna: Annotated[int, Field(ge=1)] | None = None
    prune: Text | None = None
    jobs: Annotated[int, Field(ge=1)] | None = None
    metric: Text | None = None


@dataclass(frozen=True)
class Described:
    """A sweep as a file describes it, in the words of the command line.

    Attributes:
        grid: as ``--grid``.
        config: as ``--config``; None where it names none.
        overrides: as ``--set``.
        random, optuna, prune, jobs, metric: as the options of these names; None where there is
            none.
    """

    grid: tuple[str, ...]
    config: str | None
    overrides: tuple[str, ...]
    random: int | None
    optuna: int | None
    prune: str | None
    jobs: int | None
    metric: str | None


def read_sweep(path: Path) -> Described:
    """Read the file of a sweep.

    Raises:
        ConfigError: it cannot be read, or is not one.
    """
    document, _ = read(read_text(path), str(path))
    if document.problems:
        raise ConfigProblems(document.problems)
    data = document.data
    if not isinstance(data, dict) or set(data) != {"sweep"}:
        message = "expected the one key sweep, and below it grid, config, ..."
        raise ConfigProblems([Problem((), message, document.mark(()))])
    try:
        found: _Described = check_type(_Described, data["sweep"], "sweep")
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None
    return Described(
        tuple(f"{key}={_values(value)}" for key, value in found.grid.items()),
        found.config,
        tuple(f"{dotted([key])}={inline(value)}" for key, value in found.set.items()),
        found.random,
        found.optuna,
        found.prune,
        found.jobs,
        found.metric,
    )


def _values(value: _Value) -> str:
    """The values of a key: a list of them, or text such as ``1..5``."""
    if isinstance(value, list):
        return ",".join(map(inline, value))
    return value if isinstance(value, str) else inline(value)
