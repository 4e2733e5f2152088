"""Edits of a config's text that change one value and keep the rest, comments included.

The text is cut at PyYAML's marks, never written anew. Afterwards it is read again and has to
mean exactly what was intended; where it does not, the edit is refused.
"""

import json
from typing import Any

from yaml.nodes import Node

from engine.config import yaml_splice
from engine.config.errors import (
    ConfigProblems,
    KeyPath,
    dotted,
    parse_path,
    shown,
    value_at,
)
from engine.config.fields import section_at
from engine.config.yaml_reader import read
from engine.errors import ConfigError
from engine.sanitize import printable


def set_value(text: str, path: str, value: Any) -> str:
    """Set a key to a value; insert the key where it is missing.

    A new key goes where the schema has it: behind the one that precedes it there, or else to the
    end of its section. A list's item is set by its number, the number after the last one adds
    an item.

    Args:
        text: of a config; its values may be wrong, but it has to be readable.
        path: dotted, e.g. ``train.lr`` or ``callbacks.0.early_stopping.patience``.
        value: str, int, float, bool, None, or lists and dicts of them.

    Returns:
        The new text.

    Raises:
        ConfigProblems: the text cannot be read.
        ConfigError: the path leads nowhere, or the text is laid out in a way in which this
            cannot be done.
    """
    keys = _keys(path)
    root, data = _read(text)
    _as_json(value)
    if _has(data, keys) and _as_json(value_at(data, keys)) == _as_json(value):
        return text  # another spelling of the same value stays
    intended = _with(data, keys, value)
    if root is None:
        return _confirmed(yaml_splice.append(text, keys, value), intended, path)
    depth = len(keys)
    while depth and not _has(data, keys[:depth]):
        depth -= 1
    there, rest = keys[:depth], keys[depth:]
    if rest and isinstance(value_at(data, there), (dict, list)):
        edited = yaml_splice.insert(
            text, root, there, rest, value, _predecessors(there, rest[0], data)
        )
    else:  # null may stand where a mapping has to be
        edited = yaml_splice.replace(text, root, there, yaml_splice.nest(rest, value))
    return _confirmed(edited, intended, path)


def remove_value(text: str, path: str) -> str:
    """Remove a key with its value and the comment on its line, or an item of a list.

    Args:
        text: of a config; its values may be wrong, but it has to be readable.
        path: dotted, e.g. ``train.scheduler``.

    Returns:
        The new text; unchanged if there is no such key.

    Raises:
        ConfigProblems: the text cannot be read.
        ConfigError: the text is laid out in a way in which this cannot be done.
    """
    keys = _keys(path)
    root, data = _read(text)
    if root is None or not _has(data, keys):
        return text
    return _confirmed(yaml_splice.remove(text, root, keys), _without(data, keys), path)


def read_values(text: str) -> Any:
    """Read the plain values of a config's text, whether it can be run or not.

    Raises:
        ConfigProblems: the text cannot be read.
    """
    return _read(text)[1]


def _keys(path: str) -> KeyPath:
    keys = parse_path(path)
    if not keys:
        raise ConfigError(f"expected a dotted path such as train.lr, got {shown(path)}")
    return keys


def _read(text: str) -> tuple[Node | None, Any]:
    document, root = read(text, "<text>")
    if document.problems:
        raise ConfigProblems(document.problems)
    return root, document.data


def _predecessors(parent: KeyPath, key: str | int, data: Any) -> list[str]:
    """List the keys before a key in the schema, nearest first."""
    section = section_at(parent, data)
    names = list(section.model_fields) if section else []
    return names[: names.index(str(key))][::-1] if key in names else []


def _confirmed(edited: str, intended: Any, path: str) -> str:
    try:
        _, data = _read(edited)
        good = _as_json(data) == _as_json(intended)
    except ConfigProblems:
        good = False
    if not good:
        raise ConfigError(
            f"{printable(path)} cannot be changed in this layout; edit the text by hand"
        )
    return edited


def _as_json(value: Any) -> str:
    """Encode a value for comparison: 1, 1.0 and true differ, the order of keys does not count."""
    try:
        return json.dumps(value, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError):
        raise ConfigError(f"{shown(value)} is not a value that a config can have") from None


# -- plain values: what is intended ---------------------------------------------------------


def _has(data: Any, keys: KeyPath) -> bool:
    parent = value_at(data, keys[:-1])
    if isinstance(parent, list):
        return isinstance(keys[-1], int) and keys[-1] < len(parent)
    return isinstance(parent, dict) and keys[-1] in parent


def _with(data: Any, keys: KeyPath, value: Any, done: KeyPath = ()) -> Any:
    if not keys:
        return value
    key, rest = keys[0], keys[1:]
    if data is None and isinstance(key, int):
        data = []
    if isinstance(data, list):
        if not isinstance(key, int) or key > len(data):
            raise ConfigError(f"{dotted(done)} has no item {key}; it has {len(data)} items")
        old = data[key] if key < len(data) else None
        return [*data[:key], _with(old, rest, value, (*done, key)), *data[key + 1 :]]
    if data is not None and not isinstance(data, dict):
        raise ConfigError(f"{dotted(done)} is {shown(data)}, not a mapping; set it as a whole")
    mapping = data or {}
    return {**mapping, key: _with(mapping.get(key), rest, value, (*done, key))}


def _without(data: Any, keys: KeyPath) -> Any:
    key, rest = keys[0], keys[1:]
    if isinstance(data, list):
        assert isinstance(key, int)
        middle = [_without(data[key], rest)] if rest else []
        return [*data[:key], *middle, *data[key + 1 :]]
    if rest:
        return {**data, key: _without(data[key], rest)}
    return {name: value for name, value in data.items() if name != key}
