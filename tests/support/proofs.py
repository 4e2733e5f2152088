"""Parameters of which the normal run takes one, or some."""

from collections.abc import Iterable
from typing import Any

import pytest


def rest_as_proofs(
    values: Iterable[Any], *, every: int | None = None, rows: bool = False
) -> list[Any]:
    """Some values as they are, and the others for ``pytest -m proof``.

    Args:
        values: for ``pytest.mark.parametrize``.
        every: one of so many stays, the first among them; None for the first alone.
        rows: whether each is a row of values, for several names.
    """
    found: list[Any] = []
    for index, value in enumerate(values):
        stays = index % every == 0 if every else index == 0
        group = value if rows else (value,)
        found.append(value if stays else pytest.param(*group, marks=pytest.mark.proof))
    return found
