"""Starting where a folder may not be entered, is not there, or has a name that is no text."""

import os
import pwd
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.widgets import Input

from engine import paths
from engine.services.resume import resume_command
from tests.support.app_pilot import Until
from tests.support.privileges import ordinary_user
from tests.support.proofs import rest_as_proofs
from tests.support.typed_paths import TYPED, litter, unlock
from tui import launch
from tui.app import CnnApp
from tui.cli import main as command_line
from tui.cli.parser import path as typed_path
from tui.screens.dialogs import AskPath
from tui.state.document import ConfigDocument
from tui.state.settings import AppSettings
from tui.state.workspace import Workspace
from tui.state_folder import state_dir

MakeApp = Callable[..., CnnApp]
NAMES = ["a b", "it's", "~x", "~root", "-x", "--help", "$HOME", "größe", "a\\b", "a\\'b"]
NAMES.append(os.fsdecode(b"\xff\xfe"))


@pytest.fixture
def folder(home: Path) -> Iterator[Path]:
    """The working folder, with things that are no files."""
    litter(home)
    with ordinary_user():
        yield home
    unlock(home)


@pytest.fixture
def nobody(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user that the system does not know, without HOME."""

    def unknown(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("HOME", "XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)


# -- the start ------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", TYPED)
def test_the_config_that_the_app_is_to_open(
    case: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

        def write(self, text: str) -> int:
            said.append(text)
            return len(text)

    said: list[str] = []
    opened: list[object] = []
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, Terminal())
    monkeypatch.setattr(launch, "launch", lambda path, overrides: opened.append(path))
    assert command_line.main([f"--config={TYPED[case]}"]) == 2
    assert opened == []
    assert "".join(said).startswith("cnn-tui: ")
    assert "".join(said).count("\n") == 1


@pytest.mark.parametrize("case", rest_as_proofs(TYPED))
async def test_the_app_opens_whatever_the_config_of_the_last_session_was(
    case: str, folder: Path
) -> None:
    app = CnnApp(Workspace.opened(None, TYPED[case]))
    async with app.run_test() as pilot:
        assert app.workspace.document.name == "quickstart"
        await pilot.press("q")
    assert app.return_code == 0


@pytest.mark.parametrize(
    ("dataset", "where", "chosen"),
    [
        ("mnist_mini", "elsewhere", "last"),
        ("only_there", "elsewhere", "quickstart"),
        ("only_there", "here", "last"),
    ],
)
def test_the_last_config_is_opened_with_errors_only_in_its_own_folder(
    dataset: str, where: str, chosen: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("here", "elsewhere"):
        (folder / name).mkdir()
    last = folder / where / "last.yaml"
    last.write_text(f"model: lenet_mnist\ndataset: {dataset}\n")
    monkeypatch.chdir(folder / "here")
    assert Workspace.opened(None, str(last)).document.name == chosen


@pytest.mark.parametrize("case", sorted(set(TYPED) - {"a null byte", "half a character"}))
def test_the_configs_are_listed_whatever_the_variable_of_the_data_is(
    case: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNN_TUI_DATA", TYPED[case])
    workspace = Workspace.opened()
    workspace.look()
    assert workspace.paths[0].stem == "quickstart"


async def test_configs_that_may_not_be_read_are_no_trouble(home: Path) -> None:
    (home / "configs").chmod(0o400)  # their names can be read, not they
    with ordinary_user():
        app = CnnApp(Workspace.opened())
        async with app.run_test():
            assert "tiny" not in [path.stem for path in app.workspace.paths]
    (home / "configs").chmod(0o700)


async def test_without_a_home_folder_nothing_is_remembered(nobody: None, until: Until) -> None:
    assert state_dir() is None
    AppSettings(theme="x").save()
    assert AppSettings.load() == AppSettings()
    assert launch.open_log() is None
    app = CnnApp(Workspace.opened(None, AppSettings.load().config))
    async with app.run_test() as pilot:
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)
    assert app.return_value == 0


@pytest.mark.parametrize("place", ["pipe", "folder", "circle", "locked/x"])
def test_a_log_that_cannot_be_written_is_none(
    place: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    (folder / "state" / "cnn-tui").mkdir(parents=True)
    (folder / "state" / "cnn-tui" / "cnn-tui.log").symlink_to(folder / place)
    assert launch.open_log() is None


# -- what is copied and printed -------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_printed_command_means_the_same_path_to_a_shell(name: str, tmp_path: Path) -> None:
    command = resume_command(tmp_path / name)
    assert command.isprintable()
    done = subprocess.run(
        ["bash", "-c", f'cnn-tui() {{ printf %s "$2"; }}; {command}'],
        capture_output=True,
        check=True,
    )
    assert done.stdout == os.fsencode(tmp_path / name)


@pytest.mark.parametrize("name", NAMES)
def test_the_copied_command_opens_the_config(name: str, home: Path) -> None:
    path = home / f"{name}.yaml"
    path.write_text((home / "configs" / "tiny.yaml").read_text())
    for document in (ConfigDocument.open(path), ConfigDocument.open(Path(path.name))):
        command = document.command()
        assert command is not None
        assert command.isprintable()
        done = subprocess.run(
            ["bash", "-c", f"cnn-tui() {{ printf '%s\\0' \"$@\"; }}; {command}"],
            capture_output=True,
            check=True,
        )
        words = [os.fsdecode(word) for word in done.stdout.split(b"\0")[:-1]]
        options = command_line.top_parser().parse_args(words)
        assert options.no_ui
        assert os.path.samefile(typed_path(options.config), path)


@pytest.mark.parametrize("name", rest_as_proofs(NAMES))
async def test_a_config_of_any_name_can_be_copied_and_saved(
    name: str, make_app: MakeApp, home: Path, until: Until
) -> None:
    text = (home / "configs" / "tiny.yaml").read_text()
    (home / "configs" / f"{name}.yaml").write_text(text)
    app = make_app(name)
    async with app.run_test() as pilot:
        await pilot.press("y")
        assert app.clipboard == app.workspace.document.command()
        app.export_screenshot().encode()  # as a terminal gets it
        await pilot.press("escape", "W")
        await until(pilot, lambda: isinstance(app.screen, AskPath) and app.screen.query(Input))
        app.export_screenshot().encode()
        await pilot.press("escape", "w", "q")
        await until(pilot, lambda: not app.is_running)
    assert app.return_value == 0
    assert Workspace.opened(None, app.settings.config).document.name == name


async def test_a_name_that_may_not_be_typed_has_no_command(make_app: MakeApp, home: Path) -> None:
    text = (home / "configs" / "tiny.yaml").read_text()
    (home / "configs" / "a\nb.yaml").write_text(text)
    app = make_app("a\nb")
    async with app.run_test() as pilot:
        await pilot.press("y")
        assert app.clipboard == ""
        assert app.workspace.document.command() is None


@pytest.mark.proof
async def test_a_training_that_is_left_is_resumed_by_what_is_printed(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    app = make_app()
    app.workspace.document.set("runs_dir", "my runs")
    app.workspace.document.set("train.epochs", 500)
    async with app.run_test() as pilot:
        await pilot.press("r")
        await until(pilot, lambda: app.training.started)
        app.shut_down()
        await until(pilot, lambda: not app.is_running)
    assert app.training.run_dir is not None
    (line,) = app.exit_sequence.exit_message
    assert line.endswith(f"cnn-tui resume {paths.quote(str(app.training.run_dir))}")
    assert "'" in line
