"""Configs whose files are changed, replaced, made or removed by somebody else."""

import os
import re
import shlex
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.config import load
from engine.data import processed_folder
from engine.errors import ConfigError
from tests.support import TINY_CONFIG
from tests.support.app_pilot import Until, on_screen, seen
from tests.support.imported_sets import make_set
from tests.support.proofs import rest_as_proofs
from tui.app import CnnApp
from tui.cli import main as command_line
from tui.screens.configs.config_list import ConfigList
from tui.screens.configs.edit_screen import EditScreen
from tui.screens.configs.screen import ConfigsScreen
from tui.screens.configs.watch import ConfigWatch
from tui.screens.configs.yaml_editor import YamlEditor
from tui.screens.dialogs import Confirm
from tui.state.document import ConfigDocument
from tui.state.workspace import Workspace

MakeApp = Callable[..., CnnApp]

TINY = TINY_CONFIG.read_text()
THEIRS = TINY.replace("lr: 0.05", "lr: 0.25")


@pytest.fixture
def tiny(home: Path) -> Path:
    return home / "configs" / "tiny.yaml"


def write_in_place(path: Path, text: str) -> None:
    path.write_text(text)


def write_beside_and_rename(path: Path, text: str) -> None:
    path.with_name("new").write_text(text)
    path.with_name("new").replace(path)


def write_with_the_old_times(path: Path, text: str) -> None:
    before = path.stat()
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def remove_and_write(path: Path, text: str) -> None:
    path.unlink()
    path.write_text(text)


def through_a_link(path: Path, text: str) -> None:
    path.with_name("other.text").write_text(text)
    path.unlink()
    path.symlink_to("other.text")


WAYS = [
    write_in_place,
    write_beside_and_rename,
    write_with_the_old_times,
    remove_and_write,
    through_a_link,
]


@pytest.mark.parametrize("write", WAYS)
def test_what_is_not_changed_here_follows_the_file(
    tiny: Path, write: Callable[[Path, str], None]
) -> None:
    document = ConfigDocument.open(tiny)
    assert document.look() is None
    write(tiny, THEIRS)
    assert document.look() == "reloaded"
    assert document.text == THEIRS
    assert not document.dirty
    assert document.look() is None
    document.undo()
    assert document.text == TINY
    assert document.dirty


@pytest.mark.parametrize("write", WAYS)
def test_what_is_changed_on_both_sides_is_not_written_over(
    tiny: Path, write: Callable[[Path, str], None]
) -> None:
    document = ConfigDocument.open(tiny)
    document.set("seed", 9)
    mine = document.text
    write(tiny, THEIRS)
    with pytest.raises(ConfigError, match="changed on disk"):
        document.save()
    assert tiny.read_text() == THEIRS
    assert document.look() == "changed"
    assert document.text == mine
    document.save()  # the question was answered
    assert tiny.read_text() == mine
    assert not document.dirty


def test_the_same_change_on_both_sides_is_none(tiny: Path) -> None:
    document = ConfigDocument.open(tiny)
    document.set("train.lr", 0.25)
    tiny.write_text(document.text)
    assert document.look() is None
    assert not document.dirty


def test_touched_is_not_changed(tiny: Path) -> None:
    document = ConfigDocument.open(tiny)
    os.utime(tiny, (1, 1))
    tiny.chmod(0o600)
    version = document.version
    assert document.look() is None
    assert document.version == version


def test_a_file_that_is_away_for_a_moment_is_not_removed(tiny: Path) -> None:
    document = ConfigDocument.open(tiny)
    tiny.unlink()
    assert document.look() is None
    tiny.write_text(TINY)
    assert document.look() is None
    tiny.unlink()
    assert document.look() is None
    assert document.look() == "removed"
    assert document.dirty
    assert document.command() is None
    document.save()
    assert tiny.read_text() == TINY
    assert not document.dirty


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * 100_000])
def test_what_cannot_be_read_is_not_written_over(tiny: Path, content: bytes) -> None:
    document = ConfigDocument.open(tiny)
    tiny.write_bytes(content)
    assert document.look() == "unreadable"
    assert document.text == TINY
    for opened in (document, ConfigDocument.open(tiny)):
        with pytest.raises(ConfigError, match="changed on disk"):
            opened.save()
    assert tiny.read_bytes() == content
    document.save(tiny.with_name("elsewhere.yaml"))


