"""Differences between configs, key by key."""

from collections.abc import Mapping, Sequence
from typing import Any

MISSING = object()
"""In place of a value that a config does not have."""


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Map dotted paths to values; a list is one value, and an empty mapping too."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            found |= flatten(value, f"{path}.")
        else:
            found[path] = value
    return found


def differences(configs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Find the keys in which some configs differ, in order of first appearance.

    Args:
        configs: their values, as ``read_values`` or ``model_dump`` gives them.

    Returns:
        Dotted path -> the value in every config, ``MISSING`` where it has none.
    """
    flat = [flatten(config) for config in configs]
    found = {}
    for path in dict.fromkeys(path for values in flat for path in values):
        row = [values.get(path, MISSING) for values in flat]
        if any(not _same(value, row[0]) for value in row[1:]):
            found[path] = row
    return found


def _same(one: Any, other: Any) -> bool:
    # 1 and True, or 1 and 1.0, are equal in Python; only the latter mean the same here.
    return one is other or (one == other and isinstance(one, bool) == isinstance(other, bool))
