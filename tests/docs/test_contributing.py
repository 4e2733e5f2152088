"""CONTRIBUTING.md: every worked example is carried out in a copy of the project.

An example is a section of "One file, one line, one row". Its fenced blocks stand below the path
that they belong to: a file is written, a ``diff`` is applied to a file that is there, and the
lines of ``sh`` are run. Then a script looks for the new thing wherever the kind should show up.
"""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PARTS = ("engine", "tui", "configs", "docs", "tests", "data/mnist_mini")
NOT_NEEDED = shutil.ignore_patterns("__pycache__", "__snapshots__", "screenshots")
_BLOCK = re.compile(
    r"(?:^`(?P<path>[\w./]+)`[^\n]*:\n\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.M | re.S
)


@dataclass(frozen=True)
class Example:
    """A worked example.

    Attributes:
        kind: what it adds: ``a layer``.
        files: the content of every new file, by path.
        changes: the lines of every ``diff``, by path.
        commands: what is run, line by line.
    """

    kind: str
    files: dict[str, str]
    changes: dict[str, list[str]]
    commands: list[str]


def examples() -> list[Example]:
    """All worked examples, in the order of the page."""
    part = re.search(r"^## One file, one line, one row\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
    assert part is not None
    found = []
    for section in re.split(r"^### ", part[1], flags=re.M)[1:]:
        example = Example(section.partition("\n")[0], {}, {}, [])
        for block in _BLOCK.finditer(section):
            path, text = block["path"], block["text"]
            if block["kind"] == "sh":
                example.commands.extend(text.splitlines())
            elif block["kind"] == "diff":
                example.changes[path] = text.splitlines()
            else:
                assert path, text
                example.files[path] = text
        found.append(example)
    return found


EXAMPLES = {example.kind: example for example in examples()}

FOUND = {
    "A layer": r"""
        from engine.config import loads
        from engine.layers import LAYERS
        from engine.models import build
        loads("dataset: mnist_mini\nlayers: [Swish, Flatten, Dense: {out_features: 10}]")
        assert build(["Swish"], (3, 4, 4)).spec() == ["Swish"]
        assert "sigmoid" in LAYERS["Swish"].about
    """,
    "A scheduler": """
        names = [one["properties"]["name"] for one in json_schema()["$defs"].values()
                 if "name" in one.get("properties", {})]
        assert any("polynomial" in json.dumps(name) for name in names)
        assert "polynomial" in choices("train.scheduler")
        assert "polynomial" in problem("train.scheduler.name=polynomal")
        assert loads(CONFIG, overrides=["train.scheduler={name: PolynomialLR, power: 2}"])
    """,
    "A callback": """
        assert "stop_at" in json.dumps(json_schema())
        assert any(row.path == "callbacks.stop_at" for row in
                   form_rows.rows(ConfigDocument(Path("quickstart.yaml"), CONFIG)))
        assert "stop_at" in problem("callbacks=[stop_add]")
    """,
    "A command": """
        assert "what every kind of layer does" in command("--help")
        assert "name" in command("layers", "--help")
        assert "Did you mean" in subprocess.run(
            ["cnn-tui", "layer"], capture_output=True, text=True).stderr
    """,
    "A loss": """
        assert "poisson" in schema("train")["loss"]["enum"]
        assert "poisson" in choices("train.loss")
        assert "poisson" in problem("train.loss=poison")
    """,
    "An optimizer": """
        assert "adagrad" in schema("train")["optimizer"]["enum"]
        assert "adagrad" in choices("train.optimizer")
        assert "adagrad" in problem("train.optimizer=adagrat")
    """,
    "A data set": """
        assert "bars" in schema()["dataset"]["anyOf"][0]["enum"]
        assert "bars" in choices("dataset")
        assert "bars" in problem("dataset=barz")
        assert "Bars, drawn" in command("data", "list")
    """,
    "An exporter": """
        assert "{h,npz," in command("export", "--help")
        from tui.screens.runs import exporting
        assert "h" in exporting.EXPORTERS
    """,
    "A screen": """
        from docs import keys
        assert "| 9 Layers | `u` | Go to the first layer |" in keys.table()
        import asyncio
        from tui.app import CnnApp
        from tui.state.workspace import Workspace
        from tui.widgets.table import Table
        async def look():
            app = CnnApp(Workspace.opened())
            async with app.run_test() as pilot:
                await pilot.press("9")
                await pilot.pause()
                assert app.screen.WHERE == "layers"
                assert app.screen.query_one(Table).key == next(iter(LAYERS))
        from engine.layers import LAYERS
        asyncio.run(look())
    """,
}
"""What has to be true of each, besides its row: schema, form, help and app know it."""

HELPERS = """
import json, subprocess
from pathlib import Path
import pytest
from engine.config import ConfigProblems, json_schema, loads
from tui.screens.configs import form_rows
from tui.state.document import ConfigDocument

CONFIG = Path("configs/quickstart.yaml").read_text()

def schema(section=None):
    whole = json_schema()
    if section is None:
        return whole["properties"]
    return whole["$defs"][section.title()]["properties"]

def choices(path):
    rows = form_rows.rows(ConfigDocument(Path("quickstart.yaml"), CONFIG))
    return next(row for row in rows if row.path == path).options

def problem(override):
    with pytest.raises(ConfigProblems) as caught:
        loads(CONFIG, overrides=[override])
    return str(caught.value)

def command(*words):
    return subprocess.run(["cnn-tui", *words], capture_output=True, text=True, check=True).stdout
"""


def changed(text: str, change: list[str], path: str) -> str:
    """A text with the added lines of a ``diff``; the others say where, and ``@@`` elsewhere."""
    for hunk in "\n".join(change).split("\n@@\n"):
        lines = hunk.split("\n")
        before = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("+"))
        after = "".join(f"{line[1:]}\n" for line in lines)
        assert text.count(before) == 1, f"{path}: not once in it:\n{before}"
        text = text.replace(before, after)
    return text


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of all that a contributor changes."""
    for part in PARTS:
        shutil.copytree(ROOT / part, tmp_path / part, ignore=NOT_NEEDED)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def run(project: Path, *command: str) -> str:
    """Run a command in the copy, with its modules before those of this checkout."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        command,
        cwd=project,
        env=own
        | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(project),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (
        f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    )
    return done.stdout


