"""Overrides from the command line: ``--set train.lr=0.1`` replaces the file's value."""

from collections.abc import Sequence
from typing import Any

from yaml.nodes import MappingNode, SequenceNode

from engine.config.errors import (
    ConfigProblems,
    KeyPath,
    Mark,
    Problem,
    dotted,
    parse_path,
    shown,
)
from engine.config.yaml_reader import INVISIBLE_KEY, Document, Place, read
from engine.sanitize import printable


def apply(document: Document, overrides: Sequence[str]) -> None:
    """Apply overrides to a document; the last one wins.

    Mappings on the way that are not there yet are made; list items have to be there. What is
    wrong is added to the document's problems.

    Args:
        document: of a file whose top level is a mapping; it is changed.
        overrides: ``dotted.path=value``, the value in YAML. A list's items are numbered from 0.
    """
    for i, override in enumerate(overrides):
        mark = Mark(i + 1, 0, 0, _label(override))
        key, equals, text = override.partition("=")
        path = parse_path(key)
        if not equals or not path:
            hint = "expected KEY=VALUE, e.g. train.lr=0.1"
            document.problems.append(Problem((), hint, mark))
            continue
        if not key.isprintable():
            document.problems.append(Problem(path, INVISIBLE_KEY, mark))
            continue
        value = _read_value(text, path, mark, document)
        if value is not None:
            message = _put(document, path, value, mark)
            if message:
                document.problems.append(Problem(path, message, mark))


def _label(override: str) -> str:
    """Name of an override in messages."""
    return f"--set {printable(override)}"


def _read_value(text: str, path: KeyPath, mark: Mark, document: Document) -> Document | None:
    try:
        value, root = read(text, "", lambda _: mark)
    except ConfigProblems as error:
        reason = error.problems[0].message
        document.problems.append(Problem(path, f"{reason} (at {printable(text)!r})", mark))
        return None
    if isinstance(root, (MappingNode, SequenceNode)) and not root.flow_style:
        message = "expected one value; write a mapping as {key: value}, a list as [a, b]"
        document.problems.append(Problem(path, message, mark))
        return None
    return value


def _put(document: Document, path: KeyPath, value: Document, mark: Mark) -> str | None:
    parent: Any = document.data
    for depth, part in enumerate(path):
        here = dotted(path[:depth])
        if isinstance(parent, dict):
            part = str(part)
            path = (*path[:depth], part, *path[depth + 1 :])
        elif not isinstance(parent, list):
            return f"{here} is {shown(parent)}, not a mapping; set it as a whole"
        elif not isinstance(part, int) or part >= len(parent):
            return f"{here} has the items 0 to {len(parent) - 1}" if parent else f"{here} is empty"
        if depth == len(path) - 1:
            parent[part] = value.data
        elif isinstance(parent, dict) and parent.get(part) is None:
            parent[part] = {}
            document.places[path[: depth + 1]] = Place(mark, mark)
        parent = parent[part]
    for old in [old for old in document.places if old[: len(path)] == path]:
        del document.places[old]
    document.spoilt = [old for old in document.spoilt if old[: len(path)] != path]
    document.places[path] = Place(mark, mark)  # an empty text has no places of its own
    for inner, place in value.places.items():
        document.places[path + inner] = place
    document.problems += [Problem(path + p.keys, p.message, mark) for p in value.problems]
    document.spoilt += [path + inner for inner in value.spoilt]
    return None
