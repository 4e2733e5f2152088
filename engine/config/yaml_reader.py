"""YAML reader for a safe subset of YAML 1.2: plain values and their places.

Numbers, booleans and null are those of YAML 1.2's core schema: ``1e-3`` is a number, ``yes`` and
``on`` are words. Anchors, aliases, merge keys, tags and repeated keys are refused: a config needs
none of them, and a few hundred bytes of aliases can expand to gigabytes.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from engine.config.errors import (
    ConfigProblems,
    Finding,
    KeyPath,
    Mark,
    Problem,
    value_at,
)
from engine.sanitize import printable

MAX_BYTES = 64 * 1024
INVISIBLE_KEY = "unknown key, with invisible characters in it"
MAX_DEPTH = 40  # a Residual inside a Residual inside a Residual is at 14

_NULL = "tag:yaml.org,2002:null"
_BOOL = "tag:yaml.org,2002:bool"
_INT = "tag:yaml.org,2002:int"
_FLOAT = "tag:yaml.org,2002:float"
_STR = "tag:yaml.org,2002:str"
_LEADING_ZERO = "tag:leading-zero"

# Tag, pattern and the characters that a match can start with; the first match wins.
_RULES = (
    (_NULL, r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    (_BOOL, r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    (_LEADING_ZERO, r"[-+]?0[0-9]+", list("-+0")),
    (_INT, r"[-+]?[0-9]+", list("-+0123456789")),
    (
        _FLOAT,
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
)


def resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """PyYAML's table of implicit types, by the first character of a word."""
    table: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for tag, pattern, first in _RULES:
        for character in first:
            # Not $, which would also match before a line break.
            table.setdefault(character, []).append((tag, re.compile(rf"(?:{pattern})\Z")))
    return table


class Place(NamedTuple):
    """Marks of a key and its value; a list's item has the same mark for both."""

    key: Mark
    value: Mark