def test_there_is_an_example_of_every_kind() -> None:
    kinds = "layer, loss, optimizer, scheduler, callback, data set, exporter, command, screen"
    assert [kind.split(" ", 1)[1] for kind in EXAMPLES] == kinds.split(", ")
    assert FOUND.keys() == EXAMPLES.keys()


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_an_example_is_one_file_one_line_and_one_row(example: Example) -> None:
    added = {path: text.count("\n") for path, text in example.files.items()}
    for path, change in example.changes.items():
        assert not any(line.startswith("-") for line in change)
        added[path] = sum(line.startswith("+") for line in change)
    engine_and_app = sorted(n for path, n in added.items() if not path.startswith("tests/"))
    assert sum(engine_and_app[:-1]) <= 1, added
    assert len(added) - len(engine_and_app) <= 1, added
    assert example.commands


@pytest.mark.proof
@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_an_example_works(example: Example, project: Path) -> None:
    for path, text in example.files.items():
        assert not (project / path).exists(), path
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(text, encoding="utf-8")
    for path, change in example.changes.items():
        file = project / path
        file.write_text(changed(file.read_text(encoding="utf-8"), change, path), encoding="utf-8")
    for command in example.commands:
        run(project, "bash", "-euo", "pipefail", "-c", command)
    (project / "look.py").write_text(HELPERS + textwrap.dedent(FOUND[example.kind]))
    run(project, sys.executable, "look.py")
