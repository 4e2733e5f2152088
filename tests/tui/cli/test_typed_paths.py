"""Every place of the command line that takes a path, and everything that may be typed there."""

import argparse
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.privileges import ordinary_user
from tests.support.proofs import rest_as_proofs
from tests.support.typed_paths import TYPED, litter, unlock
from tui.cli import main as command_line
from tui.cli import parser as types
from tui.cli.commands import COMMANDS

LAYERS = "layers=[Flatten, Dense: {out_features: 10}]"
CHECK = ("config", "check", "--set", "model=null", "--set", LAYERS)
TRAIN = ("--set", "train.epochs=1", "--set", "data.limit=20", "--set", "train.batch_size=9")
EXPORT = ("export", "--output=o")
IMPORT = ("data", "import", "nothing", "--name", "mine")
GRID = ("--grid", "seed=1..2")
TRAINED = ("--config", "quickstart", "--weights")

DOORS: dict[str, Callable[[str], list[str]]] = {
    "config check CONFIG": lambda text: ["config", "check", text],
    "config show CONFIG": lambda text: ["config", "show", text],
    "train --config": lambda text: ["train", f"--config={text}"],
    "evaluate --config": lambda text: ["evaluate", f"--config={text}", "--weights", "w"],
    "export --config": lambda text: ["export", f"--config={text}", "--weights=w", "--output=o"],
    "gradcheck --config": lambda text: ["gradcheck", f"--config={text}"],
    "train CONFIG": lambda text: ["train", text],
    "evaluate CONFIG": lambda text: ["evaluate", text, "--weights", "w"],
    "export CONFIG": lambda text: ["export", text, "--weights=w", "--output=o"],
    "gradcheck CONFIG": lambda text: ["gradcheck", text],
    "evaluate --runs-dir": lambda text: ["evaluate", "--weights=w", f"--runs-dir={text}"],
    "evaluate --against": lambda text: ["evaluate", *TRAINED, "w", f"--against={text}"],
    "export --runs-dir": lambda text: [*EXPORT, "--weights=w", f"--runs-dir={text}"],
    "gradcheck --runs-dir": lambda text: ["gradcheck", "--weights=w", f"--runs-dir={text}"],
    "evaluate --weights": lambda text: ["evaluate", "--config=quickstart", f"--weights={text}"],
    "export --weights": lambda text: ["export", *TRAINED, text, "--output=o"],
    "gradcheck --weights": lambda text: ["gradcheck", f"--weights={text}"],
    "export --output": lambda text: ["export", *TRAINED, "w", f"--output={text}"],
    "config init PATH": lambda text: ["config", "init", text, "--dataset=mine"],
    "config init --images": lambda text: ["config", "init", f"--images={text}"],
    "config init --root": lambda text: ["config", "init", "--dataset=mine", f"--root={text}"],
    "config new --root": lambda text: ["config", "new", "--dataset=mine", f"--root={text}"],
    "data list --root": lambda text: ["data", "list", f"--root={text}"],
    "data verify --root": lambda text: ["data", "verify", "mnist", f"--root={text}"],
    "data import SOURCE": lambda text: ["data", "import", text, "--name", "mine"],
    "data import --test-source": lambda text: [*IMPORT, f"--test-source={text}"],
    "predict --weights": lambda text: ["predict", "x.png", f"--weights={text}"],
    "predict --config": lambda text: ["predict", "x.png", "--weights=w", f"--config={text}"],
    "predict --runs-dir": lambda text: ["predict", "x.png", "--weights=w", f"--runs-dir={text}"],
    "explain --weights": lambda text: ["explain", "3", f"--weights={text}"],
    "explain --config": lambda text: ["explain", "3", "--weights=w", f"--config={text}"],
    "explain --runs-dir": lambda text: ["explain", "3", "--weights=w", f"--runs-dir={text}"],
    "explain --output": lambda text: ["explain", "3", "--weights=w", f"--output={text}"],
    "lr-find CONFIG": lambda text: ["lr-find", text],
    "lr-find --config": lambda text: ["lr-find", f"--config={text}"],
    "report RUN": lambda text: ["report", text],
    "report --output": lambda text: ["report", "x", f"--output={text}"],
    "report --runs-dir": lambda text: ["report", "x", f"--runs-dir={text}"],
    "resume RUN": lambda text: ["resume", text],
    "resume --runs-dir": lambda text: ["resume", "x", f"--runs-dir={text}"],
    "runs list --runs-dir": lambda text: ["runs", "list", f"--runs-dir={text}"],
    "runs show RUN": lambda text: ["runs", "show", text],
    "runs show --runs-dir": lambda text: ["runs", "show", "x", f"--runs-dir={text}"],
    "runs compare RUN": lambda text: ["runs", "compare", text, text],
    "runs compare --runs-dir": lambda text: ["runs", "compare", "x", f"--runs-dir={text}"],
    "runs verify RUN": lambda text: ["runs", "verify", text],
    "runs verify --runs-dir": lambda text: ["runs", "verify", "x", f"--runs-dir={text}"],
    "sweep CONFIG": lambda text: ["sweep", text, *GRID],
    "sweep --config": lambda text: ["sweep", f"--config={text}", *GRID],
    "sweep --folder": lambda text: ["sweep", "nothing", *GRID, f"--folder={text}"],
    "sweep --file": lambda text: ["sweep", f"--file={text}"],
    "sweep --resume": lambda text: ["sweep", f"--resume={text}"],
    "runs_dir": lambda text: [*CHECK, "--set", f"runs_dir={quoted(text)}"],
    "reports_dir": lambda text: [*CHECK, "--set", f"reports_dir={quoted(text)}"],
    "data.root": lambda text: [*CHECK, "--set", f"data.root={quoted(text)}"],
    "checkpoint.filepath": lambda text: [*CHECK, "--set", callback("checkpoint", text)],
    "csv_logger.filepath": lambda text: [*CHECK, "--set", callback("csv_logger", text)],
    "tensorboard.log_dir": lambda text: [*CHECK, "--set", callback("tensorboard", text, "log_dir")],
}
"""Arguments with a text in the place of a path."""
NAMED = ("CONFIG", "RUN", "W")
"""What may be a path, or a name."""

