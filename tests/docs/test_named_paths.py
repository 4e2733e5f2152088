"""The pages name what there is: files, what is in them, and tests."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
NEW = set(re.findall(r"^`([\w./]+)`[^\n]*:\n\n```python", CONTRIBUTING, re.M))
"""The files that the worked examples add."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_folder_and_test_that_is_named_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    rooms = "tests|engine|tui|docs|configs|benchmarks"
    for path, test in re.findall(rf"\b((?:{rooms})/[\w/.-]*\w)(?:::(\w+))?", text):
        assert (ROOT / path).exists() or path in NEW or page.name == "CHANGELOG.md", path
        if test:
            assert f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{test}"


def test_every_step_of_the_architecture_is_in_its_file() -> None:
    _, *ways = ARCHITECTURE.split("\n## ")
    step = r"((?:engine|tui)/[\w/]+\.py)  +([A-Za-z_][\w.]*)(?=\s)"
    steps = [found for way in ways for found in re.findall(step, way)]
    assert len(steps) > 50
    for path, name in steps:
        assert name in _names(ROOT / path), f"{path} has no {name}"


@cache
def _names(path: Path) -> set[str]:
    """Functions, classes, methods and constants of a module."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
            found |= {
                f"{node.name}.{inner.name}"
                for inner in ast.walk(node)
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and inner is not node
            }
    return found


def test_the_tree_has_a_line_for_every_room() -> None:
    tree = re.search(r"^## The tree\n+```\n(.*?)^```", CONTRIBUTING, re.M | re.S)
    assert tree is not None
    listed, top = set(), ""
    for line in tree[1].splitlines():
        indent, name, what = re.fullmatch(r"( *)([\w]+)/ +(\S.*)", line).groups()  # type: ignore[union-attr]
        assert what
        top = "" if not indent else top
        listed.add(f"{top}{name}")
        top = top if indent else f"{name}/"
    for package in ("engine", "tui"):
        rooms = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
        assert {room for room in listed if room.startswith(f"{package}/")} == {
            f"{package}/{room}" for room in rooms
        }
    assert all((ROOT / room).is_dir() for room in listed)


def test_every_row_of_the_faults_has_its_test() -> None:
    lines = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.startswith("| fault")]
    assert len(rows) > 40
    for row in rows:
        assert re.fullmatch(r"\| .+ \| .+ \| .+ \| `tests/[\w/]+\.py::test_\w+` \|", row), row
