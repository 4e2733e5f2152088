"""``completion``: the scripts, tried in the shells that they are for."""

import json
import os
import pty
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE
from tui.cli.commands import COMMANDS, completion
from tui.cli.main import main

RUN = "20260101-120000-quickstart-ab12"
TRAP = "$(touch trapped)"
"""The name of a file that a careless shell would carry out."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a run, configs, weights and an imported data set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CNN_TUI_DATA", raising=False)
    (tmp_path / "runs" / RUN).mkdir(parents=True)
    (tmp_path / "configs").mkdir()
    for name in ("my net", TRAP):
        (tmp_path / "configs" / f"{name}.yaml").touch()
    (tmp_path / "top.yaml").touch()
    (tmp_path / "weights.npz").touch()
    manifest = tmp_path / "data" / "processed" / "pets" / "manifest.json"
    manifest.parent.mkdir(parents=True)
    manifest.touch()
    return tmp_path


def shell(name: str) -> str:
    """The program of a shell; the test is skipped where it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def bash(*words: str) -> list[str]:
    """What bash offers for the last of these words."""
    code = (
        'COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _shtab_cnn_tui; '
        'for one in "${COMPREPLY[@]}"; do echo "$one"; done'
    )
    program = f"{completion.script('bash')}\n{code}"
    done = subprocess.run(
        [shell("bash"), "--norc", "-c", program, "bash", "cnn-tui", *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def fish(line: str) -> list[str]:
    """What fish offers at the end of a line."""
    done = subprocess.run(
        [shell("fish"), "--no-config", "-c", "source; complete -C $argv[1]", line],
        input=completion.script("fish"),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.stderr == ""
    return [offer.partition("\t")[0] for offer in done.stdout.splitlines()]


def test_bash_completes_commands_and_options() -> None:
    assert bash("") == list(COMMANDS)
    assert bash("ev") == ["evaluate"]
    assert bash("runs", "") == ["list", "show", "compare", "verify"]
    assert bash("export", "--ou") == ["--output"]
    assert bash("export", "--format", "o") == ["onnx"]
    assert bash("sweep", "--op") == ["--optuna"]
    assert bash("sweep", "--da") == ["--dask"]
    assert bash("sweep", "--prune", "") == ["median", "halving"]


def test_bash_completes_names_and_files(folder: Path) -> None:
    assert bash("train", "qu") == ["quickstart"]
    assert bash("train", "--config", "my") == ["my net"]
    assert bash("train", "t") == ["top.yaml"]
    assert bash("train", "$") == [TRAP]
    assert bash("resume", "2") == bash("evaluate", "--weights", "2") == [RUN]
    assert bash("evaluate", "--weights", "w") == ["weights.npz"]
    assert bash("runs", "compare", RUN, "2") == [RUN]
    assert bash("data", "show", "pe") == ["pets"]
    assert bash("config", "new", "--dataset", "cifar") == ["cifar100", "cifar10"]
    assert bash("bench", "--preset", "ml") == ["mlp"]
    assert bash("lessons", "3") == ["3-learning-rate"]
    assert bash("export", "--output", "w") == ["weights.npz"]
    assert bash("runs", "list", "--runs-dir", "r") == ["runs"]
    assert not (folder / "trapped").exists()


def test_the_data_of_another_root_are_completed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "data").rename(folder / "elsewhere")
    assert bash("data", "show", "pe") == []
    monkeypatch.setenv("CNN_TUI_DATA", str(folder / "elsewhere"))
    assert bash("data", "show", "pe") == ["pets"]
    monkeypatch.setenv("CNN_TUI_DATA", str(folder / "elsewhere" / "raw"))
    assert bash("data", "show", "pe") == ["pets"]


def test_fish_completes_commands_names_and_files(folder: Path) -> None:
    assert sorted(fish("cnn-tui ")) == sorted(COMMANDS)
    assert fish("cnn-tui train --conf") == ["--config"]
    assert {"quickstart", "my net", TRAP, "top.yaml"} < set(fish("cnn-tui train "))
    assert "weights.npz" not in fish("cnn-tui train ")
    assert fish("cnn-tui runs show 2") == fish("cnn-tui evaluate --weights 2") == [RUN]
    assert fish("cnn-tui data show pe") == ["pets"]
    assert fish("cnn-tui bench --preset ml") == ["mlp"]
    assert not (folder / "trapped").exists()


def test_zsh_completes_what_is_typed(folder: Path) -> None:
    program = shell("zsh")
    (folder / "script").write_text(completion.script("zsh"))
    start = (
        'autoload -U compinit && compinit -D -u; cnn-tui() { print -r -- "GOT:$*:" }; '
        'eval "$(<script)"; print REA""DY\n'
    )
    child, terminal = pty.fork()
    if child == 0:
        os.environ["TERM"] = "dumb"
        os.execv(program, [program, "-f", "-i"])
    try:
        _type(terminal, start, "READY")
        for typed, meant in {
            "tra\tquicks\t": "train quickstart",
            "train my\t": "train my net",
            "train to\t": "train top.yaml",
            "evaluate --weig\t2026\t": f"evaluate --weights {RUN}",
            "data show pe\t": "data show pets",
            "bench --preset ml\t": "bench --preset mlp",
        }.items():
            assert f"GOT:{meant}:" in _type(terminal, f"cnn-tui {typed}\n", "GOT:")
    finally:
        os.close(terminal)
        os.waitpid(child, 0)
    assert not (folder / "trapped").exists()


def _type(terminal: int, text: str, mark: str) -> str:
    """Type into a terminal; what it shows up to the line that has the mark."""
    os.write(terminal, text.encode())
    shown, end = "", time.monotonic() + PATIENCE
    while mark not in shown or not shown.partition(mark)[2].count("\n"):
        assert time.monotonic() < end, shown
        if select.select([terminal], [], [], 0.1)[0]:
            shown += os.read(terminal, 65536).decode(errors="replace")
    return shown


@pytest.mark.parametrize("name", completion.SHELLS)
def test_what_is_printed_is_the_script(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", name]) == 0
    assert capsys.readouterr().out.rstrip("\n") == completion.script(name).rstrip("\n")
    assert main(["completion", name, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["shell"] == name


def test_another_shell_is_refused_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["completion", "fsh"])
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "Did you mean 'fish'?" in line
