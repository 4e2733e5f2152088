"""Parameters of which the normal run takes one."""

from collections.abc import Iterable
from typing import Any

import pytest


def rest_as_proofs(values: Iterable[Any]) -> list[Any]:
    """The first value as it is, and the others for ``pytest -m proof``."""
    first, *rest = values
    return [first, *(pytest.param(value, marks=pytest.mark.proof) for value in rest)]
