"""Grids: the values that each key of a config is to have, and their combinations."""

import math
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from engine.config.errors import KeyPath, Mark, Problem, parse_path
from engine.errors import ConfigError
from engine.runs.record import MOST_RUNS
from engine.sanitize import printable
from engine.sweeps.ranges import Range, parse_range

MOST_TRIALS = MOST_RUNS
"""Trials that a sweep can have."""

SEED = "seed"
"""The key that repeats a trial instead of changing it."""

_WHOLE = re.compile(r"([+-]?[0-9]+)\.\.([+-]?[0-9]+)")
_LOG = re.compile(r"log:(.+?)\.\.(.+):([0-9]+)")
_FORMS = "expected KEY=VALUE,VALUE,... or KEY=1..5 or KEY=log:0.001..0.1:5"
_DRAWS = 1000
"""How often another combination is drawn in place of one that is there already."""
_OURS = ("name", "runs_dir", "reports_dir")
"""Keys that a sweep sets itself."""


@dataclass(frozen=True)
class Axis:
    """A key and the values that it is to have.

    Attributes:
        key: dotted, as for ``--set``.
        values: each as it is written in YAML; of a range, the range alone: ``log:0.0001..0.1``.
    """

    key: str
    values: tuple[str, ...]

    @property
    def range(self) -> Range | None:
        """The range that its values are taken from; None where they are listed."""
        return parse_range(self.values[0]) if len(self.values) == 1 else None

    def holds(self, text: str) -> bool:
        """Whether a text is one of its values, or a number of its range."""
        if self.range is None:
            return text in self.values
        try:
            value = int(text) if self.range.whole else float(text)
        except ValueError:
            return False
        return self.range.low <= value <= self.range.high

    def __str__(self) -> str:
        """As it is typed: ``train.lr=0.1,0.01``."""
        return f"{self.key}={','.join(self.values)}"


def parse_grid(texts: Sequence[str]) -> tuple[list[Axis], list[Problem]]:
    """Parse the axes of a grid; returns those that can be used, and what is wrong with the others.

    Args:
        texts: ``KEY=VALUES`` each. Values are separated by commas outside of brackets and quotes;
            ``1..5`` stands for 1, 2, 3, 4, 5, and ``log:0.001..0.1:5`` for five numbers from 0.001
            to 0.1, each the same multiple of the one before. Ranges of any numbers stand alone:
            ``0.1..0.5``, and ``log:0.001..0.1``, in which equal factors are equally likely.
    """
    axes: list[Axis] = []
    problems: list[Problem] = []
    seen: set[KeyPath] = set()

    def refuse(text: str, message: str) -> None:
        mark = Mark(len(problems), 0, 0, f"--grid {printable(text, 80)}".strip())
        problems.append(Problem((), message, mark))

    for text in texts:
        key, equals, values = text.partition("=")
        key, path = key.strip(), parse_path(key)
        if not equals or not path or not key.isprintable():
            refuse(text, _FORMS)
            continue
        if key in _OURS:
            refuse(text, f"a sweep sets {key} itself; name another key")
            continue
        if key == "train.portable":
            refuse(text, f"it holds for all trials; give it with --set {key}=...")
            continue
        if path in seen:
            refuse(text, f"{key} is in the grid already; give all its values at once")
            continue
        seen.add(path)
        try:
            axis = Axis(key, tuple(_values(values)))
        except ValueError as error:
            refuse(text, str(error))
            continue
        if key == SEED and axis.range is not None:
            refuse(text, "seeds are listed: 1..5 or 1,2,3")
            continue
        axes.append(axis)
    if not texts:
        refuse("", f"the grid is empty; {_FORMS}")
    return axes, problems