CONTENTS = {
    "mixed": TINY.replace("\n", "\r\n", 3).encode(),
    "CRLF": TINY.replace("\n", "\r\n").encode(),
    "CR": TINY.replace("\n", "\r").encode(),
    "a byte order mark": b"\xef\xbb\xbf" + TINY.encode(),
    "no end": TINY.rstrip("\n").encode(),
    "odd ends": TINY.replace("\n", "\u2028", 2).encode(),
    "form feed": TINY.replace("\n", "\n# \x0c\n", 1).encode(),
    "ends": (TINY + "\n\n\n").encode(),
    "empty": b"",
}


@pytest.mark.parametrize("content", rest_as_proofs(CONTENTS.values()), ids=CONTENTS)
async def test_a_config_that_is_only_looked_at_is_not_changed(
    make_app: MakeApp, tiny: Path, until: Until, content: bytes
) -> None:
    tiny.write_bytes(content)
    app = make_app()
    async with app.run_test() as pilot:
        document = app.workspace.document
        await pilot.press("e")
        await on_screen(pilot, EditScreen)
        await pilot.press("ctrl+t")
        await pilot.pause()
        assert not document.dirty
        assert not document.undo()
    document.save()
    assert tiny.read_bytes() == content


@pytest.mark.parametrize("content", [CONTENTS[name] for name in ("mixed", "CRLF", "CR")])
def test_only_the_line_that_is_changed_is_changed_in_the_file(tiny: Path, content: bytes) -> None:
    tiny.write_bytes(content)
    document = ConfigDocument.open(tiny)
    document.set("seed", 7)
    document.save()
    assert tiny.read_bytes() == content.replace(b"seed: 1", b"seed: 7")
    assert load(tiny) == document.config


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640, 0o755])
def test_saving_keeps_the_mode(tiny: Path, mode: int) -> None:
    tiny.chmod(mode)
    document = ConfigDocument.open(tiny)
    document.set("seed", 7)
    document.save()
    assert stat.S_IMODE(tiny.stat().st_mode) == mode


# -- the list --------------------------------------------------------------------------------------


def names(workspace: Workspace) -> set[str]:
    return {path.stem for path in workspace.paths}


def test_new_and_removed_configs_are_noticed(home: Path, tiny: Path) -> None:
    workspace = Workspace.opened()
    version = workspace.version
    assert workspace.look() == []
    assert workspace.version == version
    (home / "configs" / "new.yaml").write_text(TINY)
    tiny.unlink()
    assert workspace.look() == []
    assert workspace.version > version
    assert names(workspace) >= {"quickstart", "new"}
    assert "tiny" not in names(workspace)


def test_a_removed_config_with_changes_stays_in_the_list(tiny: Path) -> None:
    workspace = Workspace.opened(tiny)
    document = workspace.document
    document.set("seed", 9)
    workspace.choose(workspace.paths[0])
    tiny.unlink()
    assert [news for _ in range(2) for news in workspace.look()] == [(document, "removed")]
    assert "tiny" in names(workspace)
    assert workspace.choose(tiny) is document
    workspace.forget(document)
    assert "tiny" not in names(workspace)
    assert workspace.document.name == "quickstart"


def test_a_removed_config_that_was_only_looked_at_is_dropped(tiny: Path) -> None:
    workspace = Workspace.opened(tiny)
    workspace.choose(workspace.paths[0])
    tiny.unlink()
    assert [*workspace.look(), *workspace.look()] == []
    assert "tiny" not in names(workspace)
    assert workspace.dirty == []


# -- in the app ------------------------------------------------------------------------------------


