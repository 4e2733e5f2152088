"""A folder with runs of every kind."""

from pathlib import Path

import pytest

from tests.support.run_makers import make_run
from tests.support.runs_screen import BAD, CUT, ONE, TWO


@pytest.fixture
def runs(home: Path) -> Path:
    """Four runs: two finished, one stopped, one broken; the newest first is the broken one."""
    root = home / "runs"
    make_run(root, ONE)
    make_run(root, TWO, accuracies=(0.6, 0.9), overrides=("train.lr=0.5", "seed=7"))
    make_run(root, CUT, status="stopped", accuracies=(0.4,))
    make_run(root, BAD)
    (root / BAD / "run.json").write_text("{")
    return root
