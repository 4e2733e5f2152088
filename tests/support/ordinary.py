"""The tests of a module as functions that raise: what the mutation proof runs on broken code.

A small part of pytest, called thousands of times in a row: parameters, and the fixtures of the
module itself beside the three below. What compares with PyTorch, needs a data set, searches for
examples or asks for any other fixture is left out.
"""

import contextlib
import inspect
import itertools
import tempfile
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

LEFT_OUT = {"torch", "dataset", "proof", "terminal", "skipif"}


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def _monkeypatch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def _tmp_path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


FIXTURES: dict[str, Callable[..., Any]] = {
    "rng": _rng,
    "monkeypatch": _monkeypatch,
    "tmp_path": _tmp_path,
}


@dataclass(frozen=True, eq=False)
class Call:
    """A test with its parameters.

    Attributes:
        module: where the test lives, and its fixtures.
        name: of the test.
        arguments: its parameters.
    """

    module: types.ModuleType
    name: str
    arguments: dict[str, Any]

    @property
    def test(self) -> Callable[..., None]:
        return vars(self.module)[self.name]

    def __call__(self) -> None:
        with contextlib.ExitStack() as stack:
            self.test(**self._arguments(self.test, dict(self.arguments), stack))

    def _arguments(
        self, function: Callable[..., Any], made: dict[str, Any], stack: contextlib.ExitStack
    ) -> dict[str, Any]:
        """What to call a function with; each fixture is made once."""
        for name in inspect.signature(function).parameters:
            if name not in made:
                fixture = self._fixture(name)
                assert fixture is not None, name
                value = fixture(**self._arguments(fixture, made, stack))
                if inspect.isgenerator(value):
                    value = _entered(value, stack)
                made[name] = value
        return {name: made[name] for name in inspect.signature(function).parameters}

    def _fixture(self, name: str) -> Callable[..., Any] | None:
        """The function below ``pytest.fixture``."""
        own = vars(self.module).get(name)
        return FIXTURES.get(name) if own is None else getattr(own, "__wrapped__", None)

    @property
    def is_possible(self) -> bool:
        """Whether there is a fixture for everything that it asks for."""
        needed = [*inspect.signature(self.test).parameters]
        for name in needed:
            if name in self.arguments:
                continue
            fixture = self._fixture(name)
            if fixture is None:
                return False
            needed += inspect.signature(fixture).parameters
        return True


def _entered(generator: Iterator[Any], stack: contextlib.ExitStack) -> Any:
    """What a generator yields first; the stack runs the rest of it."""
    stack.callback(next, generator, None)
    return next(generator)


def calls_of(module: types.ModuleType) -> list[Call]:
    """The tests of a module, each with all of its parameters, in order."""
    found = []
    for name, test in vars(module).items():
        if not name.startswith("test_") or not inspect.isfunction(test):
            continue
        if hasattr(test, "hypothesis") or inspect.iscoroutinefunction(test):
            continue
        marks = getattr(test, "pytestmark", [])
        if not LEFT_OUT.isdisjoint(mark.name for mark in marks):
            continue
        tables = [_rows(*mark.args[:2]) for mark in marks if mark.name == "parametrize"]
        for rows in itertools.product(*tables):
            call = Call(module, name, {key: row[key] for row in rows for key in row})
            if call.is_possible:
                found.append(call)
    return found


def _rows(names: str | tuple[str, ...], values: Any) -> list[dict[str, Any]]:
    """The rows of a ``parametrize``."""
    if isinstance(names, str):
        names = tuple(name.strip() for name in names.split(","))
    plain = [value.values if hasattr(value, "marks") else None for value in values]
    rows = [
        given if given is not None else value if len(names) > 1 else (value,)
        for given, value in zip(plain, values, strict=True)
    ]
    return [dict(zip(names, row, strict=True)) for row in rows]
