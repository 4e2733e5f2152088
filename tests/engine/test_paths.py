"""From typed text to a path, or to the reason why there is none."""

import os
import pwd
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from engine import paths
from engine.errors import CheckpointError, ConfigError

NO_PATHS = {
    "nothing": ("", "expected a path, got nothing"),
    "blanks": ("  ", "expected a path, got nothing"),
    "a null byte": ("a\0b", "control characters"),
    "a line end": ("a\nb", "control characters"),
    "an escape": ("a\x1b[2Jb", "control characters"),
    "half a character": ("a\ud800b", "cannot hold these characters"),
    "nobody's home": ("~nosuchuser/x", "no user 'nosuchuser'"),
}
FOLDERS = ["/", ".", "..", "./", "x/", "x/.", "x/..", "~", "~/", "~root", "~root/"]


@pytest.mark.parametrize("case", NO_PATHS)
@pytest.mark.parametrize("parse", [paths.parse, paths.parse_file])
def test_what_is_no_path_is_one_line(case: str, parse: Callable[[str], Path]) -> None:
    text, words = NO_PATHS[case]
    with pytest.raises(ConfigError, match=words) as caught:
        parse(text)
    assert caught.value.exit_code == 2


def test_the_class_of_the_error_is_the_callers() -> None:
    with pytest.raises(CheckpointError) as caught:
        paths.parse("~nosuchuser", CheckpointError)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("text", FOLDERS)
def test_a_folder_is_not_the_name_of_a_file(text: str) -> None:
    assert paths.parse(text)
    with pytest.raises(ConfigError, match="it is a folder"):
        paths.parse_file(text, (".yaml",))


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert paths.parse("~") == Path("/home/me")
    assert paths.parse("~/x") == Path("/home/me/x")
    assert paths.parse("x/~") == Path("x/~")


@pytest.mark.parametrize("text", ["./~", "./~/x", "./~nosuchuser"])
def test_a_folder_whose_name_is_a_tilde_can_be_written_out(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = paths.parse(text)
    assert path == tmp_path / text[2:]
    assert paths.parse(str(path)) == path


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("x", "x.yaml"),
        ("x.yaml", "x.yaml"),
        ("x.yml", "x.yml"),
        ("x.y", "x.y.yaml"),
        ("...", "....yaml"),
        ("a.b/x", "a.b/x.yaml"),
        ("größe 1", "größe 1.yaml"),
    ],
)
def test_a_suffix_is_added_where_there_is_none_of_those(text: str, name: str) -> None:
    assert paths.parse_file(text, (".yaml", ".yml")) == Path(name)


def test_without_a_home_a_tilde_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(uid: int) -> NoReturn:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    assert paths.home() is None
    with pytest.raises(ConfigError, match="no home folder; set HOME"):
        paths.parse("~/x")


@pytest.mark.parametrize("home", ["", "relative"])
def test_a_home_that_is_none_is_not_used(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", home)
    with pytest.raises(ConfigError, match="no home folder; set HOME"):
        paths.parse("~/x")


@pytest.mark.parametrize("path", ["/dev/null", "fifo", "folder", "a file/x", "n" * 300, "circle"])
def test_what_cannot_be_written_over_is_one_line(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("fifo")
    Path("folder").mkdir()
    Path("a file").touch()
    Path("circle").symlink_to("circle")
    with pytest.raises(ConfigError) as caught:
        paths.check_writable(Path(path))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_what_can_be_written_is_told_from_what_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "old").touch()
    (tmp_path / "link").symlink_to("old")
    (tmp_path / "dangling").symlink_to("new")
    assert paths.check_writable(tmp_path / "old") == "file"
    assert paths.check_writable(tmp_path / "link") == "file"
    assert paths.check_writable(tmp_path / "dangling") == "missing"
    assert paths.check_writable(tmp_path / "a" / "b" / "new") == "missing"