async def test_the_app_shows_and_trains_what_is_in_the_file(
    make_app: MakeApp, tiny: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app()
    trained = []
    monkeypatch.setattr(app, "start_training", lambda config: trained.append(config) or True)
    async with app.run_test() as pilot:
        tiny.write_text(THEIRS)
        await pilot.press("r")  # before any look that is due
        assert [config.train.lr for config in trained] == [0.25]
        tiny.write_text(TINY.replace("lr: 0.05", "lr: fast"))
        (tiny.parent / "new.yaml").write_text(TINY)
        options = app.screen.query_one(ConfigList)
        await until(pilot, lambda: app.workspace.document.config is None)
        await until(
            pilot,
            lambda: any("new" in str(option.prompt) for option in options.options),
        )
        lines = [str(option.prompt) for option in options.options]
        assert [line.split() for line in lines if " tiny " in line] == [["tiny", "✗"]]


@pytest.mark.parametrize("key", rest_as_proofs(["r", "w", "y", "v", "nothing"]))
@pytest.mark.parametrize("answer", rest_as_proofs(["y", "n", "escape", "enter"]))
async def test_a_change_on_both_sides_is_asked_about(
    make_app: MakeApp,
    tiny: Path,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
    key: str,
    answer: str,
) -> None:
    monkeypatch.setenv("EDITOR", "true")
    if key != "nothing":  # on a slow machine the question might come before the key, as its answer
        monkeypatch.setattr("tui.screens.configs.watch._PAUSE", 3600.0)
    app = make_app()
    async with app.run_test() as pilot:
        document = app.workspace.document
        document.set("seed", 9)
        mine = document.text
        tiny.write_text(THEIRS)
        if key != "nothing":
            await pilot.press(key)
        await on_screen(pilot, Confirm)
        assert tiny.read_text() == THEIRS
        assert not app.training.running
        await pilot.press(answer)
        await until(pilot, lambda: not isinstance(app.screen, Confirm))
        assert document.text == (THEIRS if answer == "y" else mine)
        assert document.dirty is (answer != "y")
        if answer == "y":
            document.undo()
            assert document.text == mine
        await pilot.press("w")
        assert tiny.read_text() == mine


async def test_the_editor_follows_the_file(make_app: MakeApp, tiny: Path, until: Until) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press("e")
        await on_screen(pilot, EditScreen)
        tiny.write_text(THEIRS)
        await until(pilot, lambda: app.screen.query_one(YamlEditor).text == THEIRS)
        assert not app.workspace.document.dirty


async def test_a_removed_config_is_said_and_can_be_saved_again_or_dropped(
    make_app: MakeApp, tiny: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app()
    told: list[str] = []
    monkeypatch.setattr(app, "show_message", lambda message, *_, **__: told.append(message))
    async with app.run_test() as pilot:
        tiny.unlink()
        await until(pilot, lambda: told == ["tiny: removed on disk"])
        await pilot.press("w")
        await until(pilot, tiny.exists)
        assert not app.workspace.document.dirty
        tiny.unlink()
        await until(pilot, lambda: told[-1] == "tiny: removed on disk")
        await pilot.press("D")
        await until(pilot, lambda: app.workspace.document.name == "quickstart")
        assert "tiny" not in names(app.workspace)


# -- the equal command -----------------------------------------------------------------------------

CHANGES = {
    "nothing": {},
    "a value": {"train.lr": 0.5},
    "a section": {"train.scheduler": {"name": "cosine"}},
    "a list": {"layers": ["Flatten", {"Dense": {"out_features": 10}}]},
    "text": {"name": "it's 5 %"},
    "callbacks": {"callbacks": ["terminate_on_nan"]},
}


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_the_equal_command_trains_the_same(
    tiny: Path, changes: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    document = ConfigDocument.open(tiny)
    document.set_all(changes)
    command = document.command()
    if command is None:  # it says so, which is true as well
        assert changes
        return
    found = []
    monkeypatch.setattr(
        "tui.cli.commands.train.train", lambda config, out, resume: found.append(config)
    )
    command_line.main(shlex.split(command)[1:])
    assert found == [document.config]


async def test_a_config_is_checked_again_when_its_data_set_is_imported_or_removed(
    home: Path, make_app: MakeApp, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.screens.configs.watch._PAUSE", 0)
    for name in ("chosen", "other"):
        (home / "configs" / f"{name}.yaml").write_text(TINY.replace("mnist_mini", "pets"))
    raw = home / "data" / "raw"
    app = make_app("chosen")
    async with app.run_test(size=(80, 24)) as pilot:
        await on_screen(pilot, ConfigsScreen)

        def states() -> list[str]:
            return re.findall(r"│ +(?:chosen|other) +(\S)", seen(app))

        await until(pilot, lambda: states() == ["✗", "✗"])
        assert app.workspace.document.config is None
        make_set(raw, shape=(1, 28, 28), classes=tuple("0123456789"), train=600)
        await until(pilot, lambda: states() == ["✓", "✓"])
        await until(pilot, lambda: "train chosen now" in seen(app))
        shutil.rmtree(processed_folder(raw) / "pets")
        await until(pilot, lambda: states() == ["✗", "✗"])


def test_no_file_is_looked_at_before_there_is_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The app ticks already, while a busy machine has not shown it yet."""
    monkeypatch.setattr("tui.screens.configs.watch._PAUSE", 0)
    looked: list[bool] = []
    app: Any = SimpleNamespace(screen_stack=[], workspace=SimpleNamespace(look=looked.append))
    ConfigWatch(app).refresh_tick()
    assert not looked
