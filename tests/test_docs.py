"""The documentation names what there is."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_and_folder_that_is_named_is_there(page: Path) -> None:
    text = page.read_text()
    named = re.findall(r"\b(tests/[\w/.]*\w)(?:::(\w+))?", text)
    assert named
    for path, test in named:
        assert (ROOT / path).exists(), path
        if test:
            assert f"def {test}(" in (ROOT / path).read_text(), f"{path}::{test}"


def test_every_row_of_the_faults_has_its_test() -> None:
    lines = (ROOT / "docs" / "faults.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.startswith("| fault")]
    assert len(rows) > 40
    for row in rows:
        assert re.fullmatch(r"\| .+ \| .+ \| .+ \| `tests/[\w/]+\.py::test_\w+` \|", row), row
