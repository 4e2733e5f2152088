"""The reader of lessons: Markdown with a few fields, checked line by line.

The form is described in ``docs/lessons/README.md``.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from engine import paths
from engine.config import ConfigProblems, load, loads
from engine.config.errors import dotted
from engine.config.yaml_reader import read as read_yaml
from engine.errors import ConfigError, DataError
from engine.sanitize import printable, visible
from engine.services.configs import resolve
from engine.storage import atomic
from engine.suggest import suggestion
from tui.lessons.lesson import Lesson, Option, Step

if TYPE_CHECKING:
    from markdown_it.token import Token

MOST_BYTES = 256 << 10
_SHOWN = 20  # problems of a file
_HEAD = {"title": "a text", "minutes": "a number from 1 up", "needs": "a text"}
_STEP = {"screen": "a text", "key": "a text", "run": "a text", "set": "a list of KEY=VALUE"}
_TASK = re.compile(r"[-*+]\s+\[( |x|X)\]\s+(?=\S)")


class LessonProblems(ConfigError):
    """All that is wrong with a lesson, a line each: file, line, what is wrong, what to do."""

    def __init__(self, path: Path, problems: Sequence[tuple[int, str]]) -> None:
        self.problems = sorted(problems)
        lines = [f"{path}:{line}: {message}" for line, message in self.problems[:_SHOWN]]
        if len(self.problems) > _SHOWN:
            lines.append(f"{path}: and {len(self.problems) - _SHOWN} more")
        super().__init__("\n".join(lines))


def read(path: Path) -> Lesson:
    """Read a lesson.

    Raises:
        DataError: the file is missing or cannot be read.
        LessonProblems: something in it is wrong.
    """
    try:
        raw = atomic.read_limited(paths.real_path(path), MOST_BYTES)
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path}: not a lesson: it is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read: {paths.reason(error)}; "
            "'cnn-tui lessons' lists the lessons that can be"
        ) from None
    return _Reader(path, visible(text.replace("\r\n", "\n").expandtabs(4))).lesson()


class _Block(NamedTuple):
    """A heading, paragraph, list or fence, with all tokens in it; lines from 0, without the head.

    Attributes:
        tokens: the first one says what it is.
        start, end: its lines, half open.
    """

    tokens: list["Token"]
    start: int
    end: int

    @property
    def kind(self) -> str:
        """What it is: ``heading_open``, ``fence``, ..."""
        return self.tokens[0].type


class _Reader:
    def __init__(self, path: Path, text: str) -> None:
        self._path, self._text = path, text
        self._problems: list[tuple[int, str]] = []

    def lesson(self) -> Lesson:
        head, self._lines, self._offset = self._split()
        fields = self._fields(head, 2, _HEAD)
        for key in ("title", "minutes"):
            if key not in fields and not self._problems:
                self._wrong(1, f"no '{key}' at the top; write '{key}: {_HEAD[key]}' there")
        steps = tuple(self._steps())
        if not steps and not self._problems:
            self._wrong(self._offset + 1, "no steps; begin each with a heading: ## Predict")
        if self._problems:
            raise LessonProblems(self._path, self._problems)
        return Lesson(
            self._path.stem,
            self._path,
            fields["title"],
            fields["minutes"],
            fields.get("needs", ""),
            steps,
            self._text,
        )

    def _wrong(self, line: int, message: str) -> None:
        self._problems.append((line, message))

    def _split(self) -> tuple[str, list[str], int]:
        """The fields at the top, the lines below, and the number of lines above these."""
        lines = self._text.split("\n")
        if lines[0].rstrip() != "---":
            self._wrong(1, "expected '---' and below it title and minutes, closed by '---'")
            return "", lines, 0
        for number, line in enumerate(lines[1:], 1):
            if line.rstrip() == "---":
                return "\n".join(lines[1:number]), lines[number + 1 :], number + 1
        self._wrong(1, "the fields at the top have no end; write '---' below them")
        return "", [], len(lines)

    def _fields(self, text: str, first: int, known: dict[str, str]) -> dict[str, Any]:
        """The fields of a block of YAML whose first line is the file's line ``first``."""
        try:
            document, _ = read_yaml(text, str(self._path))
        except ConfigProblems as error:
            for problem in error.problems:
                self._wrong(first + problem.mark.line - 1, problem.message)
            return {}
        for problem in document.problems:
            self._wrong(first + problem.mark.line - 1, problem.message)
        if document.data is None:
            return {}
        if not isinstance(document.data, dict):
            self._wrong(first, f"expected lines such as '{next(iter(known))}: ...'")
            return {}
        found = {}
        for key, value in document.data.items():
            line = first + document.mark((key,), key=True).line - 1
            if key not in known:
                meant = suggestion(key, known) or f" There are: {', '.join(known)}"
                self._wrong(line, f"unknown field '{printable(key)}'.{meant}")
            elif not _fits(value, known[key]):
                hint = "; put it in quotes" if known[key] == "a text" else ""
                self._wrong(line, f"{key}: expected {known[key]}{hint}")
            else:
                found[key] = value
        return found

    # -- steps ----------------------------------------------------------------------------------

    def _steps(self) -> Iterator[Step]:
        title, blocks = None, list[_Block]()
        for block in _blocks("\n".join(self._lines)):
            if block.kind == "heading_open" and block.tokens[0].tag == "h2":
                if title is not None:
                    yield self._step(title, blocks)
                title, blocks = block, []
            elif title is None:
                self._wrong(
                    self._line(block), "text above the first step; begin with '## ' and a heading"
                )
            else:
                blocks.append(block)
        if title is not None:
            yield self._step(title, blocks)

    def _line(self, block: _Block) -> int:
        return self._offset + block.start + 1

    def _step(self, heading: _Block, blocks: list[_Block]) -> Step:
        words = heading.tokens[1].content
        fields: dict[str, Any] = {}
        options: tuple[Option, ...] = ()
        text, own = [], ""
        for block in blocks:
            first = block.tokens[0]
            if block.kind == "fence" and first.info.strip() == "step":
                if fields:
                    self._wrong(self._line(block), "a second ```step block; join the two")
                fields |= self._fields(first.content, self._line(block) + 1, _STEP)
                self._check_fields(fields, self._line(block))
            elif block.kind == "fence" and first.info.split() == ["yaml", "run"]:
                if own:
                    self._wrong(self._line(block), "a second config; give it a step of its own")
                own = first.content
                self._check_config(own, self._line(block))
                text.append(f"```yaml\n{own}```")
            elif block.kind == "bullet_list_open" and self._is_question(block):
                if options:
                    self._wrong(self._line(block), "a second question; give it a step of its own")
                options = tuple(self._options(block))
            else:
                text.append("\n".join(self._lines[block.start : block.end]).rstrip())
        if own and "run" in fields:
            self._wrong(self._line(heading), "two configs to train; leave out 'run'")
        if not text and not options:
            self._wrong(self._line(heading), "a step without a word; say what to do in it")
        return Step(
            words,
            "\n\n".join(text),
            self._line(heading),
            options,
            fields.get("screen", ""),
            fields.get("key", ""),
            fields.get("run", ""),
            tuple(fields.get("set", ())),
            own,
        )

    def _check_config(self, text: str, line: int) -> None:
        try:
            loads(text, "lesson.yaml")
        except ConfigProblems as error:
            for problem in error.problems:
                path = f"{dotted(problem.path)}: " if problem.path else ""
                self._wrong(line + problem.mark.line, f"{path}{problem.message}")

    def _check_fields(self, fields: dict[str, Any], line: int) -> None:
        if "set" in fields and "run" not in fields:
            self._wrong(line, "'set' changes the config that 'run' names; add 'run'")
        if "key" in fields and "screen" not in fields:
            self._wrong(line, "a key works on a screen; add 'screen'")
        if "run" in fields:
            try:
                load(resolve(fields["run"]), fields.get("set", ()))
            except ConfigError as error:
                self._wrong(line, f"run: {str(error).splitlines()[0]}")

    def _is_question(self, block: _Block) -> bool:
        return any(_TASK.match(self._lines[start].strip()) for start, _ in _items(block))

    def _options(self, block: _Block) -> Iterator[Option]:
        for start, end in _items(block):
            first, *below = (line.strip() for line in self._lines[start:end])
            task = _TASK.match(first)
            if task is None:
                self._wrong(
                    self._offset + start + 1, "every answer begins '- [ ] ', the right one '- [x] '"
                )
                continue
            why = " ".join(filter(None, below))
            yield Option(first[task.end() :], task[1] in "xX", why)


def _fits(value: object, expected: str) -> bool:
    if expected == "a text":
        return isinstance(value, str) and bool(value.strip())
    if expected == "a number from 1 up":
        return isinstance(value, int) and not isinstance(value, bool) and value >= 1
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _blocks(text: str) -> list[_Block]:
    """The outermost blocks of a Markdown text."""
    from markdown_it import MarkdownIt  # it would be a tenth of the app's start

    found: list[_Block] = []
    for token in MarkdownIt("commonmark").parse(text):
        if token.level == 0 and token.nesting >= 0 and token.map is not None:
            found.append(_Block([token], *token.map))
        else:
            found[-1].tokens.append(token)
    return found


def _items(block: _Block) -> Iterator[tuple[int, int]]:
    """The lines of the items of a list; not those of a list in it."""
    for token in block.tokens:
        if token.type == "list_item_open" and token.level == 1 and token.map is not None:
            yield token.map[0], token.map[1]
