"""Splices of YAML text at the marks of its nodes."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode

from engine.config.dump import inline
from engine.config.errors import KeyPath

_INDENT = 2
_BREAK = re.compile(r"\r?\n|\Z")


class _Entry(NamedTuple):
    """A key with its value, or an item of a list.

    Attributes:
        start: of the key, or of the item's dash.
        head: the position behind the colon or the dash.
        node: the value.
    """

    start: int
    head: int
    node: Node


def nest(keys: KeyPath, value: Any) -> Any:
    """Nest a value in the mappings and lists of a path."""
    for key in reversed(keys):
        value = [value] if isinstance(key, int) else {key: value}
    return value


def append(text: str, keys: KeyPath, value: Any) -> str:
    """Append a first value to text that holds nothing but comments."""
    newline = _newline(text)
    gap = newline if text and not text.endswith("\n") else ""
    return text + gap + newline.join(_lines(keys, value, 0)) + newline


def replace(text: str, root: Node, keys: KeyPath, value: Any) -> str:
    """Replace a value."""
    return _replace(text, _entry_at(text, root, keys), value)


def insert(
    text: str, root: Node, parent: KeyPath, keys: KeyPath, value: Any, after: Sequence[str]
) -> str:
    """Insert a value into a mapping or a list.

    Args:
        text: the YAML.
        root: its root node.
        parent: path of the mapping or list.
        keys: from there; the first of them is new.
        value: what the last of them gets.
        after: it goes behind the first of these that is there, or else to the end.
    """
    node = _entry_at(text, root, parent).node
    assert isinstance(node, CollectionNode)
    entries = _entries(text, node)
    before = next((entries[key] for key in after if key in entries), None)
    if before is None and entries:
        before = list(entries.values())[-1]
    if node.flow_style:
        content = inline(nest(keys, value))[1:-1]
        if before is None:
            position = node.start_mark.index + 1
        else:
            position, content = _end(text, before), f", {content}"
        return text[:position] + content + text[position:]
    assert before is not None  # a block has at least one entry
    position = _line_end(text, _end(text, before))
    newline = _newline(text)
    content = newline.join(_lines(keys, value, node.start_mark.column))
    return text[:position] + newline + content + text[position:]


def remove(text: str, root: Node, keys: KeyPath) -> str:
    """Remove a key or an item; its parent stays, even if empty."""
    parent = _entry_at(text, root, keys[:-1])
    assert isinstance(parent.node, CollectionNode)
    entries = _entries(text, parent.node)
    index = list(entries).index(keys[-1])
    entry = entries[keys[-1]]
    start, end = entry.start, _end(text, entry)
    following = [later.start for later in list(entries.values())[index + 1 :]]
    if not parent.node.flow_style and len(entries) == 1:
        return _replace(text, parent, {} if isinstance(parent.node, MappingNode) else [])
    line_start = text.rfind("\n", 0, start) + 1
    if not parent.node.flow_style and not text[line_start:start].strip():
        line = _BREAK.search(text, end)
        assert line is not None
        return text[:line_start] + text[line.end() :]
    if following:  # also where a block begins behind a dash: the next key moves up
        return text[:start] + text[following[0] :]
    if index:
        start = _end(text, list(entries.values())[index - 1])
    return text[:start] + text[end:]


def _replace(text: str, entry: _Entry, value: Any) -> str:
    new = inline(value)
    start, end = entry.node.start_mark.index, _end(text, entry)
    if start == end:
        # Nothing is there yet. In {a, b} there is not even a colon.
        colon = "" if text[entry.head - 1] in ":-" or entry.head == entry.start else ":"
        return f"{text[: entry.head]}{colon} {new}{text[entry.head :]}"
    line_end = _line_end(text, entry.head)
    if _is_block(entry.node) and start > line_end:
        # The value moves up, into the line of its key, before that line's comment.
        rest = text[_line_end(text, end) :]
        return f"{text[: entry.head]} {new}{text[entry.head : line_end]}{rest}"
    return text[:start] + new + text[end:]


def _lines(keys: KeyPath, value: Any, column: int) -> list[str]:
    """Write mappings on the way in block style, the rest on one line."""
    key, rest = keys[0], keys[1:]
    indent = " " * column
    if isinstance(key, int):
        return [f"{indent}- {inline(nest(rest, value))}"]
    if rest and isinstance(rest[0], str):
        return [f"{indent}{inline(key)}:", *_lines(rest, value, column + _INDENT)]
    return [f"{indent}{inline(key)}: {inline(nest(rest, value))}"]


def _entry_at(text: str, root: Node, keys: KeyPath) -> _Entry:
    entry = _Entry(root.start_mark.index, root.start_mark.index, root)
    for key in keys:
        assert isinstance(entry.node, CollectionNode)
        entry = _entries(text, entry.node)[key]
    return entry


def _entries(text: str, node: CollectionNode) -> dict[str | int, _Entry]:
    if isinstance(node, MappingNode):
        return {key.value: _mapping_entry(text, key, value) for key, value in node.value}
    if node.flow_style:
        starts = [item.start_mark.index for item in node.value]
        return {
            i: _Entry(start, start, item)
            for i, (start, item) in enumerate(zip(starts, node.value, strict=True))
        }
    found: dict[str | int, _Entry] = {}
    dash = re.compile(rf"^ {{{node.start_mark.column}}}(-)(?=\s|$)", re.MULTILINE)
    start = node.start_mark.index
    for i, item in enumerate(node.value):
        if i:
            match = dash.search(text, _end(text, found[i - 1]))
            start = match.start(1) if match else item.start_mark.index
        found[i] = _Entry(start, start + 1, item)
    return found


def _mapping_entry(text: str, key: Node, value: Node) -> _Entry:
    end = key.end_mark.index
    colon = re.compile(r"\s*:").match(text, end)
    return _Entry(key.start_mark.index, colon.end() if colon else end, value)


def _end(text: str, entry: _Entry) -> int:
    """End of an entry's own text; a block's mark is at the next token, after the comments."""
    node = entry.node
    if isinstance(node, CollectionNode) and not node.flow_style and node.value:
        return _end(text, list(_entries(text, node).values())[-1])
    end = node.end_mark.index
    if isinstance(node, ScalarNode) and node.style in ("|", ">"):
        end = len(text[:end].rstrip())
    return max(end, entry.head) if node.start_mark.index == end else end


def _is_block(node: Node) -> bool:
    return isinstance(node, CollectionNode) and not node.flow_style


def _line_end(text: str, position: int) -> int:
    """The position of the line break, or the end of the text."""
    match = _BREAK.search(text, position)
    assert match is not None
    return match.start()


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