def combinations(
    axes: Sequence[Axis], count: int | None = None, seed: int = 0
) -> list[tuple[str, ...]]:
    """Combine the values of the axes, in their order; the last one changes fastest.

    Args:
        axes: of the grid.
        count: take so many at random, each with all the seeds of the grid; None for all, where no
            axis is a range.
        seed: of that choice.

    Raises:
        ConfigError: there are too many, or fewer than ``count``.
    """
    if count is not None and any(axis.range for axis in axes):
        return _drawn(axes, count, random.Random(seed))
    repeats = math.prod(len(axis.values) for axis in axes if axis.key == SEED)
    every = math.prod(len(axis.values) for axis in axes) // repeats
    if count is not None and count > every:
        raise ConfigError(f"--random {count:,}: the grid has only {every:,} combinations")
    _check_number(repeats * (every if count is None else count))
    if count is None:
        return list(product(*(axis.values for axis in axes)))
    chosen = sorted(random.Random(seed).sample(range(every), count))
    return [values for number in chosen for values in _repeated(axes, number)]


def _drawn(axes: Sequence[Axis], count: int, rng: random.Random) -> list[tuple[str, ...]]:
    """Combinations with numbers from ranges, in the order in which they are drawn."""
    repeats = math.prod(len(axis.values) for axis in axes if axis.key == SEED)
    _check_number(repeats * count)
    found: dict[tuple[tuple[str, ...], ...], None] = {}
    for _ in range(count + _DRAWS):
        if len(found) == count:
            break
        choices = []
        for axis in axes:
            if axis.key == SEED:
                choices.append(axis.values)
            elif axis.range is not None:
                choices.append((axis.range.at(rng.random()),))
            else:
                choices.append((rng.choice(axis.values),))
        found[tuple(choices)] = None
    if len(found) < count:
        raise ConfigError(f"--random {count:,}: the ranges have not that many combinations")
    return [values for choices in found for values in product(*choices)]


def _check_number(total: int) -> None:
    if total > MOST_TRIALS:
        raise ConfigError(
            f"{total:,} trials: expected at most {MOST_TRIALS:,}; shorten the grid, or take some "
            "of it at random with --random N"
        )


def _repeated(axes: Sequence[Axis], number: int) -> list[tuple[str, ...]]:
    """The combination of a number, with every seed."""
    choices: list[tuple[str, ...]] = []
    for axis in reversed(axes):
        if axis.key == SEED:
            choices.append(axis.values)
        else:
            number, digit = divmod(number, len(axis.values))
            choices.append((axis.values[digit],))
    return list(product(*reversed(choices)))


def _values(text: str) -> list[str]:
    found: list[str] = []
    items = _split(text)
    for item in items:
        values = _expanded(item)
        if len(items) > 1 and values and parse_range(values[0]):
            raise ValueError(f"{item}: a range stands alone; give it no other values")
        found += values
        if len(found) > MOST_TRIALS:
            raise ValueError(f"more than {MOST_TRIALS:,} values")
    return found


def _expanded(item: str) -> list[str]:
    """The values that an item stands for.

    Raises:
        ValueError: it is empty, or a range of nothing.
    """
    if not item:
        raise ValueError(f"a value is empty; {_FORMS}")
    whole = _WHOLE.fullmatch(item)
    if whole:
        first, last = int(whole[1]), int(whole[2])
        if last < first:
            raise ValueError(f"{item}: the first is larger than the last")
        if last - first >= MOST_TRIALS:
            raise ValueError(f"{item}: more than {MOST_TRIALS:,} values")
        return [str(value) for value in range(first, last + 1)]
    if parse_range(item) is None and item.startswith("log:"):
        return _log_range(item)
    return [item]


def _log_range(item: str) -> list[str]:
    expected = (
        f"{printable(item)}: expected log:LOW..HIGH or log:LOW..HIGH:COUNT, with 0 < LOW < HIGH "
        "and COUNT > 1"
    )
    found = _LOG.fullmatch(item)
    try:
        low, high, count = (float(found[1]), float(found[2]), int(found[3])) if found else (0, 0, 0)
    except ValueError:
        raise ValueError(expected) from None
    if not (0 < low < high < math.inf and 2 <= count <= MOST_TRIALS):
        raise ValueError(expected)
    step = math.log(high / low) / (count - 1)
    return [f"{low * math.exp(step * index):.4g}" for index in range(count)]


def _split(text: str) -> list[str]:
    """The parts between commas that stand outside of brackets and quotes."""
    parts, depth, quote = [""], 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "[{":
            depth += 1
        elif character in "]}":
            depth -= 1
        if character == "," and not quote and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]
