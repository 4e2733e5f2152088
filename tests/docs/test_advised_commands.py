"""Whatever a config, a message or a page advises can be done as it is written."""

import argparse
import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from engine.config import fields, load
from engine.services.configs import open_config, resolve
from tests.support.imported_sets import make_set
from tests.support.shipped_configs import SHIPPED_PATHS
from tui.cli import main as command_line
from tui.cli.commands import COMMANDS

ROOT = Path(__file__).parents[2]
PAGES = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")))
SOURCES = sorted(path for room in ("engine", "tui") for path in (ROOT / room).rglob("*.py"))
STAND_IN = "RUN"
"""What stands where a message has a value that only the moment knows."""

PROSE = ("config",)
"""Text that begins like a command and is none: the title of the schema."""

_FENCE = re.compile(r"^```[^\n]*\n(.*?)^```", re.M | re.S)
_INLINE = re.compile(r"`([^`]+)`", re.S)
_COMMAND = re.compile(r"\bcnn-tui((?: +(?![;#,|&>])[^\s;`'#|&)]+)+)")
_SETTING = re.compile(  # but for the ranges of a sweep
    r"(?<![\w./-])((?:train|data|callbacks)(?:\.[a-z_0-9]+)+=(?!log:)[^\s'\"`;,)]+)"
)
_KEY = re.compile(r"(?<![\w./-])((?:train|data)\.(?!tcss)[a-z_]+(?:\.[a-z_]+)*)")
_TOOL = re.compile(r"\b(?:python (?:-m )?[\w./]+|pytest)(?: +[^\s;`'#|&]+)*")


# -- what is advised ----------------------------------------------------------------------------


