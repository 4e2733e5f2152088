"""Parameters of which the normal run takes one."""

from collections.abc import Iterable
from typing import Any

import pytest


def rest_as_proofs(values: Iterable[Any], *, rows: bool = False) -> list[Any]:
    """The first value as it is, and the others for ``pytest -m proof``.

    Args:
        values: for ``pytest.mark.parametrize``.
        rows: whether each is a row of values, for several names.
    """
    first, *rest = values
    groups = rest if rows else [(value,) for value in rest]
    return [first, *(pytest.param(*group, marks=pytest.mark.proof) for group in groups)]
