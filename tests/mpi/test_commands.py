"""Commands as jobs of several ranks: rank 0 alone writes; what cannot be is one line."""

import json
import os
from pathlib import Path

import pytest

from tests.support.command_line import SMALL, Terminal
from tests.support.proofs import rest_as_proofs
from tests.support.ranks import needs_mpi, run_ranks

TRAIN = ("train", "quickstart", *SMALL)


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


@needs_mpi
def test_rank_0_alone_writes_and_counts_what_was_sent(terminal: Terminal) -> None:
    alone = terminal.run(*TRAIN)
    one = (terminal.only_run / "weights.npz").read_bytes()
    done = run_ranks(terminal, *[(*TRAIN, "--json", "--set", "runs_dir=both")] * 2)
    assert (alone.code, done.code) == (0, 0), done.err
    events = [json.loads(line) for line in done.out.splitlines()]
    assert [event["event"] for event in events].count("start") == 1
    (path,) = (terminal.folder / "both").iterdir()
    assert (path / "weights.npz").read_bytes() == one
    (traffic,) = [event for event in events if event["event"] == "ranks"]
    # Each rank sends half of 61,706 gradients to the other, and half of their sums.
    assert traffic["bytes_per_step"] == pytest.approx(2 * 61_706 * 4, rel=0.03)
    assert json.loads((path / "run.json").read_text())["ranks"] == {
        key: value for key, value in traffic.items() if key != "event"
    }
    assert "2 ranks on 1 machine sent each other 474 KB a step" in done.err


DIFFERENT = {
    "code": ("from engine.runs import environment as e; e._source = lambda: 'other'", "its code"),
    "version": ("import engine; engine.__version__ = '0.0.1'", "cnn-tui: 0.0.1, not"),
    "numpy": ("import numpy; numpy.__version__ = '2.0.9'", "NumPy: 2.0.9, not"),
    "kernel": (
        "from engine.runs import environment as e; e._blas = lambda build: "
        "[{'library': 'openblas', 'version': '0.3', 'architecture': 'Zen'}]",
        "BLAS: openblas 0.3 Zen, not",
    ),
    "data": (
        "from engine.data import Split; Split.digest = lambda *_: 'f' * 64",
        "samples: ffffffffffff, not",
    ),
    "no data": (
        "from engine.train import factory; from engine.errors import DataError\n"
        "def no(*_, **__): raise DataError('mnist_mini: not found')\n"
        "if rank == 1: factory.load_dataset = no",
        "mnist_mini: not found",
    ),
}


@needs_mpi
@pytest.mark.parametrize("what", rest_as_proofs(DIFFERENT))
def test_a_rank_that_differs_is_refused_by_name(what: str, terminal: Terminal) -> None:
    code, words = DIFFERENT[what]
    setup = code if "if rank" in code else f"if rank == 1:\n    {code}"
    done = run_ranks(terminal, TRAIN, TRAIN, setup=setup)
    (line,) = done.errors
    assert done.code == (3 if what == "no data" else 2)
    assert f"rank 1 on {os.uname().nodename}" in line
    assert words in line
    assert not list(terminal.folder.glob("runs/*"))


@needs_mpi
@pytest.mark.proof
@pytest.mark.parametrize(
    ("one", "other", "code", "words"),
    [
        (TRAIN, (*TRAIN, "--set", "train.lr=0.5"), 2, "in the config"),
        (TRAIN, ("train", "nothing"), 2, "nothing: no such config"),
        (("train", "nothing"), ("train", "nothing"), 2, "nothing: no such config"),
        (("resume", "nothing"), ("resume", "nothing"), 3, "nothing"),
        ((*TRAIN, "--seeds", "2"), (*TRAIN, "--seeds", "2"), 2, "trained by one process"),
    ],
)
def test_what_cannot_begin_is_one_line_and_leaves_nothing(
    one: tuple[str, ...], other: tuple[str, ...], code: int, words: str, terminal: Terminal
) -> None:
    done = run_ranks(terminal, one, other)
    assert done.code == code
    (line,) = done.errors
    assert words in line
    assert not list(terminal.folder.glob("runs/*"))


@needs_mpi
@pytest.mark.proof
def test_a_portable_training_starts_every_rank_anew(terminal: Terminal) -> None:
    arguments = (*TRAIN, "--portable")
    alone = terminal.run(*arguments)
    one = (terminal.only_run / "weights.npz").read_bytes()
    done = run_ranks(terminal, *[(*arguments, "--set", "runs_dir=both")] * 2)
    assert (alone.code, done.code) == (0, 0), done.err
    (path,) = (terminal.folder / "both").iterdir()
    assert (path / "weights.npz").read_bytes() == one


@needs_mpi
@pytest.mark.proof
def test_a_rank_that_does_not_start_ends_all_with_a_line(terminal: Terminal) -> None:
    setup = """
import time
from engine.parallel import mpi
mpi.PATIENCE = 1.0
if rank == 1:
    time.sleep(600)
"""
    done = run_ranks(terminal, TRAIN, TRAIN, setup=setup)
    assert done.code == 9
    assert "some ranks have not started" in done.errors[0]
    assert not list(terminal.folder.glob("runs/*"))


RANK = {"PMI_RANK": "0", "PMI_SIZE": "4"}


@pytest.mark.parametrize(
    "arguments",
    [(), ("evaluate", "--weights", "quickstart"), ("sweep", "quickstart", "--grid", "seed=1,2")],
)
def test_what_is_no_training_is_refused_on_several_ranks(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = Terminal(tmp_path, RANK).run_here(*arguments)
    assert done.code == 2
    (line,) = done.errors
    assert "runs in one process" in line
    assert "mpiexec -n 4 cnn-tui train CONFIG" in line
    others = Terminal(tmp_path, {**RANK, "PMI_RANK": "3"}).run_here(*arguments)
    assert (others.code, others.out, others.err) == (2, "", "")


def test_without_mpi4py_a_line_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.errors.find_spec", lambda name: None)
    done = Terminal(tmp_path, RANK).run_here(*TRAIN)
    assert done.code == 2
    (line,) = done.errors
    assert line.endswith("pip install 'cnn-tui[mpi]'")
    assert not list(tmp_path.iterdir())


def test_a_process_by_itself_imports_no_mpi(tmp_path: Path) -> None:
    done = Terminal(tmp_path).python(
        "import sys; from tui.cli.main import main\n"
        f"code = main({list(TRAIN)!r})\n"
        "assert 'mpi4py' not in sys.modules; sys.exit(code)"
    )
    assert done.code == 0, done.err
