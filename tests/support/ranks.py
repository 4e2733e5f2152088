"""Commands and trainings as jobs of several ranks, started by the ``mpiexec`` beside Python."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import ROOT, Done, Terminal
from tests.support.patience import PATIENCE

MPIEXEC = shutil.which("mpiexec", path=str(Path(sys.executable).parent))

needs_mpi = pytest.mark.skipif(
    MPIEXEC is None or find_spec("mpi4py") is None,
    reason="no mpi4py, or no mpiexec beside Python: pip install -e '.[mpi]'",
)

_COMMAND = """
import os, sys
rank = int(os.environ["PMI_RANK"])
{setup}
from tui.cli.main import main
sys.exit(main())
"""


def start_ranks(
    terminal: Terminal, *each: Sequence[str], setup: str = "", **variables: str
) -> "subprocess.Popen[str]":
    """Start ``cnn-tui`` on ranks that may have arguments of their own.

    Args:
        terminal: in whose folder.
        each: the arguments of each rank.
        setup: Python that every rank runs before; ``rank`` is its number.
        variables: of the environment, besides the terminal's.
    """
    assert MPIEXEC is not None
    code = _COMMAND.format(setup=setup) if setup else ""
    program = [sys.executable, *(["-c", code] if code else ["-m", "tui"])]
    command = [MPIEXEC]
    for number, arguments in enumerate(each):
        command += [":"] * (number > 0) + ["-n", "1", *program, *arguments]
    return subprocess.Popen(
        command,
        cwd=terminal.folder,
        env=os.environ | terminal.variables | variables,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def run_ranks(terminal: Terminal, *each: Sequence[str], setup: str = "", **variables: str) -> Done:
    """Run ``cnn-tui`` on ranks to the end."""
    return terminal.finish(start_ranks(terminal, *each, setup=setup, **variables))


def train_on_ranks(
    folder: Path, count: int, cases: Sequence[Mapping[str, Any]], machines: int = 1
) -> list[Any]:
    """Train configs one after the other on the same ranks, see ``tests.mpi.job``.

    Args:
        folder: of the runs.
        count: how many ranks.
        cases: what to train.
        machines: how many MPICH is to see in this one.

    Returns:
        What came of each.
    """
    assert MPIEXEC is not None
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cases.json").write_text(json.dumps(cases))
    done = subprocess.run(
        [MPIEXEC, "-n", str(count), sys.executable, "-m", "tests.mpi.job", str(folder)],
        cwd=ROOT,
        env=os.environ | {"MPIR_CVAR_NUM_CLIQUES": str(machines)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    results: list[Any] = json.loads((folder / "results.json").read_text())
    return results
