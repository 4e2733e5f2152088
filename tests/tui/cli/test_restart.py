"""A command that starts itself again, where a training needs it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine import portable
from engine.runs.directory import RunDir
from engine.runs.listing import list_runs
from tests.support import TINY_CONFIG
from tui.cli import restart
from tui.cli.main import main

ROOT = Path(__file__).parents[3]
needs_avx2 = pytest.mark.skipif(bool(portable.not_possible()), reason=portable.not_possible())


def cnn_tui(folder: Path, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in (*portable.variables(), "CNN_TUI_RESTARTED")
    }
    return subprocess.run(
        [sys.executable, "-m", "tui", *arguments],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT)},
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


@needs_avx2
def test_a_portable_training_runs_with_the_kernels_for_avx2_and_verifies(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY_CONFIG.read_text())
    done = cnn_tui(tmp_path, "--no-ui", "--portable", "tiny.yaml")
    assert done.returncode == 0, done.stderr
    (run,) = list_runs(tmp_path / "runs")
    facts = RunDir.view(run.path).read_record()["provenance"]["parts"]
    assert [blas["architecture"] for blas in facts[0]["environment"]["blas"]] == ["Haswell"]
    again = cnn_tui(tmp_path, "runs", "verify", run.id)
    assert "verified:" in again.stdout, again.stderr


@needs_avx2
def test_a_config_from_a_pipe_cannot_be_read_again_and_the_line_says_what_to_set(
    tmp_path: Path,
) -> None:
    if not portable.not_in_effect():
        pytest.skip("this process computes portably already")
    done = cnn_tui(tmp_path, "--no-ui", "--portable", "-", text=TINY_CONFIG.read_text())
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "set OPENBLAS_CORETYPE='Haswell'" in line
    assert not list(tmp_path.iterdir())


def test_a_program_that_calls_the_command_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(portable, "not_possible", lambda: "")
    monkeypatch.setattr(portable, "not_in_effect", lambda: "OpenBLAS uses its Zen kernels")
    assert main(["train", "--portable", str(TINY_CONFIG)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "train.portable: OpenBLAS uses its Zen kernels; train with 'cnn-tui --no-ui'" in line
    assert not (tmp_path / "runs").exists()


def test_a_restart_that_did_not_help_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNN_TUI_RESTARTED", "1")
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("started once more"))
    restart.restart({"OPENBLAS_CORETYPE": "Haswell"})