@cache
def texts() -> tuple[tuple[str, str], ...]:
    """(where, text) of all that people read: code in pages, comments of configs, messages."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        if page.name == "CONTRIBUTING.md":  # its examples are carried out, in a copy
            text = text.partition("\n## One file, one line, one row")[0]
        for code in _FENCE.findall(text):
            found += [(page.name, line) for line in code.replace("\\\n", " ").split("\n")]
        for code in _INLINE.findall(_FENCE.sub("", text)):
            found.append((page.name, " ".join(code.split())))
    for config in SHIPPED_PATHS:
        for line in config.read_text(encoding="utf-8").splitlines():
            found.append((config.name, line.partition("#")[2]))
    for source in SOURCES:
        for text in _strings(ast.parse(source.read_text(encoding="utf-8"))):
            found += [(str(source.relative_to(ROOT)), line) for line in text.split("\n")]
    return tuple(found)


def _strings(tree: ast.AST) -> Iterator[str]:
    """All strings of a module but docstrings; f-strings with a stand-in for what is filled in."""
    nodes = list(ast.walk(tree))
    inside = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in ast.walk(node)}
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else STAND_IN
                for part in node.values
            )
    for node in nodes:
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in inside
        ):
            yield node.value


def commands() -> list[tuple[str, str]]:
    """(where, command line) of every ``cnn-tui ...`` that is advised."""
    found = []
    for where, text in texts():
        for match in _COMMAND.findall(text):
            words = match.strip().rstrip(".:)")
            first = words.split()[0]
            if (first in COMMANDS or first.startswith("--")) and words not in PROSE:
                found.append((where, words))
    return list(dict.fromkeys(found))


def settings() -> list[tuple[str, str]]:
    """(where, KEY=VALUE) of every value that is advised to be set."""
    found = [(where, one) for where, text in texts() for one in _SETTING.findall(text)]
    return list(dict.fromkeys(found))


def keys() -> list[tuple[str, str]]:
    """(where, key) of every key of a config that a sentence of a message names."""
    found = [
        (where, key)
        for where, text in texts()
        if where.startswith(("engine", "tui")) and " " in text.strip()
        for key in _KEY.findall(text)
    ]
    return list(dict.fromkeys(found))


def tools() -> list[tuple[str, str]]:
    """(where, command line) of every other program of ours that a page advises."""
    pages = {page.name for page in PAGES}
    found = [
        (where, match.rstrip(".:)"))
        for where, text in texts()
        if where in pages
        for match in _TOOL.findall(text)
        if " -m venv" not in match
    ]
    return list(dict.fromkeys(found))


def _id(value: object) -> str:
    return str(value)


# -- whether it works ---------------------------------------------------------------------------


def test_the_advice_is_found() -> None:
    assert len(commands()) > 15
    assert {"README.md", "quickstart.yaml", "reproducibility.md"} <= {w for w, _ in commands()}
    assert ("quickstart.yaml", "train.lr=0.01") in settings()
    assert ("tui/screens/train/screen.py", "train.lr") in keys()
    assert len(tools()) > 10


def _parsed(words: str) -> argparse.Namespace:
    """The options of a command line; it exits where it is refused."""
    for stand_in, word in (
        ("…", "x"),
        ("[", ""),
        ("]", ""),
        ("KEY=VALUE", "train.lr=0.1"),
        ("=N", "=3"),
    ):
        words = words.replace(stand_in, word)
    arguments = shlex.split(words)
    for option in {"--help", "--version"}.intersection(arguments):
        arguments.remove(option)  # they end the command
    if arguments and arguments[0] in COMMANDS:
        return command_line.command_parser(arguments[0]).parse_args(arguments[1:])
    return command_line.top_parser().parse_args(arguments)


@pytest.mark.parametrize(("where", "words"), commands(), ids=_id)
def test_every_command_is_understood(
    where: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "pets" in words:  # what another command has imported
        monkeypatch.setenv("CNN_TUI_DATA", str(tmp_path))
        make_set(tmp_path, shape=(3, 32, 32))
    options = _parsed(words)
    name = getattr(options, "config", None)
    if name in (None, "CONFIG", "my.yaml", "pets.yaml", STAND_IN, f"{STAND_IN}.yaml"):
        name = "quickstart"
    open_config(name, getattr(options, "overrides", []))


@pytest.mark.parametrize(("where", "setting"), settings(), ids=_id)
def test_every_setting_can_be_made(where: str, setting: str) -> None:
    config = ROOT / "configs" / where
    load(config if config.is_file() else resolve("quickstart"), [setting.replace("=N", "=3")])


@pytest.mark.parametrize(("where", "key"), keys(), ids=_id)
def test_every_key_that_is_named_exists(where: str, key: str) -> None:
    known = {field.path for field in fields()}
    assert any(one == key or one.startswith(f"{key}.") for one in known), f"{where}: {key}"


@pytest.mark.parametrize(("where", "words"), tools(), ids=_id)
def test_every_other_program_is_there(where: str, words: str, pytestconfig: pytest.Config) -> None:
    program, *rest = words.split()
    if program.endswith("pytest"):
        named = [word for word in rest if "/" in word and not word.startswith("-")]
        for option in (word for word in rest if word.startswith("--") and "=" not in word):
            ours = any(option in path.read_text() for path in (ROOT / "tests").rglob("conftest.py"))
            assert ours or pytestconfig.getoption(option, default=words) != words
        rest = []
    elif rest[0] == "-m":
        module, rest = rest[1].replace(".", "/"), rest[2:]
        named = [f"{module}.py" if (ROOT / f"{module}.py").is_file() else f"{module}/__main__.py"]
    else:
        named = rest[:1]
    for name in named:
        assert (ROOT / name).exists(), f"{where}: {words}"
    for option in (word for word in rest if word.startswith("--")):
        told = [path for name in named for path in _files(ROOT / name)]
        assert any(option in path.read_text(encoding="utf-8") for path in told), f"{where}: {words}"


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else [*path.rglob("*.py")]


@pytest.mark.parametrize("config", SHIPPED_PATHS, ids=lambda path: path.name)
@pytest.mark.parametrize("limit", [10, 100, 1000, 4000])
def test_any_limit_goes_with_any_config_that_ships(config: Path, limit: int) -> None:
    load(config, [f"data.limit={limit}"])
