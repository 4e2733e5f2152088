import json
from pathlib import Path

import pytest

from tui.state.settings import AppSettings
from tui.state_folder import state_dir


def test_what_is_saved_is_there_the_next_time(home: Path) -> None:
    AppSettings(config="configs/tiny.yaml", theme="cnn-light").save()
    assert AppSettings.load() == AppSettings(config="configs/tiny.yaml", theme="cnn-light")


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"theme": 3, "other": "x"}', "[" * 100_000, "\x00"]
)
def test_a_bad_file_is_ignored(home: Path, content: str) -> None:
    folder = state_dir()
    assert folder is not None
    folder.mkdir(parents=True)
    (folder / "session.json").write_text(content)
    assert AppSettings.load() == AppSettings()


def test_unknown_keys_are_dropped(home: Path) -> None:
    folder = state_dir()
    assert folder is not None
    folder.mkdir(parents=True)
    (folder / "session.json").write_text(json.dumps({"theme": "x", "newer": "y"}))
    assert AppSettings.load().theme == "x"


def test_a_folder_that_cannot_be_written_is_no_trouble(home: Path) -> None:
    (home / "state").write_text("a file where the folder should be")
    AppSettings(theme="x").save()
    assert AppSettings.load() == AppSettings()


def test_a_relative_state_folder_is_not_used(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    folder = state_dir()
    assert folder is not None
    assert folder.is_absolute()