READ_ALL_OF_IT = ("data import SOURCE", "config init --images")
"""Given the root, they walk through the whole disk, whatever there may be."""

READ = {name for name in DOORS if "RUN" in name or "--weights" in name or "--runs-dir" in name}
WRITTEN = {"export --output", "explain --output", "checkpoint.filepath", "csv_logger.filepath"}


def quoted(text: str) -> str:
    return '"' + "".join(f"\\U{ord(character):08x}" for character in text) + '"'


def callback(name: str, text: str, key: str = "filepath") -> str:
    return f"callbacks=[{name}: {{{key}: {quoted(text)}}}]"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CNN_TUI_DATA", "")
    monkeypatch.setattr("engine.services.configs._PATIENCE", 0.05)  # nobody writes to its pipe
    litter(tmp_path)
    with ordinary_user():
        yield tmp_path
    unlock(tmp_path)


def code_of(arguments: list[str]) -> object:
    try:
        return command_line.main(arguments)
    except SystemExit as error:
        return error.code


def tree(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*"))


@pytest.mark.parametrize("door", rest_as_proofs(DOORS, every=5))
def test_whatever_is_typed_is_answered_in_a_line(
    door: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tree(folder)
    for case, text in TYPED.items():
        if door in READ_ALL_OF_IT and case == "root":
            continue
        code = code_of(DOORS[door](text))
        out, err = capsys.readouterr()
        said = f"{door}, {case}: exit code {code}: {err}"
        assert code in (0, 2, 3) or (code == 1 and door in WRITTEN), said
        lines = [line for line in err.splitlines() if "nothing was run." not in line]
        assert len(lines) <= 1 or code == 0, said
        assert "cnn-tui failed" not in err, said
        assert err.replace("\n", "").isprintable(), said
        assert code == 0 or lines or out, said
    assert tree(folder) == before


@pytest.mark.parametrize("door", sorted(READ))
@pytest.mark.parametrize("case", ["a file in a locked folder", "a locked folder", "a long name"])
def test_what_may_not_be_read_ends_with_3(
    door: str, case: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of(DOORS[door](TYPED[case])) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert "Permission denied" in line or "too long" in line or "no run" in line


@pytest.mark.parametrize("door", sorted(WRITTEN))
@pytest.mark.parametrize("case", sorted(set(TYPED) - {"bytes that are no text", "braces"}))
def test_what_cannot_be_a_file_is_refused_before_anything_is_done(
    door: str, case: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of(DOORS[door](TYPED[case])) in (1, 2)


NO_FOLDERS = (
    "a pipe",
    "a device",
    "a circle of links",
    "a folder in a file",
    "a long name",
    "a locked folder",
    "a file in a locked folder",
    "a long name in a folder",
)


@pytest.mark.parametrize("case", NO_FOLDERS)
def test_a_folder_of_runs_that_cannot_be_made_fails_the_run(
    case: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train", *TRAIN, "--quiet", "--set", f"runs_dir={quoted(TYPED[case])}"]
    assert code_of(arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "cannot make a run: " in line


@pytest.mark.parametrize("case", sorted(set(TYPED) - {"a null byte", "half a character"}))
def test_the_variable_of_the_data(
    case: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CNN_TUI_DATA", TYPED[case])
    assert code_of(["data", "list"]) in (0, 3)
    assert len(capsys.readouterr().err.splitlines()) <= 1


def test_a_tilde_is_the_home_folder_in_every_door(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "home").mkdir()
    for door, make in DOORS.items():
        code_of(make("~/x"))
        err = capsys.readouterr().err
        if "RUN" not in door:  # part of a run's name, too, may be typed there
            assert "~" not in err, door
    monkeypatch.setenv("CNN_TUI_DATA", "~/x")
    code_of(["data", "verify", "mnist"])
    assert str(folder / "home" / "x") in capsys.readouterr().out
    assert "~" not in os.listdir()


def test_every_path_of_the_command_line_is_tried_here() -> None:
    tried = {f"{name.split()[0]} {name.split()[-1]}" for name in DOORS}
    for name in COMMANDS:
        for path in paths_of(command_line.command_parser(name)):
            assert f"{name} {path}" in tried


def paths_of(parser: argparse.ArgumentParser) -> Iterator[str]:
    """The options and arguments of a parser, and of those below it, that take a path."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for one in action.choices.values():
                yield from paths_of(one)
        elif action.type in (types.path, types.file) or action.metavar in NAMED:
            yield str(action.option_strings[0] if action.option_strings else action.metavar)
