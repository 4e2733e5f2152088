"""The notebooks run from top to bottom, and are small and the same on every machine."""

import json
import re
from pathlib import Path

import pytest

from docs.notebooks import NOTEBOOKS, executed

notebooks = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_there_are_notebooks() -> None:
    assert {path.stem for path in NOTEBOOKS} == {"sanity_checks", "training_report"}


@notebooks
def test_a_notebook_is_small_was_run_and_names_no_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert len(text) < 200_000
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    kinds = {output["output_type"] for cell in cells for output in cell["outputs"]}
    assert "error" not in kinds
    assert {output.get("name") for cell in cells for output in cell["outputs"]} <= {None, "stdout"}
    assert not re.search(r"/(home|root|tmp|Users|work|var)/|[A-Z]:\\\\", text)


@pytest.mark.proof
@notebooks
def test_a_notebook_runs_from_top_to_bottom(path: Path, tmp_path: Path) -> None:
    for package in ("matplotlib", "nbclient", "ipykernel"):
        pytest.importorskip(package)
    notebook = executed(path, tmp_path)
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