@dataclass
class Document:
    """A YAML document as it was read.

    Attributes:
        source: what messages call the text.
        data: dicts, lists, str, int, float, bool and None.
        places: where each value stands.
        problems: what was refused.
        spoilt: the paths whose value is not the user's, because it was refused.
    """

    source: str
    data: Any = None
    places: dict[KeyPath, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    spoilt: list[KeyPath] = field(default_factory=list)

    def mark(self, path: KeyPath, *, key: bool = False) -> Mark:
        """Find the mark of a value, or of its key if asked for or if the value is a block.

        Of a value that is not there, it is the mark of the nearest parent's key.
        """
        key = key or isinstance(value_at(self.data, path), (dict, list))
        for end in range(len(path), -1, -1):
            place = self.places.get(path[:end])
            if place is not None:
                return place.key if key or end < len(path) else place.value
        return Mark(0, 1, 1, self.source)

    def problem(self, finding: Finding) -> Problem:
        """A finding with its place."""
        mark = self.mark(finding.path, key=finding.at_key)
        return Problem(finding.path, finding.message, mark)


class UnreadableError(Exception):
    """Text is not valid YAML, or outside the subset; the rest cannot be read."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.message, self.line, self.column = message, line, column


class _Composer(yaml.SafeLoader):
    """A composer that refuses anchors, aliases and tags instead of expanding them."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0
        self.refused: dict[Node, str] = {}

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        event = self.peek_event()
        mark = event.start_mark
        if isinstance(event, yaml.AliasEvent):
            self.get_event()
            node: Node = ScalarNode(_NULL, "", mark, mark)
            self.refused[node] = "aliases (*) are not supported; write the value out"
            return node
        reason = None
        if event.anchor is not None:
            reason = "anchors (&) are not supported; leave it out"
            event.anchor = None
        if event.tag is not None:
            reason = "tags (!) are not supported; leave it out"
            event.tag = None
        if self.depth >= MAX_DEPTH:
            raise UnreadableError(
                f"nested more than {MAX_DEPTH} deep", mark.line + 1, mark.column + 1
            )
        self.depth += 1
        composed = super().compose_node(parent, index)
        self.depth -= 1
        if reason and composed is not None:
            self.refused[composed] = reason
        return composed


_Composer.yaml_implicit_resolvers = resolvers()

# PyYAML's words -> ours, and whether the trouble begins at the context's mark.
_SYNTAX = (
    ("found character '\\t'", "a tab; indent with spaces", False),
    (
        "mapping values are not allowed here",
        "a ':' that does not belong here; check the indentation, or put the text in quotes",
        False,
    ),
    ("could not find expected ':'", "expected 'key: value'; is the ':' missing?", True),
    ("expected <block end>", "does not line up with the lines above; check indentation", False),
    ("found unexpected end of stream", "a quote that is never closed", True),
    ("found unexpected document separator", "a quote that is never closed", True),
    ("expected ',' or '}'", "a '{' without its '}', or a ',' is missing inside", True),
    ("expected ',' or ']'", "a '[' without its ']', or a ',' is missing inside", True),
    ("found character '%'", "text that begins with '%' needs quotes", False),
    ("found character '@'", "text that begins with '@' needs quotes", False),
    ("found character '`'", "text that begins with '`' needs quotes", False),
)


def _explain(error: yaml.MarkedYAMLError) -> UnreadableError:
    mark = error.problem_mark or error.context_mark
    said = error.problem or "cannot be read"
    message = f"not valid YAML: {printable(said, 120)}"
    for start, words, at_context in _SYNTAX:
        if said.startswith(start):
            message = words
            mark = error.context_mark if at_context and error.context_mark else mark
            break
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return UnreadableError(message, line, column)


def compose(text: str) -> tuple[Node | None, dict[Node, str]]:
    """Compose the node tree of one document, with PyYAML's marks.

    Returns:
        The root, None if there is nothing in the text; and the nodes that are refused, with the
        reason.

    Raises:
        UnreadableError: if it is too long, too deep, or cannot be read at all.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise UnreadableError(f"more than {MAX_BYTES // 1024} KB; a config is a small file", 1, 1)
    try:
        composer = _Composer(text)
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        raise UnreadableError(
            f"a character that is not text (U+{ord(text[error.position]):04X})",
            before.count("\n") + 1,
            len(before) - before.rfind("\n"),
        ) from None
    try:
        composer.get_event()  # the stream's start
        root = None
        if not composer.check_event(yaml.StreamEndEvent):
            root = composer.compose_document()
        if not composer.check_event(yaml.StreamEndEvent):
            mark = composer.peek_event().start_mark
            raise UnreadableError(
                "a second document begins here; keep one config in a file",
                mark.line + 1,
                mark.column + 1,
            )
    except yaml.MarkedYAMLError as error:
        raise _explain(error) from None
    finally:
        composer.dispose()
    return root, composer.refused


class _Builder:
    """A builder of plain values from nodes, with the place of each."""

    def __init__(
        self, source: str, refused: dict[Node, str], locate: Callable[[yaml.Mark], Mark]
    ) -> None:
        self.refused, self.locate = refused, locate
        self.document = Document(source)

    def build(self, node: Node, path: KeyPath, key: Mark | None = None) -> Any:
        mark = self.locate(node.start_mark)
        self.document.places[path] = Place(key or mark, mark)
        if node in self.refused:
            return self._spoil(path, self.refused[node], mark)
        if isinstance(node, ScalarNode):
            return self._scalar(node, path, mark)
        if isinstance(node, SequenceNode):
            return [self.build(item, (*path, i)) for i, item in enumerate(node.value)]
        assert isinstance(node, MappingNode)
        return self._mapping(node, path)

    def _spoil(self, path: KeyPath, message: str, mark: Mark) -> None:
        self.document.problems.append(Problem(path, message, mark))
        self.document.spoilt.append(path)

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            mark = self.locate(key_node.start_mark)
            message = self._bad_key(key_node)
            if message is None and key_node.value in found:
                first = self.document.places[(*path, key_node.value)].key
                message = f"given twice, first on line {first.line}"
            if message is not None:
                name = (key_node.value,) if isinstance(key_node, ScalarNode) else ()
                self.document.problems.append(Problem((*path, *name), message, mark))
                continue
            inner = (*path, key_node.value)
            found[key_node.value] = self.build(value_node, inner, mark)
        return found

    def _bad_key(self, node: Node) -> str | None:
        if node in self.refused:
            return self.refused[node]
        if not isinstance(node, ScalarNode):
            return "a list or a mapping cannot be a key; is a quote missing?"
        if node.value == "<<" and node.style is None:
            return "merge keys (<<) are not supported; write the keys out"
        if node.tag != _STR:
            return f"a key is a word, got {printable(node.value) or 'nothing'}"
        if not node.value.isprintable():
            return INVISIBLE_KEY
        return None

    def _scalar(self, node: ScalarNode, path: KeyPath, mark: Mark) -> Any:
        text = node.value
        match node.tag:
            case str(tag) if tag == _NULL:
                return None
            case str(tag) if tag == _BOOL:
                return text.lower() == "true"
            case str(tag) if tag == _LEADING_ZERO:
                plain = text.lstrip("+-0") or "0"
                return self._spoil(
                    path,
                    f"a number with a leading zero is ambiguous, got {printable(text)}; write "
                    f"{printable(plain)}, or put it in quotes if it is a word",
                    mark,
                )
            case str(tag) if tag == _INT:
                if len(text) > 20 or not -(2**63) <= int(text) < 2**63:
                    return self._spoil(path, f"a number out of range: {printable(text)}", mark)
                return int(text)
            case str(tag) if tag == _FLOAT:
                words = text.lower().lstrip("+-")
                number = math.nan if words in (".inf", ".nan") else float(text)
                if not math.isfinite(number):
                    return self._spoil(
                        path, f"expected a finite number, got {printable(text)}", mark
                    )
                return number
        return text


def read(
    text: str, source: str, locate: Callable[[yaml.Mark], Mark] | None = None
) -> tuple[Document, Node | None]:
    """Read one document.

    Args:
        text: YAML.
        source: what to call it in messages.
        locate: from PyYAML's mark to ours; overrides have one place for all of their values.

    Returns:
        What was read, with the problems that do not hinder reading on; and the root node.

    Raises:
        ConfigProblems: if the text cannot be read to its end.
    """
    try:
        root, refused = compose(text)
    except UnreadableError as error:
        mark = Mark(0, error.line, error.column, source)
        raise ConfigProblems([Problem((), error.message, mark)]) from None
    locate = locate or (lambda mark: Mark(0, mark.line + 1, mark.column + 1, source))
    builder = _Builder(source, refused, locate)
    if root is not None:
        builder.document.data = builder.build(root, ())
    return builder.document, root
