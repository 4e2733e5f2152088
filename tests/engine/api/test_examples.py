"""Every ``>>>`` in the docstrings of the public classes is true."""

import doctest
import importlib
import pkgutil

import pytest

from engine import api

MODULES = [f"engine.api.{found.name}" for found in pkgutil.iter_modules(api.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_are_true(name: str) -> None:
    module = importlib.import_module(name)
    failed = doctest.testmod(module).failed
    assert failed == 0
