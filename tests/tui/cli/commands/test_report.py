"""``report``, with a network that is trained once."""

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from engine.config import loads
from engine.errors import ConfigError, DataError, MissingPackageError
from engine.gradcheck import Report
from engine.reports import figures
from engine.services import report
from engine.services.evaluation import evaluate
from engine.train.session import TrainingSession
from tests.support.command_line import Terminal
from tests.support.small_runs import PLAIN


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with a convolution."""
    root = tmp_path_factory.mktemp("runs")
    places = [f"runs_dir={root / 'runs'}", f"reports_dir={root / 'reports'}"]
    return TrainingSession(loads(PLAIN, "small.yaml", places)).run().run_dir.parent


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


def test_a_run_gets_its_page_its_markdown_and_its_figures(terminal: Terminal, runs: Path) -> None:
    pytest.importorskip("matplotlib")
    (run,) = runs.iterdir()
    done = terminal.run_here("report", str(run), "--json", "--quiet")
    events = [json.loads(line) for line in done.out.splitlines()]
    assert (done.code, done.err) == (0, "")
    assert events[0] == {"event": "studied", "run": run.name, "missing": []}
    folder = terminal.folder / "reports"
    drawn = {figures.file_name(kind, run.name) for kind in figures.KINDS}
    assert {path.name for path in (folder / "figures").iterdir()} == drawn
    assert [event["file"] for event in events[-2:]] == [
        str(Path("reports", name)) for name in ("report.md", "report.html")
    ]
    page = (folder / "report.html").read_text()
    record = json.loads((run / "run.json").read_text())
    for expected in (
        f"{record['test']['test_acc']:.4f}",  # evaluated again, to the same
        record["config_hash"],
        record["provenance"]["weights"][-1],
        record["environment"]["numpy"],
        "0.weight",
        "passed",
        "optimizer: sgd",
    ):
        assert expected in page
    before = (folder / "report.html").stat()
    again = terminal.run_here("report", str(run))
    assert again.code == ConfigError.exit_code
    assert "exists already; --overwrite replaces it" in again.errors[-1]
    assert (folder / "report.html").stat().st_mtime_ns == before.st_mtime_ns


def test_figures_of_other_runs_do_not_outlive_the_report_that_shows_them(
    terminal: Terminal, runs: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    (run,) = runs.iterdir()
    folder = tmp_path / "page"
    other = "20260101-120000-other-ab12"
    theirs = [figures.file_name(kind, other) for kind in ("confusion", "filters", "mistakes")]
    mine = ["confusion.png", "confusion-of-mine.png", f"notes-{other}.png", f"filters-{other}.txt"]
    (folder / "figures").mkdir(parents=True)
    for name in (*theirs, *mine):
        (folder / "figures" / name).write_bytes(b"x")
    for more, left in ([], {*theirs, *mine}), (["--overwrite"], {*mine}):
        done = terminal.run_here("report", str(run), "--output", str(folder), *more)
        assert done.code == 0
        drawn = {figures.file_name(kind, run.name) for kind in figures.KINDS}
        assert {path.name for path in (folder / "figures").iterdir()} == left | drawn


def test_without_its_data_set_a_run_has_a_report_that_says_so(
    terminal: Terminal, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")

    def gone(*args: object, **options: object) -> None:
        raise DataError("mnist_mini: it is not there")

    monkeypatch.setattr(evaluate.factory, "load_dataset", gone)
    (run,) = runs.iterdir()
    done = terminal.run_here("report", str(run), "--output", "new/one")
    assert done.code == 0
    assert "No confusion matrix, no mistakes and no gradient check: mnist_mini" in done.err
    page = (terminal.folder / "new" / "one" / "report.html").read_text()
    assert "mnist_mini: it is not there" in page
    names = {
        path.name.partition("-2")[0] for path in (terminal.folder / "new/one/figures").iterdir()
    }
    assert names == {"loss.png", "accuracy.png", "learning-rate.png", "filters"}


def test_without_weights_a_run_has_its_curves(
    terminal: Terminal, runs: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    (run,) = runs.iterdir()
    copy = shutil.copytree(run, tmp_path / "runs" / run.name)
    for path in copy.rglob("*.npz"):
        path.unlink()
    done = terminal.run_here("report", run.name)
    assert done.code == 0
    assert "No filters, results on the test set or gradient check" in done.err


def test_without_matplotlib_it_says_so_before_any_work(
    terminal: Terminal, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "PACKAGE", "no_such_package")
    (run,) = runs.iterdir()
    done = terminal.run_here("report", str(run))
    assert done.code == MissingPackageError.exit_code == 2
    (line,) = done.errors
    assert "pip install 'cnn-tui[report]'" in line
    assert list(terminal.folder.iterdir()) == []


def test_a_signal_in_the_middle_leaves_nothing(
    terminal: Terminal, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "check_installed", lambda: None)  # it does not come to drawing
    check = report.run_check

    def kill(*given: Any, **options: Any) -> Report:
        os.kill(os.getpid(), signal.SIGTERM)
        return check(*given, **options)

    monkeypatch.setattr(report, "run_check", kill)
    (run,) = runs.iterdir()
    done = terminal.run_here("report", str(run))
    assert done.code == 128 + signal.SIGTERM
    assert list(terminal.folder.iterdir()) == []


def test_a_run_that_there_is_not_is_said_in_a_line(terminal: Terminal) -> None:
    done = terminal.run_here("report", "nothing")
    assert done.code == 3
    assert len(done.errors) == 1
